//! Several voices into one stereo stream.

use std::collections::HashMap;
use std::hash::Hash;

use crate::pcm::{Volume, soft_clip};

/// Sums the voices of one tick.
///
/// Each tick: [`Mixer::add`] every voice, then [`Mixer::take`] the sum. `K` names a voice: a user, an SSRC. Volumes
/// are kept until they are changed, so that a user who leaves and comes back is as loud as before.
///
/// ```
/// use voxhall_media::mixer::Mixer;
/// use voxhall_media::pcm::Volume;
/// let mut mixer = Mixer::new();
/// mixer.set_volume("bob", Volume::from_percent(50));
/// mixer.add(&"alice", &[0.25, 0.25]);
/// mixer.add(&"bob", &[0.5, -0.5]);
/// let mut out = [0.0; 2];
/// mixer.take(&mut out);
/// assert_eq!(out, [0.5, 0.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Mixer<K> {
    volumes: HashMap<K, Volume>,
    sum: Vec<f32>,
}

impl<K: Eq + Hash> Mixer<K> {
    /// An empty mixer, with everyone at full volume.
    #[must_use]
    pub fn new() -> Self {
        Self {
            volumes: HashMap::new(),
            sum: Vec::new(),
        }
    }

    /// How loud a voice is from now on.
    pub fn set_volume(&mut self, voice: K, volume: Volume) {
        if volume == Volume::FULL {
            self.volumes.remove(&voice);
        } else {
            self.volumes.insert(voice, volume);
        }
    }

    /// Adds a voice's interleaved PCM, from the start of the tick on.
    pub fn add(&mut self, voice: &K, pcm: &[f32]) {
        let factor = self.volume(voice).factor();
        if self.sum.len() < pcm.len() {
            self.sum.resize(pcm.len(), 0.0);
        }
        for (sum, sample) in self.sum.iter_mut().zip(pcm) {
            *sum += sample * factor;
        }
    }

    /// Writes the sum of the tick, softly clipped to ±1, and starts the next one.
    ///
    /// `out` should be as long as the voices were: what is longer is filled with silence, what is shorter cuts off.
    pub fn take(&mut self, out: &mut [f32]) {
        let length = self.sum.len().min(out.len());
        out[..length].copy_from_slice(&self.sum[..length]);
        out[length..].fill(0.0);
        soft_clip(out);
        self.sum.clear();
    }

    /// How loud a voice is.
    #[must_use]
    pub fn volume(&self, voice: &K) -> Volume {
        self.volumes.get(voice).copied().unwrap_or_default()
    }
}

impl<K: Eq + Hash> Default for Mixer<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_leaves_nothing_behind() {
        let mut mixer = Mixer::new();
        mixer.add(&1, &[0.5; 4]);
        let mut out = [9.0; 4];
        mixer.take(&mut out);
        assert_eq!(out, [0.5; 4]);
        mixer.take(&mut out);
        assert_eq!(out, [0.0; 4]);
    }

    #[test]
    fn a_crowd_does_not_clip() {
        let mut mixer = Mixer::new();
        for voice in 0..20 {
            mixer.add(&voice, &[0.9, -0.9]);
        }
        let mut out = [0.0; 4];
        mixer.take(&mut out);
        assert!(out.iter().all(|sample| sample.abs() <= 1.0));
        assert!(out[0] > 0.9 && out[1] < -0.9);
        assert_eq!(out[2..], [0.0; 2]);
    }

    #[test]
    fn volumes_are_kept_per_voice() {
        let mut mixer = Mixer::new();
        mixer.set_volume(1, Volume::MUTE);
        let mut out = [0.0; 2];
        for _ in 0..2 {
            mixer.add(&1, &[0.5; 2]);
            mixer.add(&2, &[0.25; 2]);
            mixer.take(&mut out);
            assert_eq!(out, [0.25; 2]);
        }
        assert_eq!((mixer.volume(&1), mixer.volume(&2)), (Volume::MUTE, Volume::FULL));
    }
}

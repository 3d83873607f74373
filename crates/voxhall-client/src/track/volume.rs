use std::sync::Arc;

use parking_lot::Mutex;
use voxhall_media::opus::EncoderConfig;
use voxhall_media::pcm::Volume;
use voxhall_media::source::{AudioFrame, AudioSource, VolumeSource};

/// Turned by a handle, read by the feeding thread.
pub(crate) type Knob = Arc<Mutex<Volume>>;

/// A source whose volume can be changed while it plays.
pub(crate) struct Adjustable<S> {
    source: VolumeSource<S>,
    knob: Knob,
}

impl<S: AudioSource> Adjustable<S> {
    pub(crate) fn new(source: S, volume: Volume) -> voxhall_media::Result<(Self, Knob)> {
        let knob = Arc::new(Mutex::new(volume));
        let source = VolumeSource::new(source, volume, EncoderConfig::default())?;
        let adjustable = Self {
            source,
            knob: Arc::clone(&knob),
        };
        Ok((adjustable, knob))
    }
}

impl<S: AudioSource> AudioSource for Adjustable<S> {
    fn next_frame(&mut self) -> voxhall_media::Result<Option<AudioFrame>> {
        self.source.set_volume(*self.knob.lock());
        self.source.next_frame()
    }
}

#[cfg(test)]
mod tests {
    use voxhall_media::opus::{Channels, Decoder};
    use voxhall_media::pcm::Samples;
    use voxhall_media::signal::Tone;
    use voxhall_media::signal::analysis::rms_db;
    use voxhall_media::source::PcmSource;

    use super::*;

    #[test]
    fn turning_the_knob_is_heard() {
        let tone = PcmSource::new(Samples::new(Tone::new(440.0, 0.5)), EncoderConfig::default()).unwrap();
        let (mut source, knob) = Adjustable::new(tone, Volume::FULL).unwrap();
        let mut decoder = Decoder::new(Channels::Stereo).unwrap();
        let mut loudness = || {
            let mut pcm = [0.0; voxhall_media::FRAME_LEN];
            for _ in 0..20 {
                let frame = source.next_frame().unwrap().unwrap();
                decoder.decode(Some(frame.packet()), &mut pcm).unwrap();
            }
            rms_db(&pcm)
        };
        let full = loudness();
        *knob.lock() = Volume::from_percent(10);
        let soft = loudness();
        assert!((15.0..25.0).contains(&(full - soft)), "{full} dB, then {soft} dB");
    }
}

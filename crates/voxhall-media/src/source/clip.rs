//! A whole recording in memory, shared by all who play it.

use std::sync::Arc;
use std::time::Duration;

use super::{AudioFrame, AudioSource};
use crate::{Result, duration_of};

/// Packets that were read once, to be played often: sound effects, or one tune in many calls.
///
/// Cloning is cheap, and so is each [`Clip::play`]: the packets themselves are shared.
#[derive(Debug, Clone)]
pub struct Clip {
    frames: Arc<[AudioFrame]>,
}

impl Clip {
    /// Reads a source to its end. The source must have one.
    ///
    /// # Errors
    /// The source's own.
    pub fn load(mut source: impl AudioSource) -> Result<Self> {
        let frames = std::iter::from_fn(|| source.next_frame().transpose()).collect::<Result<_>>()?;
        Ok(Self { frames })
    }

    /// Plays it once, from the start.
    #[must_use]
    pub fn play(&self) -> ClipSource {
        ClipSource {
            clip: self.clone(),
            next: 0,
            repeat: false,
        }
    }

    /// Plays it over and over.
    #[must_use]
    pub fn play_repeated(&self) -> ClipSource {
        ClipSource {
            repeat: true,
            ..self.play()
        }
    }

    /// Its packets.
    #[must_use]
    pub fn frames(&self) -> &[AudioFrame] {
        &self.frames
    }

    /// How long it lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        duration_of(self.frames.iter().map(|frame| u64::from(frame.samples())).sum())
    }
}

/// A [`Clip`] being played.
#[derive(Debug, Clone)]
pub struct ClipSource {
    clip: Clip,
    next: usize,
    repeat: bool,
}

impl AudioSource for ClipSource {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        if self.repeat && self.next == self.clip.frames.len() {
            self.next = 0;
        }
        let frame = self.clip.frames.get(self.next).cloned();
        self.next += usize::from(frame.is_some());
        Ok(frame)
    }
}

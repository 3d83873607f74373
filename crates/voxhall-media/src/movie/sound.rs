//! The sound of a movie: Opus packets as they are in the file, with silence where the file has none.

use super::demux::Track;
use crate::opus::silence_of;
use crate::source::{AudioFrame, AudioSource};
use crate::video::rescale;
use crate::{Result, SAMPLE_RATE};

/// Holes shorter than this, in samples, are those of rounded times.
const TOLERANCE: u64 = SAMPLE_RATE as u64 / 1_000 * 5;

/// Holes longer than this, in samples, are those of damaged times: an hour.
const MAX_HOLE: u64 = SAMPLE_RATE as u64 * 3_600;

/// The sound of a track, from the begin of the file on.
pub(super) struct Sound<T> {
    track: T,
    /// Samples per channel that came out.
    position: u64,
    /// A packet whose time has not come, and that time.
    waiting: Option<(u64, AudioFrame)>,
    failed: bool,
}

impl<T: Track> Sound<T> {
    pub(super) const fn new(track: T) -> Self {
        Self {
            track,
            position: 0,
            waiting: None,
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Option<AudioFrame>> {
        let (time, frame) = match self.waiting.take() {
            Some(waiting) => waiting,
            None => {
                let Some(packet) = self.track.next_packet()? else {
                    return Ok(None);
                };
                let time = rescale(packet.time, 1_000_000_000, u64::from(SAMPLE_RATE));
                (time, AudioFrame::new(packet.data)?)
            }
        };
        let hole = time.saturating_sub(self.position);
        if (TOLERANCE..MAX_HOLE).contains(&hole)
            && let Some((silence, _)) = silence_of(hole)
        {
            self.waiting = Some((time, frame));
            return Ok(Some(AudioFrame::new(silence.to_vec().into())?));
        }
        Ok(Some(frame))
    }
}

impl<T: Track> AudioSource for Sound<T> {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        if self.failed {
            return Ok(None);
        }
        let next = self.read();
        self.failed = next.is_err();
        if let Ok(Some(frame)) = &next {
            self.position += u64::from(frame.samples());
        }
        next
    }
}

//! A movie shown over and over. Pictures and sound begin again together, however long each of them is.

use crate::opus::{SILENCE, silence_of};
use crate::source::{AudioFrame, AudioSource};
use crate::video::{EncodedFrame, VIDEO_CLOCK, VideoCodec, VideoSource, rescale};
use crate::{Result, SAMPLE_RATE};

/// Opens the source anew.
type Open<S> = Box<dyn FnMut() -> Result<S> + Send>;

/// Pictures that begin again, `period` ticks of the video clock later each time.
pub(super) struct LoopedPictures {
    source: Box<dyn VideoSource>,
    open: Open<Box<dyn VideoSource>>,
    period: u64,
    /// Where the present round begins.
    start: u64,
    yielded: bool,
}

impl LoopedPictures {
    pub(super) fn new(mut open: Open<Box<dyn VideoSource>>, period: u64) -> Result<Self> {
        Ok(Self {
            source: open()?,
            open,
            period: period.max(1),
            start: 0,
            yielded: false,
        })
    }
}

impl VideoSource for LoopedPictures {
    fn codec(&self) -> VideoCodec {
        self.source.codec()
    }

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>> {
        loop {
            if let Some(mut frame) = self.source.next_frame()? {
                self.yielded = true;
                frame.timestamp = frame.timestamp.saturating_add(self.start);
                return Ok(Some(frame));
            }
            // What is empty would be opened without end.
            if !std::mem::take(&mut self.yielded) {
                return Ok(None);
            }
            self.source = (self.open)()?;
            self.start = self.start.saturating_add(self.period);
        }
    }
}

/// Sound that begins again with the pictures; silence until then.
pub(super) struct LoopedSound {
    source: Box<dyn AudioSource>,
    open: Open<Box<dyn AudioSource>>,
    /// Ticks of the video clock, as for the pictures: rounding must not add up.
    period: u64,
    round: u64,
    position: u64,
}

impl LoopedSound {
    pub(super) fn new(mut open: Open<Box<dyn AudioSource>>, period: u64) -> Result<Self> {
        Ok(Self {
            source: open()?,
            open,
            period: period.max(1),
            round: 1,
            position: 0,
        })
    }

    /// Samples left of the present round.
    fn left(&self) -> u64 {
        let ticks = self.period.saturating_mul(self.round);
        let end = rescale(ticks, u64::from(VIDEO_CLOCK), u64::from(SAMPLE_RATE));
        end.saturating_sub(self.position)
    }

    fn read(&mut self) -> Result<AudioFrame> {
        let mut silence = silence_of(self.left());
        if silence.is_none() {
            self.source = (self.open)()?;
            self.round += 1;
            silence = silence_of(self.left());
        }
        if let Some(frame) = self.source.next_frame()? {
            return Ok(frame);
        }
        let (packet, _) = silence.unwrap_or((SILENCE, 0));
        Ok(AudioFrame::new(packet.to_vec().into())?)
    }
}

impl AudioSource for LoopedSound {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        let frame = self.read()?;
        self.position += u64::from(frame.samples());
        Ok(Some(frame))
    }
}

//! A source played over and over.

use super::{AudioFrame, AudioSource};
use crate::Result;

/// Plays what `open` opens, and opens it again whenever it ends.
pub struct Repeat<S, F> {
    source: S,
    open: F,
    /// Whether the source has yielded anything since it was opened.
    yielded: bool,
}

impl<S: AudioSource, F: FnMut() -> Result<S>> Repeat<S, F> {
    /// Opens it for the first time.
    ///
    /// # Errors
    /// What `open` runs into.
    pub fn new(mut open: F) -> Result<Self> {
        Ok(Self {
            source: open()?,
            open,
            yielded: false,
        })
    }
}

impl<S: AudioSource, F: FnMut() -> Result<S> + Send> AudioSource for Repeat<S, F> {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        if let Some(frame) = self.source.next_frame()? {
            self.yielded = true;
            return Ok(Some(frame));
        }
        // What is empty would be opened without end.
        if !std::mem::take(&mut self.yielded) {
            return Ok(None);
        }
        self.source = (self.open)()?;
        let frame = self.source.next_frame()?;
        self.yielded = frame.is_some();
        Ok(frame)
    }
}

impl<S: std::fmt::Debug, F> std::fmt::Debug for Repeat<S, F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Repeat")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

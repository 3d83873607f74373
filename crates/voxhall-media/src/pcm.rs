//! Streams of samples, and how loud they are.

use crate::Result;

/// Something that yields 48 kHz stereo PCM, interleaved `f32`, nominally within ±1.
pub trait PcmStream: Send {
    /// Fills the front of `out` and returns how many values it wrote, always a multiple of two.
    ///
    /// Zero means the stream has ended; any less than `out.len()` only that this is all there is right now.
    ///
    /// # Errors
    /// What the stream's origin runs into, such as a file that breaks off.
    fn read(&mut self, out: &mut [f32]) -> Result<usize>;
}

impl<P: PcmStream + ?Sized> PcmStream for Box<P> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        (**self).read(out)
    }
}

//! Parts of a deflate stream (RFC 1950 and 1951) that stand on their own.
//!
//! Every part begins and ends at a byte and refers to nothing before it, so parts can follow each other in any order.
//! The checksum at the end of a stream would depend on all of them, but these streams end with their sockets.

use std::cell::RefCell;

use flate2::{Compress, Compression as Level, FlushCompress};

use super::Shared;

/// The header of a stream with a window of 32 KiB.
pub(crate) const HEADER: [u8; 2] = [0x78, 0x9c];

/// An empty stored block: the mark that clients take for the end of a message.
pub(crate) const FLUSH: &[u8] = &[0, 0, 0, 0xff, 0xff];

/// The most bytes of one stored block.
const LONGEST_STORED: usize = u16::MAX as usize;

/// Room to begin with for compressed bytes; it grows where it must.
const FIRST_ROOM: usize = 512;

thread_local! {
    /// A compressor is large and its state is of no use afterwards, so each thread has one for all that it compresses.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Level::default(), false));
}

/// Bytes as they are.
pub(crate) fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 5);
    for block in bytes.chunks(LONGEST_STORED) {
        let length = u16::try_from(block.len()).expect("a chunk is no longer than asked for");
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out
}

/// Compressed bytes with the mark of the end of a message.
///
/// # Errors
/// What the compressor says.
pub(crate) fn compressed(bytes: &[u8]) -> std::io::Result<Shared> {
    COMPRESSOR.with_borrow_mut(|stream| {
        stream.reset();
        deflate(stream, bytes).map(Shared::from)
    })
}

/// Deflates up to a sync flush.
fn deflate(stream: &mut Compress, mut bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(FIRST_ROOM.max(bytes.len() / 2));
    loop {
        let before = stream.total_in();
        stream
            .compress_vec(bytes, &mut out, FlushCompress::Sync)
            .map_err(std::io::Error::other)?;
        let consumed = usize::try_from(stream.total_in() - before).unwrap_or(bytes.len());
        bytes = &bytes[consumed..];
        // Room left over means that the flush is complete.
        if bytes.is_empty() && out.len() < out.capacity() {
            return Ok(out);
        }
        out.reserve(out.len().max(FIRST_ROOM));
    }
}

//! Parts of a zstd frame (RFC 8878) that stand on their own.
//!
//! A frame is a header and blocks. A block may reuse three things of the blocks before it: their bytes, their tables,
//! and the last three offsets. A block that was compressed at the beginning of a frame uses neither bytes nor tables,
//! but takes the offsets for the 1, 4 and 8 that every frame begins with. [`RESET`] makes them so again.

use std::cell::RefCell;
use std::io::Error;

use zstd::bulk::Compressor;
use zstd::stream::raw::CParameter;

use super::Shared;

/// The window, as a power of two in bytes.
const WINDOW_LOG: u32 = 19;

/// The frame's header: the magic number, no length, no checksum, no dictionary, a window of [`WINDOW_LOG`].
pub(crate) const HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0, ((WINDOW_LOG - 10) as u8) << 3];

/// Two blocks that decode to 17 spaces and leave the last offsets at 1, 4 and 8.
///
/// The first is eight spaces, and three more copied from eight bytes before; the second is three copied from four bytes
/// before and three from one byte before. A copy with an offset of its own puts that offset first. Each block has its
/// three-byte header, literals, the number of sequences, one code for all lengths and offsets, and the offsets' bits.
pub(crate) const RESET: [u8; 21] = [
    0x44, 0, 0, 0x41, b' ', 1, 0x54, 8, 3, 0, 0b1_011, //
    0x3c, 0, 0, 0x00, 2, 0x54, 0, 2, 0, 0b1_11_00,
];

/// Low: what is compressed once per event is still compressed often.
const LEVEL: i32 = 3;

/// The most bytes of one block.
const LONGEST_BLOCK: usize = 128 << 10;

/// Bytes of a block's header.
const BLOCK_HEADER: usize = 3;

thread_local! {
    /// As for deflate: one per thread.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// Bytes as they are.
pub(crate) fn raw(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + BLOCK_HEADER + RESET.len());
    for block in bytes.chunks(LONGEST_BLOCK) {
        let header = u32::try_from(block.len()).expect("a chunk is no longer than asked for") << 3;
        out.extend_from_slice(&header.to_le_bytes()[..BLOCK_HEADER]);
        out.extend_from_slice(block);
    }
    out
}

/// Compressed bytes; [`RESET`] must stand before them.
///
/// # Errors
/// What zstd says.
pub(crate) fn compressed(bytes: &[u8]) -> std::io::Result<Shared> {
    let frame = COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(compressor()?),
        };
        compressor.compress(bytes)
    })?;
    blocks_of(frame).ok_or_else(|| Error::other("zstd made a frame of another shape than it was asked for"))
}

fn compressor() -> std::io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    compressor.set_parameter(CParameter::ContentSizeFlag(false))?;
    compressor.set_parameter(CParameter::ChecksumFlag(false))?;
    Ok(compressor)
}

/// The blocks of a frame, none of them marked as its last.
fn blocks_of(mut frame: Vec<u8>) -> Option<Shared> {
    const REPEATED: u8 = 1;
    const LAST: u8 = 1;
    if !frame.starts_with(&HEADER[..5]) {
        return None;
    }
    let mut at = HEADER.len();
    loop {
        let header = frame.get_mut(at..at + BLOCK_HEADER)?;
        let kind = header[0] >> 1 & 3;
        let size = usize::from(header[0] >> 3) | usize::from(header[1]) << 5 | usize::from(header[2]) << 13;
        let last = header[0] & LAST != 0;
        header[0] &= !LAST;
        at += BLOCK_HEADER + if kind == REPEATED { 1 } else { size };
        if last {
            return (at == frame.len()).then(|| Shared::from(frame).slice(HEADER.len()..));
        }
    }
}

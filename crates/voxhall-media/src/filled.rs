//! Reading whole buffers from readers that give less.

use std::io::{self, ErrorKind, Read};

use bytes::Bytes;

/// Reads until `buffer` is full or the file ends, and says how much it read.
pub(crate) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads exactly `length` bytes, or gives `None` where the file ends before. Memory is taken as the bytes come, so that
/// a false length costs nothing.
pub(crate) fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Option<Bytes>> {
    let mut bytes = Vec::with_capacity(length.min(FIRST_PIECE));
    reader.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    Ok((bytes.len() == length).then(|| bytes.into()))
}

/// Passes over exactly `length` bytes; false where the file ends before.
pub(crate) fn skip(reader: &mut impl Read, length: u64) -> io::Result<bool> {
    Ok(io::copy(&mut reader.by_ref().take(length), &mut io::sink())? == length)
}

/// What is reserved at once for bytes whose number is only claimed.
const FIRST_PIECE: usize = 64 * 1024;

//! Pages: the unit of Ogg that carries a checksum (RFC 3533, section 6).

use std::io::Read;

use bytes::{Bytes, BytesMut};

use super::OggFault;
use crate::Result;
use crate::filled::fill;

/// The bytes before the segment table.
const HEADER: usize = 27;

/// Every page begins with these.
pub(super) const CAPTURE: [u8; 4] = *b"OggS";

/// The largest segment, and the lacing value that says "continued in the next".
pub(super) const FULL_SEGMENT: usize = 255;

/// Most segments of one page.
pub(super) const MAX_SEGMENTS: usize = 255;

/// Page without the end of a packet: its granule position says nothing.
pub(super) const NO_GRANULE: u64 = u64::MAX;

/// What the header-type byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    /// The first packet began on an earlier page.
    pub continued: bool,
    /// First page of a logical stream.
    pub begins: bool,
    /// Last page of a logical stream.
    pub ends: bool,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub flags: Flags,
    /// Samples at 48 kHz, pre-skip included, at the end of the last packet that ends here.
    pub granule: u64,
    /// Which logical stream.
    pub serial: u32,
    /// Counts the pages of the stream.
    pub sequence: u32,
    /// Lengths of the segments of `body`.
    pub lacing: Vec<u8>,
    pub body: Bytes,
}

impl Page {
    /// Reads one page, or `None` at the end of the file.
    pub(super) fn read(reader: &mut impl Read) -> Result<Option<Self>> {
        let mut header = [0; HEADER];
        match fill(reader, &mut header)? {
            0 => return Ok(None),
            read if read < CAPTURE.len() || header[..4] != CAPTURE => return Err(OggFault::NotOgg.into()),
            HEADER => {}
            _ => return Err(OggFault::Truncated.into()),
        }
        if header[4] != 0 {
            return Err(OggFault::Version.into());
        }
        let mut lacing = vec![0; usize::from(header[26])];
        fill_all(reader, &mut lacing)?;
        let mut body = BytesMut::zeroed(lacing.iter().map(|&length| usize::from(length)).sum());
        fill_all(reader, &mut body)?;
        let field =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let page = Self {
            flags: Flags {
                continued: header[5] & 1 != 0,
                begins: header[5] & 2 != 0,
                ends: header[5] & 4 != 0,
            },
            granule: u64::from(field(6)) | u64::from(field(10)) << 32,
            serial: field(14),
            sequence: field(18),
            lacing,
            body: body.freeze(),
        };
        let stated = field(22);
        header[22..26].fill(0);
        let sum = checksum(checksum(checksum(0, &header), &page.lacing), &page.body);
        if sum == stated {
            Ok(Some(page))
        } else {
            Err(OggFault::Checksum.into())
        }
    }

    /// The page's bytes with its checksum.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.lacing.len() + self.body.len());
        bytes.extend_from_slice(&CAPTURE);
        bytes.push(0);
        let flags = self.flags;
        bytes.push(u8::from(flags.continued) | u8::from(flags.begins) << 1 | u8::from(flags.ends) << 2);
        bytes.extend_from_slice(&self.granule.to_le_bytes());
        bytes.extend_from_slice(&self.serial.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        // A page is built with at most 255 segments.
        bytes.push(self.lacing.len().min(MAX_SEGMENTS) as u8);
        bytes.extend_from_slice(&self.lacing);
        bytes.extend_from_slice(&self.body);
        let sum = checksum(0, &bytes);
        bytes[22..26].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

fn fill_all(reader: &mut impl Read, buffer: &mut [u8]) -> Result<()> {
    if fill(reader, buffer)? == buffer.len() {
        Ok(())
    } else {
        Err(OggFault::Truncated.into())
    }
}

/// The checksum of Ogg: CRC-32 with polynomial 0x04C11DB7, unreflected, starting at zero.
///
/// Eight bytes at a time, each through the table of its distance from the end: reading a page is mostly this, and a
/// client that plays a thousand files reads many pages.
fn checksum(start: u32, bytes: &[u8]) -> u32 {
    let (blocks, rest) = bytes.as_chunks::<8>();
    let sum = blocks.iter().fold(start, |sum, block| {
        let [a, b, c, d] = sum.to_be_bytes();
        let mixed = [
            block[0] ^ a,
            block[1] ^ b,
            block[2] ^ c,
            block[3] ^ d,
            block[4],
            block[5],
            block[6],
            block[7],
        ];
        mixed
            .iter()
            .enumerate()
            .fold(0, |sum, (at, &byte)| sum ^ TABLES[7 - at][usize::from(byte)])
    });
    rest.iter().fold(sum, |sum, &byte| {
        sum << 8 ^ TABLES[0][usize::from((sum >> 24) as u8 ^ byte)]
    })
}

/// `TABLES[n][byte]` is what `byte` contributes to the checksum when `n` more bytes follow it.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut index = 0;
    while index < 256 {
        let mut sum = (index as u32) << 24;
        let mut step = 0;
        while step < 64 {
            sum = if sum & 0x8000_0000 != 0 {
                sum << 1 ^ 0x04C1_1DB7
            } else {
                sum << 1
            };
            step += 1;
            if step % 8 == 0 {
                tables[step / 8 - 1][index] = sum;
            }
        }
        index += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_page_survives_the_round_trip() {
        let page = Page {
            flags: Flags {
                begins: true,
                ..Flags::default()
            },
            granule: 0x0123_4567_89AB_CDEF,
            serial: 7,
            sequence: 9,
            lacing: vec![255, 3],
            body: Bytes::from(vec![0x5A; 258]),
        };
        let bytes = page.to_bytes();
        assert_eq!(Page::read(&mut &bytes[..]).unwrap(), Some(page));
        assert!(Page::read(&mut &[][..]).unwrap().is_none());
    }

    #[test]
    fn the_checksum_is_that_of_rfc_3533() {
        // The check value of CRC-32/MPEG-2 without its initial value, computed over the usual nine digits.
        assert_eq!(checksum(0, b"123456789"), 0x89A1_897F);
    }

    #[test]
    fn each_kind_of_damage_has_its_fault() {
        let page = Page {
            flags: Flags::default(),
            granule: 0,
            serial: 0,
            sequence: 0,
            lacing: vec![4],
            body: Bytes::from_static(b"body"),
        };
        let bytes = page.to_bytes();
        let fault = |bytes: &[u8]| match Page::read(&mut &bytes[..]) {
            Err(Error::Ogg(fault)) => fault,
            other => panic!("{other:?}"),
        };
        for end in 1..bytes.len() {
            let expected = if end < 4 {
                OggFault::NotOgg
            } else {
                OggFault::Truncated
            };
            assert_eq!(fault(&bytes[..end]), expected, "cut at {end}");
        }
        let changed = |at: usize| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            bytes
        };
        assert_eq!(fault(&changed(0)), OggFault::NotOgg);
        assert_eq!(fault(&changed(4)), OggFault::Version);
        assert_eq!(fault(&changed(30)), OggFault::Checksum);
    }
}

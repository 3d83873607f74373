//! Requests to a sender: packets again, a keyframe, less bitrate (RFC 4585, RFC 5104, REMB).

use voxhall_protocol::voice::Ssrc;

use super::{feedback_parts, items, sources};
use crate::Error;
use crate::rtp::SequenceNumber;

/// Bits of a NACK's mask: how many packets behind the first it can name.
const MASK_BITS: u16 = 16;
pub(super) const REMB_NAME: [u8; 4] = *b"REMB";
const REMB_MANTISSA_BITS: u32 = 18;

/// A generic NACK: these packets did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who asks.
    pub sender: Ssrc,
    /// The stream.
    pub media: Ssrc,
    pairs: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let (sender, media, list) = feedback_parts(body)?;
        Ok(Self {
            sender,
            media,
            pairs: list.as_chunks().0,
        })
    }

    /// The packets to be sent again.
    pub fn sequence_numbers(&self) -> impl Iterator<Item = SequenceNumber> + use<'a> {
        self.pairs
            .iter()
            .flat_map(|&[first_high, first_low, mask_high, mask_low]| {
                let first = SequenceNumber(u16::from_be_bytes([first_high, first_low]));
                let mask = u16::from_be_bytes([mask_high, mask_low]);
                let behind = (0..MASK_BITS).filter(move |bit| mask >> bit & 1 == 1);
                std::iter::once(first).chain(behind.map(move |bit| first.wrapping_add(bit + 1)))
            })
    }
}

/// One pair of first number and mask, which takes numbers up to 16 behind the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct NackPair {
    first: SequenceNumber,
    mask: u16,
}

impl NackPair {
    pub(super) const fn new(first: SequenceNumber) -> Self {
        Self { first, mask: 0 }
    }

    /// Adds a number, if the pair can name it.
    pub(super) const fn add(&mut self, sequence: SequenceNumber) -> bool {
        match sequence.0.wrapping_sub(self.first.0) {
            0 => true,
            behind @ 1..=MASK_BITS => {
                self.mask |= 1 << (behind - 1);
                true
            }
            _ => false,
        }
    }

    pub(super) const fn to_bytes(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.first.0.to_be_bytes(), self.mask.to_be_bytes());
        [a, b, c, d]
    }
}

/// A decoder cannot go on without a keyframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLossIndication {
    /// Who asks.
    pub sender: Ssrc,
    /// The stream.
    pub media: Ssrc,
}

impl PictureLossIndication {
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let (sender, media, _) = feedback_parts(body)?;
        Ok(Self { sender, media })
    }
}

/// One stream that is to send a keyframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirEntry {
    /// The stream.
    pub media: Ssrc,
    /// Grows with each request; an equal number is a repetition.
    pub command: u8,
}

impl FirEntry {
    pub(super) const fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.media.0.to_be_bytes();
        [a, b, c, d, self.command, 0, 0, 0]
    }
}

/// Streams are to send a keyframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullIntraRequest<'a> {
    /// Who asks.
    pub sender: Ssrc,
    entries: &'a [[u8; 8]],
}

impl<'a> FullIntraRequest<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let (sender, _, list) = feedback_parts(body)?;
        Ok(Self {
            sender,
            entries: list.as_chunks().0,
        })
    }

    /// The streams.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = FirEntry> + use<'a> {
        self.entries.iter().map(|&[a, b, c, d, command, ..]| FirEntry {
            media: Ssrc(u32::from_be_bytes([a, b, c, d])),
            command,
        })
    }
}

/// What a receiver thinks its downlink carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverEstimatedBitrate<'a> {
    /// Who estimates.
    pub sender: Ssrc,
    /// Bits per second, for all streams together.
    pub bitrate: u64,
    media: &'a [[u8; 4]],
}

impl<'a> ReceiverEstimatedBitrate<'a> {
    /// Whether application-layer feedback is REMB, by the name in it.
    pub(super) fn is_one(body: &[u8]) -> bool {
        body.get(8..12) == Some(&REMB_NAME)
    }

    pub(super) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let (sender, _, named) = feedback_parts(body)?;
        let (_, rest) = named.split_first_chunk::<4>().ok_or(Error::Truncated)?;
        let (&[count, a, b, c], list) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        let mantissa = u64::from(u32::from_be_bytes([0, a, b, c]) & ((1 << REMB_MANTISSA_BITS) - 1));
        let exponent = u32::from(a >> 2);
        let bitrate = mantissa
            .checked_shl(exponent)
            .filter(|bitrate| bitrate >> exponent == mantissa);
        Ok(Self {
            sender,
            // Beyond 64 bits there is no difference between very much and too much.
            bitrate: bitrate.unwrap_or(u64::MAX),
            media: items(list, usize::from(count))?,
        })
    }

    /// The streams that share the bitrate.
    pub fn media(&self) -> impl ExactSizeIterator<Item = Ssrc> + use<'a> {
        sources(self.media)
    }
}

/// A bitrate as exponent and mantissa, rounded down.
pub(super) fn remb_bitrate(bitrate: u64) -> [u8; 3] {
    let exponent = (u64::BITS - bitrate.leading_zeros()).saturating_sub(REMB_MANTISSA_BITS);
    // The shift leaves 18 bits.
    let mantissa = (bitrate >> exponent) as u32;
    let [_, high, middle, low] = (exponent << REMB_MANTISSA_BITS | mantissa).to_be_bytes();
    [high, middle, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nack_names_up_to_sixteen_packets_behind_the_first() {
        let body = [0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFE, 0x80, 0x01];
        let nack = Nack::read(&body).expect("well-formed");
        assert!(
            nack.sequence_numbers()
                .map(|sequence| sequence.0)
                .eq([65_534, 65_535, 14])
        );
    }

    #[test]
    fn a_pair_refuses_what_it_cannot_name() {
        let mut pair = NackPair::new(SequenceNumber(65_530));
        assert!(pair.add(SequenceNumber(65_530)));
        assert!(pair.add(SequenceNumber(10)));
        assert!(!pair.add(SequenceNumber(11)));
        assert!(!pair.add(SequenceNumber(65_529)));
        assert_eq!(pair.to_bytes(), [0xFF, 0xFA, 0x80, 0x00]);
    }

    #[test]
    fn bitrates_survive_with_18_significant_bits() {
        for bitrate in [
            0,
            1,
            (1 << 18) - 1,
            1 << 18,
            2_500_000,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let [a, b, c] = remb_bitrate(bitrate);
            let body = [0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, a, b, c];
            let read = ReceiverEstimatedBitrate::read(&body)
                .expect("well-formed")
                .bitrate;
            assert!(
                read <= bitrate && bitrate - read <= bitrate >> 17,
                "{bitrate} became {read}"
            );
        }
    }

    #[test]
    fn a_bitrate_beyond_64_bits_is_the_most_there_is() {
        let body = [
            0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xFF, 0xFF, 0xFF,
        ];
        assert_eq!(
            ReceiverEstimatedBitrate::read(&body)
                .expect("well-formed")
                .bitrate,
            u64::MAX
        );
    }
}

//! When packets arrived, for the sender's congestion control
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).

use voxhall_protocol::voice::Ssrc;

use super::feedback_parts;
use crate::Error;
use crate::rtp::SequenceNumber;

const RUN_LENGTH_MAX: u16 = 0x1FFF;
const VECTOR_FLAG: u16 = 0x8000;
const TWO_BIT_FLAG: u16 = 0x4000;
/// Bits of a status vector behind its two flags.
const VECTOR_BITS: u8 = 14;
/// Statuses in a vector of two-bit symbols.
const TWO_BIT_SYMBOLS: usize = 7;

/// The fixed part of a feedback packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedbackHeader {
    /// Who received.
    pub sender: Ssrc,
    /// Any stream of the transport.
    pub media: Ssrc,
    /// The transport sequence number of the first packet that is reported on.
    pub base_sequence: SequenceNumber,
    /// The time of arrival that deltas count from, in 64 ms, 24 bits with sign, from any origin.
    pub reference_time: i32,
    /// Counts the feedback packets, so that a lost one is noticed.
    pub feedback_count: u8,
}

/// One packet that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The packet's transport sequence number.
    pub sequence: SequenceNumber,
    /// Time since the arrival before it, or since the reference time, in 250 µs.
    pub delta: i16,
}

/// A feedback packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// The fixed part.
    pub header: FeedbackHeader,
    /// How many packets from the base on are reported on; those without an [`Arrival`] did not arrive.
    pub status_count: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let (sender, media, rest) = feedback_parts(body)?;
        let (
            &[
                base_high,
                base_low,
                count_high,
                count_low,
                a,
                b,
                c,
                feedback_count,
            ],
            rest,
        ) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        let status_count = u16::from_be_bytes([count_high, count_low]);
        let (chunks, deltas) = split_chunks(rest, status_count)?;
        let header = FeedbackHeader {
            sender,
            media,
            base_sequence: SequenceNumber(u16::from_be_bytes([base_high, base_low])),
            // The shift carries the sign of the 24-bit number into the upper byte.
            reference_time: i32::from_be_bytes([a, b, c, 0]) >> 8,
            feedback_count,
        };
        Ok(Self {
            header,
            status_count,
            chunks,
            deltas,
        })
    }

    /// The packets that arrived, in the order of their numbers.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + use<'a> {
        let mut sequence = self.header.base_sequence;
        let mut deltas = self.deltas;
        Runs::new(self.chunks, self.status_count).flat_map(move |run| {
            let first = sequence;
            sequence = sequence.wrapping_add(run.length);
            let received = if run.symbol == Symbol::NotReceived {
                0
            } else {
                run.length
            };
            let (own, rest) = deltas.split_at(usize::from(received) * run.symbol.delta_length());
            deltas = rest;
            (0..received).map(move |index| {
                let at = usize::from(index) * run.symbol.delta_length();
                Arrival {
                    sequence: first.wrapping_add(index),
                    delta: run.symbol.read_delta(&own[at..]),
                }
            })
        })
    }
}

/// Finds where the chunks end and checks that all deltas are there.
fn split_chunks(bytes: &[u8], status_count: u16) -> Result<(&[u8], &[u8]), Error> {
    let mut runs = Runs::new(bytes, status_count);
    let mut delta_bytes = 0;
    for run in &mut runs {
        if run.symbol == Symbol::Reserved {
            return Err(Error::MalformedRtcp);
        }
        delta_bytes += usize::from(run.length) * run.symbol.delta_length();
    }
    if runs.remaining > 0 || runs.chunks.len() < delta_bytes {
        return Err(Error::Truncated);
    }
    Ok((&bytes[..bytes.len() - runs.chunks.len()], runs.chunks))
}

/// What happened to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    NotReceived,
    /// Received, the delta is one unsigned byte.
    Small,
    /// Received, the delta is two bytes with sign.
    Large,
    Reserved,
}

impl Symbol {
    const fn from_bits(bits: u16) -> Self {
        match bits & 3 {
            0 => Self::NotReceived,
            1 => Self::Small,
            2 => Self::Large,
            _ => Self::Reserved,
        }
    }

    const fn of(status: Option<i16>) -> Self {
        match status {
            None => Self::NotReceived,
            Some(0..=0xFF) => Self::Small,
            Some(_) => Self::Large,
        }
    }

    const fn delta_length(self) -> usize {
        match self {
            Self::NotReceived | Self::Reserved => 0,
            Self::Small => 1,
            Self::Large => 2,
        }
    }

    /// The delta at the front of `bytes`, which hold it.
    fn read_delta(self, bytes: &[u8]) -> i16 {
        match self {
            Self::Small => i16::from(bytes[0]),
            Self::Large => i16::from_be_bytes([bytes[0], bytes[1]]),
            Self::NotReceived | Self::Reserved => 0,
        }
    }
}

/// Packets in a row with the same status.
#[derive(Debug, Clone, Copy)]
struct Run {
    symbol: Symbol,
    length: u16,
}

/// The statuses as runs, taken from the chunks; ends when all are taken or the chunks are used up.
#[derive(Debug, Clone)]
struct Runs<'a> {
    chunks: &'a [u8],
    remaining: u16,
    /// What is left of a status vector, from the top bit on.
    vector: u16,
    vector_bits: u8,
    symbol_bits: u8,
}

impl<'a> Runs<'a> {
    const fn new(chunks: &'a [u8], status_count: u16) -> Self {
        Self {
            chunks,
            remaining: status_count,
            vector: 0,
            vector_bits: 0,
            symbol_bits: 1,
        }
    }

    fn next_in_vector(&mut self) -> Run {
        let symbol = Symbol::from_bits(self.vector >> (u16::BITS as u8 - self.symbol_bits));
        self.vector <<= self.symbol_bits;
        self.vector_bits -= self.symbol_bits;
        Run { symbol, length: 1 }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        if self.remaining == 0 {
            return None;
        }
        let run = if self.vector_bits > 0 {
            self.next_in_vector()
        } else {
            let (chunk, rest) = self.chunks.split_first_chunk()?;
            let chunk = u16::from_be_bytes(*chunk);
            self.chunks = rest;
            if chunk & VECTOR_FLAG == 0 {
                let length = (chunk & RUN_LENGTH_MAX).min(self.remaining);
                Run {
                    symbol: Symbol::from_bits(chunk >> 13),
                    length,
                }
            } else {
                self.symbol_bits = if chunk & TWO_BIT_FLAG == 0 { 1 } else { 2 };
                self.vector = chunk << (u16::BITS as u8 - VECTOR_BITS);
                self.vector_bits = VECTOR_BITS;
                self.next_in_vector()
            }
        };
        self.remaining -= run.length;
        Some(run)
    }
}

/// The chunks that say which packets arrived: a run where the status repeats, else seven statuses at a time.
pub(super) fn status_chunks(statuses: &[Option<i16>]) -> impl Iterator<Item = [u8; 2]> {
    let mut rest = statuses;
    std::iter::from_fn(move || {
        let symbol = Symbol::of(*rest.first()?);
        let repeats = rest
            .iter()
            .take_while(|status| Symbol::of(**status) == symbol)
            .count();
        let run = repeats.min(usize::from(RUN_LENGTH_MAX));
        let (chunk, used) = if run >= TWO_BIT_SYMBOLS || run == rest.len() {
            ((symbol as u16) << 13 | run as u16, run)
        } else {
            let used = rest.len().min(TWO_BIT_SYMBOLS);
            (vector_chunk(&rest[..used]), used)
        };
        rest = &rest[used..];
        Some(chunk.to_be_bytes())
    })
}

/// Up to seven statuses in one chunk; those missing count as not received.
fn vector_chunk(statuses: &[Option<i16>]) -> u16 {
    let place = |index: usize| VECTOR_BITS as usize - 2 * (index + 1);
    let symbols = statuses.iter().enumerate();
    symbols.fold(VECTOR_FLAG | TWO_BIT_FLAG, |chunk, (index, status)| {
        chunk | (Symbol::of(*status) as u16) << place(index)
    })
}

/// The bytes of an arrival's delta and how many of them count.
pub(super) fn delta_bytes(delta: i16) -> ([u8; 2], usize) {
    match Symbol::of(Some(delta)) {
        // A small delta is within a byte.
        Symbol::Small => ([delta as u8, 0], 1),
        _ => (delta.to_be_bytes(), 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(status_count: u16, rest: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 1, 0, 0, 0, 2, 0xFF, 0xFF];
        body.extend(status_count.to_be_bytes());
        body.extend([0xFF, 0xFF, 0xFE, 7]);
        body.extend(rest);
        body
    }

    fn arrivals(status_count: u16, rest: &[u8]) -> Result<Vec<(u16, i16)>, Error> {
        let body = body(status_count, rest);
        let feedback = TransportFeedback::read(&body)?;
        Ok(feedback
            .arrivals()
            .map(|arrival| (arrival.sequence.0, arrival.delta))
            .collect())
    }

    #[test]
    fn the_reference_time_has_a_sign() {
        let body = body(0, &[]);
        let feedback = TransportFeedback::read(&body).expect("well-formed");
        assert_eq!(feedback.header.reference_time, -2);
        assert_eq!(feedback.header.feedback_count, 7);
    }

    #[test]
    fn every_kind_of_chunk_is_read() {
        let chunks_and_deltas = [
            0x20, 0x01, // a run of one small delta
            0xA0, 0x00, // one-bit vector: received, then 13 not
            0x00, 0x02, // a run of two not received
            0xE4, 0x00, // two-bit vector: large, small, then not received
            5, 6, 0xFF, 0xFE, 7,
        ];
        let read = arrivals(1 + 14 + 2 + 3, &chunks_and_deltas).expect("well-formed");
        assert_eq!(read, [(65_535, 5), (0, 6), (16, -2), (17, 7)]);
    }

    #[test]
    fn statuses_and_deltas_must_be_there() {
        assert_eq!(
            arrivals(2, &[0x20, 0x01]),
            Err(Error::Truncated),
            "the second status"
        );
        assert_eq!(
            arrivals(2, &[0x20, 0x02, 5]),
            Err(Error::Truncated),
            "the second delta"
        );
        assert_eq!(
            arrivals(1, &[0x60, 0x01]),
            Err(Error::MalformedRtcp),
            "the reserved symbol"
        );
        assert_eq!(
            arrivals(1, &[0x00, 0x00, 0x20, 0x01, 9]),
            Ok(vec![(65_535, 9)]),
            "an empty run"
        );
    }

    #[test]
    fn a_run_beyond_the_count_is_cut() {
        assert_eq!(arrivals(1, &[0x3F, 0xFF, 9]), Ok(vec![(65_535, 9)]));
    }
}

//! Sender and receiver reports (RFC 3550 section 6.4).

use std::time::Duration;

use voxhall_protocol::voice::Ssrc;

use super::{items, take_ssrc};
use crate::Error;

const SENDER_INFO_LENGTH: usize = 20;
pub(super) const REPORT_BLOCK_LENGTH: usize = 24;

/// Seconds since 1900 with 32 fractional bits; wraps in 2036.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NtpTimestamp {
    /// Whole seconds since 1 January 1900.
    pub seconds: u32,
    /// 2^-32 seconds.
    pub fraction: u32,
}

impl NtpTimestamp {
    /// Seconds from the first of 1900 to the first of 1970.
    const UNIX_EPOCH: u64 = 2_208_988_800;

    /// The NTP time of a Unix time.
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
        // Seconds wrap by definition; a fraction of a second is below 2^32.
        Self {
            seconds: (since_epoch.as_secs() + Self::UNIX_EPOCH) as u32,
            fraction: fraction as u32,
        }
    }

    /// The middle 32 bits, as a report block quotes the last sender report: units of 2^-16 seconds.
    #[must_use]
    pub const fn middle(self) -> u32 {
        self.seconds << 16 | self.fraction >> 16
    }
}

/// What a sender says about its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall-clock time of the report.
    pub ntp: NtpTimestamp,
    /// The same instant in the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent since the stream began; wraps.
    pub packet_count: u32,
    /// Payload bytes sent since the stream began; wraps.
    pub octet_count: u32,
}

impl SenderInfo {
    pub(super) fn to_bytes(self) -> [u8; SENDER_INFO_LENGTH] {
        let words = [
            self.ntp.seconds,
            self.ntp.fraction,
            self.rtp_timestamp,
            self.packet_count,
            self.octet_count,
        ];
        words_to_bytes(words)
    }

    fn from_bytes(bytes: &[u8; SENDER_INFO_LENGTH]) -> Self {
        let [seconds, fraction, rtp_timestamp, packet_count, octet_count] = bytes_to_words(bytes);
        Self {
            ntp: NtpTimestamp { seconds, fraction },
            rtp_timestamp,
            packet_count,
            octet_count,
        }
    }
}

/// How well a receiver receives one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub source: Ssrc,
    /// The share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the stream began, 24 bits; negative if duplicates arrived.
    pub cumulative_lost: i32,
    /// The highest sequence number received, with the count of its wraps in the upper 16 bits.
    pub extended_highest_sequence: u32,
    /// Interarrival jitter in ticks of the stream's clock.
    pub jitter: u32,
    /// [`NtpTimestamp::middle`] of the last sender report, 0 if none came.
    pub last_sender_report: u32,
    /// The time since then, in 2^-16 seconds.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    const MAX_LOST: i32 = 0x007F_FFFF;
    const MIN_LOST: i32 = -0x0080_0000;

    /// Writes the block; losses beyond 24 bits become the extreme, as the RFC asks.
    pub(super) fn to_bytes(self) -> [u8; REPORT_BLOCK_LENGTH] {
        let lost = self
            .cumulative_lost
            .clamp(Self::MIN_LOST, Self::MAX_LOST)
            .cast_unsigned()
            & 0x00FF_FFFF;
        words_to_bytes([
            self.source.0,
            u32::from(self.fraction_lost) << 24 | lost,
            self.extended_highest_sequence,
            self.jitter,
            self.last_sender_report,
            self.delay_since_last_sender_report,
        ])
    }

    fn from_bytes(bytes: &[u8; REPORT_BLOCK_LENGTH]) -> Self {
        let [
            source,
            loss,
            extended_highest_sequence,
            jitter,
            last_sender_report,
            delay_since_last_sender_report,
        ] = bytes_to_words(bytes);
        let [fraction_lost, ..] = loss.to_be_bytes();
        Self {
            source: Ssrc(source),
            fraction_lost,
            // The shifts carry the sign of the 24-bit number into the upper byte.
            cumulative_lost: (loss << 8).cast_signed() >> 8,
            extended_highest_sequence,
            jitter,
            last_sender_report,
            delay_since_last_sender_report,
        }
    }
}

/// A sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// Who sends the stream.
    pub sender: Ssrc,
    /// What it sent.
    pub info: SenderInfo,
    blocks: &'a [[u8; REPORT_BLOCK_LENGTH]],
}

impl<'a> SenderReport<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Result<Self, Error> {
        let (sender, rest) = take_ssrc(body)?;
        let (info, rest) = rest.split_first_chunk().ok_or(Error::Truncated)?;
        Ok(Self {
            sender,
            info: SenderInfo::from_bytes(info),
            blocks: items(rest, usize::from(count))?,
        })
    }

    /// What the sender received from others.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter().map(ReportBlock::from_bytes)
    }
}

/// A receiver report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub sender: Ssrc,
    blocks: &'a [[u8; REPORT_BLOCK_LENGTH]],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Result<Self, Error> {
        let (sender, rest) = take_ssrc(body)?;
        Ok(Self {
            sender,
            blocks: items(rest, usize::from(count))?,
        })
    }

    /// What it received.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = ReportBlock> + use<'a> {
        self.blocks.iter().map(ReportBlock::from_bytes)
    }
}

fn words_to_bytes<const WORDS: usize, const BYTES: usize>(words: [u32; WORDS]) -> [u8; BYTES] {
    const { assert!(BYTES == 4 * WORDS) };
    let mut bytes = [0; BYTES];
    for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.to_be_bytes();
    }
    bytes
}

fn bytes_to_words<const WORDS: usize, const BYTES: usize>(bytes: &[u8; BYTES]) -> [u32; WORDS] {
    const { assert!(BYTES == 4 * WORDS) };
    let chunks = bytes.as_chunks().0;
    std::array::from_fn(|index| u32::from_be_bytes(chunks[index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(cumulative_lost: i32) -> ReportBlock {
        ReportBlock {
            source: Ssrc(1),
            fraction_lost: 26,
            cumulative_lost,
            extended_highest_sequence: 72_239,
            jitter: 17,
            last_sender_report: 0x2A3C_4000,
            delay_since_last_sender_report: 0x8000,
        }
    }

    #[test]
    fn losses_keep_their_sign_and_stop_at_24_bits() {
        for (lost, read) in [
            (3, 3),
            (-3, -3),
            (i32::MAX, 0x007F_FFFF),
            (i32::MIN, -0x0080_0000),
        ] {
            assert_eq!(ReportBlock::from_bytes(&block(lost).to_bytes()), block(read));
        }
    }

    #[test]
    fn ntp_time_counts_from_1900() {
        let ntp = NtpTimestamp::from_unix(Duration::from_millis(1_500));
        assert_eq!(
            ntp,
            NtpTimestamp {
                seconds: 2_208_988_801,
                fraction: 1 << 31
            }
        );
        assert_eq!(ntp.middle(), (2_208_988_801_u32 << 16) | 0x8000);
    }
}

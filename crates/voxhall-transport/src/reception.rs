//! How a stream arrives: loss and jitter for receiver reports. RFC 3550 section 6.4.1 and appendices A.1, A.3, A.8.

use std::time::{Duration, Instant};

use crate::rtcp::ReportBlock;
use voxhall_protocol::voice::Ssrc;

/// Counts what arrives of one stream.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    started: bool,
    first: u32,
    highest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    transit: u32,
    /// Scaled by 16, as in appendix A.8.
    jitter: u32,
    sender_report: Option<(u32, Instant)>,
}

impl Reception {
    /// Counts a packet that is neither forged nor a duplicate. `arrival` is the time of arrival in the stream's clock.
    pub fn record(&mut self, sequence: u16, timestamp: u32, arrival: u32) {
        self.received = self.received.wrapping_add(1);
        let transit = arrival.wrapping_sub(timestamp);
        if !self.started {
            self.started = true;
            self.first = u32::from(sequence);
            self.highest = self.first;
            self.transit = transit;
            return;
        }
        let step = sequence.wrapping_sub(self.highest as u16).cast_signed();
        if step > 0 {
            self.highest = self.highest.wrapping_add(u32::from(step.unsigned_abs()));
        }
        let deviation = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        self.transit = transit;
        // A pause of the sender is no jitter: after one, timestamps may have stood still.
        if deviation < MAX_DEVIATION {
            self.jitter = self.jitter + deviation - ((self.jitter + 8) >> 4);
        }
    }

    /// The newest sequence number; `None` before the first packet.
    pub fn newest(&self) -> Option<u16> {
        self.started.then_some(self.highest as u16)
    }

    /// Remembers when a sender report came and the middle 32 bits of its NTP time.
    pub fn record_sender_report(&mut self, ntp_middle: u32, now: Instant) {
        self.sender_report = Some((ntp_middle, now));
    }

    /// What to tell the sender of `source`; `None` before its first packet.
    pub fn report(&mut self, now: Instant, source: Ssrc) -> Option<ReportBlock> {
        if !self.started {
            return None;
        }
        let expected = self.highest.wrapping_sub(self.first).wrapping_add(1);
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = u64::from(lost_now) * 256 / u64::from(expected_now.max(1));
        let lost = i64::from(expected) - i64::from(self.received);
        let (last_sender_report, delay_since_last_sender_report) = match self.sender_report {
            Some((ntp_middle, at)) => (ntp_middle, in_65536ths(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        Some(ReportBlock {
            source,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: lost.clamp(-0x80_0000, 0x7f_ffff) as i32,
            extended_highest_sequence: self.highest,
            jitter: self.jitter >> 4,
            last_sender_report,
            delay_since_last_sender_report,
        })
    }
}

/// Ten seconds at 90 kHz.
const MAX_DEVIATION: u32 = 900_000;

fn in_65536ths(duration: Duration) -> u32 {
    let units = duration.as_micros() * 65_536 / 1_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_loss_over_a_wrap() {
        let mut reception = Reception::default();
        let mut arrival = 0;
        for sequence in 65_530..65_546_u32 {
            arrival += 960;
            if sequence != 65_533 && sequence != 65_540 {
                reception.record(sequence as u16, arrival, arrival);
            }
        }
        let report = reception.report(Instant::now(), Ssrc(5)).unwrap();
        assert_eq!(report.extended_highest_sequence, 65_545);
        assert_eq!(report.cumulative_lost, 2);
        assert_eq!(report.fraction_lost, 32, "2 of 16");
        assert_eq!(report.jitter, 0);
        assert_eq!(
            reception.report(Instant::now(), Ssrc(5)).unwrap().fraction_lost,
            0,
            "nothing since"
        );
    }

    #[test]
    fn reordering_is_no_loss() {
        let mut reception = Reception::default();
        for sequence in [1, 3, 2, 5, 4] {
            reception.record(sequence, 0, 0);
        }
        assert_eq!(
            reception.report(Instant::now(), Ssrc(5)).unwrap().cumulative_lost,
            0
        );
    }

    #[test]
    fn jitter_grows_with_uneven_arrival() {
        let mut reception = Reception::default();
        for packet in 0..200_u32 {
            let late = if packet % 2 == 0 { 0 } else { 480 };
            reception.record(packet as u16, packet * 960, packet * 960 + late);
        }
        let jitter = reception.report(Instant::now(), Ssrc(5)).unwrap().jitter;
        assert!((450..=480).contains(&jitter), "{jitter}");
    }

    #[test]
    fn tells_the_age_of_the_sender_report() {
        let now = Instant::now();
        let mut reception = Reception::default();
        reception.record(1, 0, 0);
        reception.record_sender_report(0x2a3c_4000, now);
        let report = reception
            .report(now + Duration::from_millis(500), Ssrc(5))
            .unwrap();
        assert_eq!(
            (report.last_sender_report, report.delay_since_last_sender_report),
            (0x2a3c_4000, 0x8000)
        );
    }
}

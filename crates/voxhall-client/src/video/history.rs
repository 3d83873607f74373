//! The packets of the last second, for receivers that lost some.

use std::sync::Arc;
use std::time::{Duration, Instant};

use voxhall_media::payload::PayloadList;
use voxhall_media::video::VideoCodec;
use voxhall_transport::SequenceNumber;

/// Packets kept: a second at ten megabits. A power of two, so that sequence numbers wrap evenly.
const PACKETS: usize = 1024;

/// How long a packet may be asked for again.
const KEEP: Duration = Duration::from_secs(1);

/// Requests that wait at most.
pub(crate) const MOST_REPAIRS: usize = 256;

/// At most so often a packet is sent again: requests cross on their way.
const AGAIN_AFTER: Duration = Duration::from_millis(25);

/// One payload of a picture, and what its header says.
#[derive(Debug, Clone)]
pub(crate) struct VideoPayloadRef {
    pub(crate) payloads: Arc<PayloadList>,
    pub(crate) index: usize,
    pub(crate) codec: VideoCodec,
    pub(crate) timestamp: u32,
}

impl VideoPayloadRef {
    pub(crate) fn payload(&self) -> &[u8] {
        self.payloads.get(self.index).unwrap_or_default()
    }

    /// Whether it ends its picture.
    pub(crate) fn is_last(&self) -> bool {
        self.index + 1 == self.payloads.len()
    }
}

/// What was sent. Pictures are shared, not copied.
#[derive(Debug)]
pub(crate) struct SendHistory {
    entries: Box<[Option<Entry>]>,
}

#[derive(Debug)]
struct Entry {
    sequence: SequenceNumber,
    packet: VideoPayloadRef,
    sent: Instant,
    sent_again: Option<Instant>,
}

impl SendHistory {
    pub(crate) fn new() -> Self {
        Self {
            entries: std::iter::repeat_with(|| None).take(PACKETS).collect(),
        }
    }

    /// Keeps a packet, in place of the one [`PACKETS`] before it.
    pub(crate) fn keep(&mut self, now: Instant, sequence: SequenceNumber, packet: VideoPayloadRef) {
        self.entries[usize::from(sequence.0) % PACKETS] = Some(Entry {
            sequence,
            packet,
            sent: now,
            sent_again: None,
        });
    }

    /// The packet with this number, if it is there and young enough to be sent again.
    pub(crate) fn take_again(&mut self, now: Instant, sequence: SequenceNumber) -> Option<VideoPayloadRef> {
        let entry = self.entries[usize::from(sequence.0) % PACKETS].as_mut()?;
        let is_young = now.saturating_duration_since(entry.sent) <= KEEP;
        let is_due = entry
            .sent_again
            .is_none_or(|again| now.saturating_duration_since(again) >= AGAIN_AFTER);
        if entry.sequence != sequence || !is_young || !is_due {
            return None;
        }
        entry.sent_again = Some(now);
        Some(entry.packet.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> VideoPayloadRef {
        VideoPayloadRef {
            payloads: Arc::default(),
            index: 0,
            codec: VideoCodec::Vp8,
            timestamp: 7,
        }
    }

    #[test]
    fn packets_are_sent_again_while_they_are_young_and_not_twice_at_once() {
        let now = Instant::now();
        let mut history = SendHistory::new();
        history.keep(now, SequenceNumber(5), packet());
        assert!(history.take_again(now, SequenceNumber(5)).is_some());
        assert!(
            history.take_again(now, SequenceNumber(5)).is_none(),
            "requests crossed"
        );
        assert!(history.take_again(now + AGAIN_AFTER, SequenceNumber(5)).is_some());
        assert!(
            history
                .take_again(now, SequenceNumber(5 + PACKETS as u16))
                .is_none()
        );
        assert!(history.take_again(now + 2 * KEEP, SequenceNumber(5)).is_none());
        history.keep(now, SequenceNumber(5 + PACKETS as u16), packet());
        assert!(history.take_again(now, SequenceNumber(5)).is_none(), "replaced");
    }
}

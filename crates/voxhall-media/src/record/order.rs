//! Packets of one stream put back in order, without regard to time: a recording can wait.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;

use super::StreamClock;
use crate::opus::PacketFault;
use crate::sequence::{Order, SequenceTracker};
use crate::source::AudioFrame;

/// Packets that may overtake a missing one before it is given up.
const PATIENCE: usize = 10;

/// A packet in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    /// On the timeline.
    pub position: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    pub frame: AudioFrame,
    /// Packets that were lost just before it.
    pub lost: u32,
}

/// Puts a stream in order.
#[derive(Debug)]
pub(super) struct Ordered {
    clock: StreamClock,
    tracker: SequenceTracker,
    held: BTreeMap<i64, Held>,
    /// The sequence number after the last one that was released.
    next: Option<i64>,
    released: Vec<Placed>,
}

#[derive(Debug)]
struct Held {
    timestamp: u32,
    arrival: Instant,
    frame: AudioFrame,
}

impl Ordered {
    pub(super) fn new(clock: StreamClock) -> Self {
        Self {
            clock,
            tracker: SequenceTracker::default(),
            held: BTreeMap::new(),
            next: None,
            released: Vec::new(),
        }
    }

    /// Takes a packet and hands out those whose turn it is.
    pub(super) fn push(
        &mut self,
        sequence: u16,
        timestamp: u32,
        payload: Bytes,
        arrival: Instant,
    ) -> Result<impl Iterator<Item = Placed> + use<'_>, PacketFault> {
        let frame = AudioFrame::new(payload)?;
        let sequence = match self.tracker.place(sequence, timestamp, self.next) {
            Order::At { sequence, .. } => Some(sequence),
            Order::Restart { sequence, .. } => {
                self.release_all();
                self.next = None;
                Some(sequence)
            }
            Order::Duplicate | Order::Late | Order::Stray => None,
        };
        if let Some(sequence) = sequence {
            self.held.insert(
                sequence,
                Held {
                    timestamp,
                    arrival,
                    frame,
                },
            );
            self.release(PATIENCE);
        }
        Ok(self.released.drain(..))
    }

    /// Hands out all that is held, for nothing more will come.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = Placed> + use<'_> {
        self.release_all();
        self.released.drain(..)
    }

    fn release_all(&mut self) {
        self.release(0);
    }

    /// Releases what follows on, and what has waited for `patience` others.
    fn release(&mut self, patience: usize) {
        while let Some((&sequence, _)) = self.held.first_key_value() {
            let follows = self.next.is_none_or(|next| next == sequence);
            if !follows && self.held.len() <= patience {
                return;
            }
            let Some((_, held)) = self.held.pop_first() else {
                return;
            };
            let lost = self.next.map_or(0, |next| sequence - next);
            self.next = Some(sequence + 1);
            self.released.push(Placed {
                position: self.clock.place(held.timestamp, held.arrival),
                timestamp: held.timestamp,
                frame: held.frame,
                // The tracker lets no packet run ahead by more than some thousands.
                lost: u32::try_from(lost).unwrap_or(0),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_DURATION;
    use crate::record::Timeline;

    /// Pushes packets by their numbers, a tick apart, and returns what came out: position in frames, and loss.
    fn run(numbers: &[u16]) -> Vec<(u16, u64, u32)> {
        let start = Instant::now();
        let mut ordered = Ordered::new(Timeline::starting_at(start).stream());
        let mut out = Vec::new();
        for (index, &number) in numbers.iter().enumerate() {
            let payload = Bytes::copy_from_slice(&[0xFC, (number >> 8) as u8, number as u8]);
            let arrival = start + FRAME_DURATION * index as u32;
            out.extend(
                ordered
                    .push(number, u32::from(number) * 960, payload, arrival)
                    .unwrap(),
            );
        }
        out.extend(ordered.finish());
        out.iter()
            .map(|placed| {
                let packet = placed.frame.packet();
                (
                    u16::from_be_bytes([packet[1], packet[2]]),
                    placed.position / 960,
                    placed.lost,
                )
            })
            .collect()
    }

    #[test]
    fn order_is_restored_and_loss_is_counted() {
        assert_eq!(run(&[0, 1, 2]), [(0, 0, 0), (1, 1, 0), (2, 2, 0)]);
        assert_eq!(
            run(&[0, 2, 1, 2, 3]),
            [(0, 0, 0), (1, 1, 0), (2, 2, 0), (3, 3, 0)]
        );
        assert_eq!(run(&[0, 3, 4]), [(0, 0, 0), (3, 3, 2), (4, 4, 0)]);
    }

    #[test]
    fn a_missing_packet_is_not_waited_for_without_end() {
        let numbers: Vec<u16> = (0..40).filter(|number| *number != 5).collect();
        let out = run(&numbers);
        assert_eq!(out.len(), 39);
        assert_eq!(out[5], (6, 6, 1));
    }

    #[test]
    fn what_is_no_opus_is_an_error() {
        let mut ordered = Ordered::new(Timeline::starting_at(Instant::now()).stream());
        assert!(matches!(
            ordered.push(0, 0, Bytes::new(), Instant::now()).map(|_| ()),
            Err(PacketFault::Empty)
        ));
    }
}

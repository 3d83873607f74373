//! Which packets of which streams were protected or opened: rollover counters and replay windows.

use crate::rtp::SequenceNumber;

/// How many packets behind the newest are told apart; a video frame that was retransmitted may come that late.
const WINDOW: u64 = 512;
const WORD_BITS: u64 = 64;
const WORDS: usize = (WINDOW / WORD_BITS) as usize;

/// The windows of several streams, ordered by SSRC.
#[derive(Debug)]
pub(super) struct Streams {
    streams: Vec<Stream>,
    limit: usize,
    /// Counts the packets recorded.
    clock: u64,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    /// The clock at its last packet.
    used_at: u64,
    window: Window,
}

/// The newest index of a stream, and which of the [`WINDOW`] indices up to it are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    newest: u64,
    /// The bit of an index is that of its remainder.
    used: [u64; WORDS],
}

impl Streams {
    /// Remembers no more than `limit` streams.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            streams: Vec::new(),
            limit,
            clock: 0,
        }
    }

    pub(super) fn get(&self, ssrc: u32) -> Option<&Window> {
        self.find(ssrc).ok().map(|at| &self.streams[at].window)
    }

    /// Whether another stream would push out the one that was quiet for longest.
    pub(super) const fn is_full(&self) -> bool {
        self.streams.len() >= self.limit
    }

    /// Marks an index as used, in a new window if the stream has none.
    pub(super) fn record(&mut self, ssrc: u32, index: u64) {
        self.clock += 1;
        match self.find(ssrc) {
            Ok(at) => {
                let stream = &mut self.streams[at];
                stream.used_at = self.clock;
                stream.window.record(index);
            }
            Err(_) => {
                self.make_room();
                let at = self.find(ssrc).unwrap_or_else(|at| at);
                let stream = Stream {
                    ssrc,
                    used_at: self.clock,
                    window: Window::starting_at(index),
                };
                self.streams.insert(at, stream);
            }
        }
    }

    fn make_room(&mut self) {
        if !self.is_full() {
            return;
        }
        let quietest = self
            .streams
            .iter()
            .enumerate()
            .min_by_key(|(_, stream)| stream.used_at);
        if let Some((at, _)) = quietest {
            self.streams.remove(at);
        }
    }

    fn find(&self, ssrc: u32) -> Result<usize, usize> {
        self.streams.binary_search_by_key(&ssrc, |stream| stream.ssrc)
    }
}

impl Window {
    const fn starting_at(index: u64) -> Self {
        let mut window = Self {
            newest: index,
            used: [0; WORDS],
        };
        window.mark(index);
        window
    }

    /// The index of a packet with this sequence number: the one nearest to the newest (RFC 3711 section 3.3.1).
    /// `None` if that lies before the stream's first rollover period.
    pub(super) const fn nearest(&self, sequence: SequenceNumber) -> Option<u64> {
        let distance = sequence.distance_from(SequenceNumber(self.newest as u16));
        self.newest.checked_add_signed(distance as i64)
    }

    /// Whether the index was not used and is not too old to know.
    pub(super) const fn is_unused(&self, index: u64) -> bool {
        index > self.newest || (self.newest - index < WINDOW && !self.is_marked(index))
    }

    fn record(&mut self, index: u64) {
        if index > self.newest {
            if index - self.newest >= WINDOW {
                self.used = [0; WORDS];
            } else {
                (self.newest + 1..index).for_each(|skipped| self.clear(skipped));
            }
            self.newest = index;
        }
        self.mark(index);
    }

    const fn is_marked(&self, index: u64) -> bool {
        let (word, bit) = place(index);
        self.used[word] & bit != 0
    }

    const fn mark(&mut self, index: u64) {
        let (word, bit) = place(index);
        self.used[word] |= bit;
    }

    const fn clear(&mut self, index: u64) {
        let (word, bit) = place(index);
        self.used[word] &= !bit;
    }
}

const fn place(index: u64) -> (usize, u64) {
    let remainder = index % WINDOW;
    ((remainder / WORD_BITS) as usize, 1 << (remainder % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_index_crosses_the_rollover_both_ways() {
        let window = Window::starting_at(0x1_FFFE);
        assert_eq!(window.nearest(SequenceNumber(0xFFFF)), Some(0x1_FFFF));
        assert_eq!(window.nearest(SequenceNumber(3)), Some(0x2_0003));
        assert_eq!(
            window.nearest(SequenceNumber(0x7FFF)),
            Some(0x1_7FFF),
            "half a period behind"
        );
        assert_eq!(window.nearest(SequenceNumber(0x7FFD)), Some(0x2_7FFD));
        let window = Window::starting_at(0x2_0003);
        assert_eq!(window.nearest(SequenceNumber(0xFFFF)), Some(0x1_FFFF));
        assert_eq!(Window::starting_at(3).nearest(SequenceNumber(0xFFFF)), None);
    }

    #[test]
    fn the_quietest_stream_gives_way() {
        let mut streams = Streams::new(3);
        for ssrc in [5, 1, 3] {
            streams.record(ssrc, 10);
        }
        streams.record(5, 11);
        assert!(streams.is_full());
        streams.record(4, 10);
        let kept: Vec<u32> = streams.streams.iter().map(|stream| stream.ssrc).collect();
        assert_eq!(kept, [3, 4, 5]);
        assert!(streams.get(1).is_none());
    }

    proptest! {
        /// A window says of every index what a set of all indices says, as far back as it reaches.
        #[test]
        fn a_window_agrees_with_a_set(steps in proptest::collection::vec(-600..900_i64, 1..300)) {
            let mut window = Window::starting_at(100_000);
            let mut used = BTreeSet::from([100_000_u64]);
            for step in steps {
                let newest = *used.last().expect("never empty");
                let index = newest.saturating_add_signed(step);
                let expected = newest.saturating_sub(WINDOW) < index && !used.contains(&index);
                prop_assert_eq!(window.is_unused(index), expected);
                if expected {
                    window.record(index);
                    used.insert(index);
                }
            }
        }
    }
}

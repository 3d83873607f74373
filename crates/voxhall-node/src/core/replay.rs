//! Numbered messages, kept until the client has acknowledged them (`voice-gateway.md` section 8.2).

use std::collections::VecDeque;

use voxhall_protocol::voice::WireFrame;

/// The numbering of one session's messages, and those that a resume may need.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// The number of the next message.
    next: u16,
    /// The newest messages, oldest first; the last one has number `next - 1`.
    frames: VecDeque<WireFrame>,
}

impl Replay {
    /// The number that the message to be sent gets.
    pub(super) const fn next_seq(&self) -> u16 {
        self.next
    }

    /// Keeps a message that was given [`Self::next_seq`]; the oldest go when there are more than `limit`.
    pub(super) fn push(&mut self, frame: WireFrame, limit: usize) {
        self.next = self.next.wrapping_add(1);
        self.frames.push_back(frame);
        while self.frames.len() > limit {
            self.frames.pop_front();
        }
    }

    /// Forgets what the client has received. A number that was never given out is ignored.
    pub(super) fn acknowledge(&mut self, seq: u16) {
        let Some(missing) = self.missing_after(Some(seq)) else {
            return;
        };
        self.frames.drain(..self.frames.len() - missing);
        if self.frames.is_empty() {
            // Idle sessions are many: keep no room for messages that may never come.
            self.frames = VecDeque::new();
        }
    }

    /// The messages after `seq`, `None` for all; no answer if some of them are gone or `seq` was never given out.
    pub(super) fn since(&self, seq: Option<u16>) -> Option<impl Iterator<Item = &WireFrame>> {
        let missing = self.missing_after(seq)?;
        Some(self.frames.iter().skip(self.frames.len() - missing))
    }

    /// How many messages followed `seq`, if all of them are still here.
    fn missing_after(&self, seq: Option<u16>) -> Option<usize> {
        // Nothing received is the same as having received the one before number 0.
        let missing = usize::from(self.next.wrapping_sub(1).wrapping_sub(seq.unwrap_or(u16::MAX)));
        (missing <= self.frames.len()).then_some(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: usize) -> WireFrame {
        WireFrame::Text(number.to_string())
    }

    fn filled(count: usize, limit: usize) -> Replay {
        let mut replay = Replay::default();
        (0..count).for_each(|number| replay.push(frame(number), limit));
        replay
    }

    fn texts(replay: &Replay, seq: Option<u16>) -> Option<Vec<WireFrame>> {
        replay.since(seq).map(|frames| frames.cloned().collect())
    }

    #[test]
    fn gives_what_came_after() {
        let replay = filled(5, 10);
        assert_eq!(texts(&replay, Some(2)).unwrap(), [frame(3), frame(4)]);
        assert_eq!(texts(&replay, Some(4)).unwrap(), []);
        assert_eq!(texts(&replay, None).unwrap().len(), 5);
        assert_eq!(texts(&Replay::default(), None).unwrap(), []);
    }

    #[test]
    fn refuses_what_is_gone_and_what_never_was() {
        let mut replay = filled(5, 3);
        assert!(texts(&replay, Some(0)).is_none(), "1 is gone");
        assert_eq!(texts(&replay, Some(1)).unwrap().len(), 3);
        assert!(texts(&replay, Some(5)).is_none(), "5 was never sent");
        assert!(texts(&replay, None).is_none());
        replay.acknowledge(3);
        assert!(texts(&replay, Some(2)).is_none());
        assert_eq!(texts(&replay, Some(3)).unwrap(), [frame(4)]);
        replay.acknowledge(77);
        assert_eq!(texts(&replay, Some(3)).unwrap(), [frame(4)]);
    }

    #[test]
    fn numbers_wrap() {
        let replay = filled(65_536 + 3, 10);
        assert_eq!(replay.next_seq(), 3);
        assert_eq!(texts(&replay, Some(0)).unwrap(), [frame(65_537), frame(65_538)]);
        assert_eq!(texts(&replay, Some(65_535)).unwrap().len(), 3);
        assert_eq!(texts(&replay, Some(65_530)).unwrap().len(), 8);
    }
}

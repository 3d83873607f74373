//! The packets of one video stream put together to frames: reordered, waited for when some are missing, and begun at a
//! keyframe, because a decoder can begin nowhere else.
//!
//! Time is that of arrival. A frame comes out as soon as it and all before it are whole; what does not become whole
//! within [`AssemblyConfig::patience`] is given up, and with it everything up to the next keyframe.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::payload::{Depacketizer, PayloadFault, Place, place_in_frame, starts_keyframe};
use crate::video::VideoCodec;

/// A packet this far from the newest belongs to a stream that counts anew.
const MAX_JUMP: i64 = 10_000;

/// How an assembly behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssemblyConfig {
    /// How long a missing packet is waited for; default 600 ms, time for a few requests to have it sent again.
    pub patience: Duration,
    /// Most packets that wait; default 4096, some seconds of video.
    pub max_packets: usize,
    /// Most bytes that wait; default 16 MiB.
    pub max_bytes: usize,
}

impl Default for AssemblyConfig {
    fn default() -> Self {
        Self {
            patience: Duration::from_millis(600),
            max_packets: 4096,
            max_bytes: 16 << 20,
        }
    }
}

/// A packet as it arrives, or as it was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPacket {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Whether the packet ends its frame.
    pub marker: bool,
    /// What its payload type means.
    pub codec: VideoCodec,
    /// The payload without header extensions and padding; empty in a packet that only measures bandwidth.
    pub payload: Bytes,
}

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledFrame {
    /// How it is encoded.
    pub codec: VideoCodec,
    /// The RTP timestamp of its packets.
    pub timestamp: u32,
    /// Whether it can be decoded without any before it.
    pub keyframe: bool,
    /// The frame in the codec's normal form.
    pub data: Bytes,
    /// When its last packet arrived.
    pub arrived: Instant,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AssemblyStats {
    /// Frames that came out.
    pub frames: u64,
    /// Frames that never became whole.
    pub lost: u64,
    /// Packets that came twice or after their turn.
    pub useless: u64,
    /// Frames whose payloads are no frame.
    pub faulty: u64,
}

/// Puts the packets of one stream together.
#[derive(Debug)]
pub struct FrameAssembler {
    config: AssemblyConfig,
    packets: BTreeMap<i64, Held>,
    bytes: usize,
    newest: Option<i64>,
    state: State,
    /// The last packet before those that wait, by which the first of a frame is told.
    before: Option<(i64, u32)>,
    stats: AssemblyStats,
    fault: Option<PayloadFault>,
}

#[derive(Debug)]
struct Held {
    packet: VideoPacket,
    arrived: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing can be decoded before a keyframe.
    Waiting,
    /// The next frame begins with this packet.
    At(i64),
}

/// What is there of the frame that begins at a place.
enum Progress {
    /// It ends before this place.
    Whole(i64),
    /// A packet is missing, and one behind it arrived at this time.
    Gap(Instant),
    /// The rest is still to come.
    Growing,
}

impl FrameAssembler {
    /// An assembly that waits for its first keyframe.
    #[must_use]
    pub const fn new(config: AssemblyConfig) -> Self {
        Self {
            config,
            packets: BTreeMap::new(),
            bytes: 0,
            newest: None,
            state: State::Waiting,
            before: None,
            stats: AssemblyStats {
                frames: 0,
                lost: 0,
                useless: 0,
                faulty: 0,
            },
            fault: None,
        }
    }

    /// Takes a packet, in whatever order they arrive. Take out what became whole with [`Self::poll`].
    pub fn push(&mut self, now: Instant, packet: VideoPacket) {
        let place = self.place(packet.sequence);
        let passed = match self.state {
            State::At(next) => place < next,
            State::Waiting => self.before.is_some_and(|(before, _)| place <= before),
        };
        if passed || self.packets.contains_key(&place) {
            self.stats.useless += 1;
            return;
        }
        self.bytes += packet.payload.len();
        let held = Held { packet, arrived: now };
        self.packets.insert(place, held);
        if self.packets.len() > self.config.max_packets || self.bytes > self.config.max_bytes {
            self.give_up();
        }
    }

    /// The next frame that is whole.
    pub fn poll(&mut self, now: Instant) -> Option<AssembledFrame> {
        loop {
            let next = match self.state {
                State::At(next) => next,
                State::Waiting => {
                    self.seek_keyframe(now)?;
                    continue;
                }
            };
            match self.progress(next) {
                Progress::Whole(end) => {
                    if let Some(frame) = self.take(next, end) {
                        return Some(frame);
                    }
                }
                Progress::Gap(since) if now.saturating_duration_since(since) >= self.config.patience => {
                    self.lose_frame();
                }
                Progress::Gap(_) | Progress::Growing => return None,
            }
        }
    }

    /// When [`Self::poll`] may have something to give up, if nothing arrives before; `None`: not before then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::At(next) => match self.progress(next) {
                Progress::Gap(since) => Some(since + self.config.patience),
                Progress::Whole(_) | Progress::Growing => None,
            },
            State::Waiting => None,
        }
    }

    /// Whether nothing comes out before the next keyframe, so that one should be asked for.
    #[must_use]
    pub fn wants_keyframe(&self) -> bool {
        self.state == State::Waiting
    }

    /// What happened so far.
    #[must_use]
    pub const fn stats(&self) -> AssemblyStats {
        self.stats
    }

    /// What was wrong with the last faulty frame; asked once.
    pub const fn take_fault(&mut self) -> Option<PayloadFault> {
        self.fault.take()
    }

    /// The place of a sequence number among all, counted on beyond its 16 bits.
    fn place(&mut self, sequence: u16) -> i64 {
        let Some(newest) = self.newest else {
            let first = i64::from(sequence);
            self.newest = Some(first);
            return first;
        };
        let step = i64::from(sequence.wrapping_sub(newest as u16).cast_signed());
        let place = newest + step;
        if step.abs() > MAX_JUMP {
            self.give_up();
            self.before = None;
            self.newest = Some(place);
        } else if step > 0 {
            self.newest = Some(place);
        }
        place
    }

    /// Goes to the first keyframe whose begin is certain. `None` if there is none.
    ///
    /// What does not begin one is kept for a while all the same: the packet before it may be late.
    fn seek_keyframe(&mut self, now: Instant) -> Option<()> {
        let found = self.packets.iter().find(|(place, held)| {
            let packet = &held.packet;
            starts_keyframe(packet.codec, &packet.payload) && self.begins_frame(**place, packet)
        });
        if let Some((&place, _)) = found {
            while self
                .packets
                .first_key_value()
                .is_some_and(|(&first, _)| first < place)
            {
                self.drop_first();
            }
            self.state = State::At(place);
            return Some(());
        }
        let patience = self.config.patience;
        let is_old = |held: &Held| now.saturating_duration_since(held.arrived) >= patience;
        while self
            .packets
            .first_key_value()
            .is_some_and(|(_, held)| is_old(held))
        {
            self.drop_first();
        }
        None
    }

    /// Whether a packet is the first of its frame: it says so itself, or the packet before it is of another frame.
    fn begins_frame(&self, place: i64, packet: &VideoPacket) -> bool {
        match place_in_frame(packet.codec, &packet.payload) {
            Place::First => true,
            Place::Inner => false,
            Place::Unknown => {
                let held = self.packets.get(&(place - 1)).map(|held| held.packet.timestamp);
                let dropped = self.before.filter(|(before, _)| before + 1 == place);
                let before = held.or(dropped.map(|(_, timestamp)| timestamp));
                before.is_some_and(|timestamp| timestamp != packet.timestamp)
            }
        }
    }

    fn progress(&self, next: i64) -> Progress {
        let mut expected = next;
        let mut timestamp = None;
        for (&place, held) in self.packets.range(next..) {
            if place != expected {
                return Progress::Gap(held.arrived);
            }
            // A packet without a payload measures bandwidth and has no frame.
            let is_empty = held.packet.payload.is_empty();
            if !is_empty && timestamp.is_some_and(|timestamp| timestamp != held.packet.timestamp) {
                // A frame whose last packet was not marked.
                return Progress::Whole(place);
            }
            expected = place + 1;
            if !is_empty {
                timestamp = Some(held.packet.timestamp);
            }
            if held.packet.marker && timestamp.is_some() {
                return Progress::Whole(expected);
            }
        }
        Progress::Growing
    }

    /// Takes out the frame from `start` to before `end`; `None` if it is none.
    fn take(&mut self, start: i64, end: i64) -> Option<AssembledFrame> {
        self.state = State::At(end);
        let mut parts = Vec::with_capacity((end - start) as usize);
        while self
            .packets
            .first_key_value()
            .is_some_and(|(&place, _)| place < end)
        {
            parts.extend(self.drop_first().filter(|held| !held.packet.payload.is_empty()));
        }
        let arrived = parts.iter().map(|held| held.arrived).max()?;
        let first = parts.first()?.packet.clone();
        match depacketize(first.codec, &parts) {
            Ok(data) => {
                self.stats.frames += 1;
                Some(AssembledFrame {
                    codec: first.codec,
                    timestamp: first.timestamp,
                    keyframe: first.codec.is_keyframe(&data),
                    data,
                    arrived,
                })
            }
            Err(fault) => {
                self.stats.faulty += 1;
                self.fault = Some(fault);
                self.state = State::Waiting;
                None
            }
        }
    }

    /// Gives up the frame that does not become whole. What is there of it may hide no keyframe.
    fn lose_frame(&mut self) {
        self.stats.lost += 1;
        let timestamp = self
            .packets
            .first_key_value()
            .map(|(_, held)| held.packet.timestamp);
        let is_begun = matches!(self.state, State::At(next) if self.packets.contains_key(&next));
        self.state = State::Waiting;
        while is_begun
            && self
                .packets
                .first_key_value()
                .map(|(_, held)| held.packet.timestamp)
                == timestamp
        {
            self.drop_first();
        }
    }

    /// Gives up all that waits.
    fn give_up(&mut self) {
        if !self.packets.is_empty() {
            self.stats.lost += 1;
        }
        while self.drop_first().is_some() {}
        self.state = State::Waiting;
    }

    fn drop_first(&mut self) -> Option<Held> {
        let (place, held) = self.packets.pop_first()?;
        self.bytes -= held.packet.payload.len();
        self.before = Some((place, held.packet.timestamp));
        Some(held)
    }
}

fn depacketize(codec: VideoCodec, parts: &[Held]) -> Result<Bytes, PayloadFault> {
    let mut depacketizer = Depacketizer::new(codec);
    for part in parts {
        depacketizer.push(&part.packet.payload)?;
    }
    depacketizer.finish()
}

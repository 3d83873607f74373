//! The playout buffer of one RTP stream: packets go in as they arrive, and come out in order, one tick at a time.
//!
//! The network delivers late, twice, in the wrong order or not at all; a decoder wants one packet every 20 ms. Between
//! them the buffer holds back each talk spurt by a little more than packets were late recently:
//!
//! * *filling*: a talk spurt has begun; wait until the target delay is buffered;
//! * *playing*: yield what is due. A hole is [`Playout::Lost`], a jump in timestamps without one in sequence numbers is
//!   a pause of the sender. An empty buffer is concealed for a moment, which delays everything after it; a buffer that
//!   stays fuller than it needs to be gives up a packet now and then;
//! * *idle*: five frames of silence were played (media transport, section 9.1), or nothing has come for 100 ms.
//!
//! A sender that starts over with other sequence numbers or timestamps is followed after a few packets.

mod arrival;
#[cfg(feature = "opus-codec")]
mod playback;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

#[cfg(feature = "opus-codec")]
pub use playback::{Heard, Playback};

use crate::opus::is_silence;
use crate::sequence::{Order, SequenceTracker};
use crate::source::AudioFrame;
use crate::{FRAME_SAMPLES, duration_of, samples_in};
use arrival::ArrivalSpread;

/// Silence frames in a row that end a talk spurt (media transport, section 9.1).
const SILENCE_RUN: u32 = 5;

/// How many packets in a row are concealed; after that the ear is better served by silence.
const MAX_CONCEALED: u32 = 5;

/// Packets over which the buffer must have been too full before it gives one up.
const SHED_AFTER: u32 = 100;

/// The limits of a [`JitterBuffer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterConfig {
    /// The delay of a perfect network. Default: 40 ms.
    pub min_delay: Duration,
    /// The delay that is never exceeded for long; what is buffered beyond it is dropped. Default: 400 ms.
    pub max_delay: Duration,
    /// Packets held at most. Default: 128, so at most that many datagrams of memory.
    pub capacity: usize,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            min_delay: Duration::from_millis(40),
            max_delay: Duration::from_millis(400),
            capacity: 128,
        }
    }
}

/// What became of a packet that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Accepted,
    /// It had been received before.
    Duplicate,
    /// Its turn has passed.
    Late,
    /// Its sequence number is far off; followed if more of that kind come.
    Stray,
    /// The sender has started over; the buffer was emptied and now holds this packet.
    Restarted,
    /// It is no Opus packet.
    Malformed,
}

/// What is to be played next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playout {
    /// A packet whose turn it is.
    Packet {
        /// Its RTP sequence number.
        sequence: u16,
        /// Its RTP timestamp.
        timestamp: u32,
        /// The packet.
        frame: AudioFrame,
    },
    /// A packet is missing: conceal it.
    Lost {
        /// How long it would have lasted, in samples per channel.
        samples: u32,
        /// The packet after it, if it is here already: it may carry a copy of the lost one.
        next: Option<Bytes>,
    },
    /// Nobody talks for this long.
    Silence {
        /// In samples per channel.
        samples: u32,
    },
}

impl Playout {
    /// How much time this fills, in samples per channel.
    #[must_use]
    pub const fn samples(&self) -> u32 {
        match self {
            Self::Packet { frame, .. } => frame.samples(),
            Self::Lost { samples, .. } | Self::Silence { samples } => *samples,
        }
    }
}

/// What a buffer has seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterStats {
    /// Packets played.
    pub played: u64,
    /// Packets concealed because they never came, or not in time.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came more than once.
    pub duplicate: u64,
    /// Packets that are no Opus packets.
    pub malformed: u64,
    /// Packets given up to keep the delay low or the memory bounded.
    pub shed: u64,
    /// How often the sender started over.
    pub restarts: u64,
}

/// The playout buffer of one RTP stream of Opus packets. See the [module](self) for how it works.
#[derive(Debug)]
pub struct JitterBuffer {
    config: JitterConfig,
    spread: ArrivalSpread,
    order: SequenceTracker,
    /// By extended sequence number.
    packets: BTreeMap<i64, Held>,
    state: State,
    /// The packet that is due next: everything before it is late.
    due: Option<Due>,
    stats: JitterStats,
}

#[derive(Debug)]
struct Held {
    timestamp: i64,
    frame: AudioFrame,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    sequence: i64,
    timestamp: i64,
}

#[derive(Debug)]
enum State {
    Idle,
    /// Samples waited so far.
    Filling {
        waited: u64,
    },
    Playing(Spurt),
}

/// A talk spurt being played.
#[derive(Debug)]
struct Spurt {
    /// Duration of the latest packet: the guess for one that is missing.
    step: u32,
    /// Silence frames played in a row.
    silence: u32,
    /// Packets concealed in a row.
    concealed: u32,
    /// Samples concealed because the buffer was empty, before it was known whether a packet was lost.
    stretched: u64,
    /// Packets played since the buffer was last no fuller than it needs to be.
    too_full: u32,
}

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(config: JitterConfig) -> Self {
        Self {
            config,
            spread: ArrivalSpread::new(),
            order: SequenceTracker::default(),
            packets: BTreeMap::new(),
            state: State::Idle,
            due: None,
            stats: JitterStats::default(),
        }
    }

    /// Takes a packet that arrived at `now`, with the sequence number and timestamp of its RTP header.
    pub fn insert(&mut self, sequence: u16, timestamp: u32, payload: Bytes, now: Instant) -> Inserted {
        let Ok(frame) = AudioFrame::new(payload) else {
            self.stats.malformed += 1;
            return Inserted::Malformed;
        };
        let due = self.due.map(|due| due.sequence);
        match self.order.place(sequence, timestamp, due) {
            Order::At { sequence, timestamp } => {
                self.hold(sequence, Held { timestamp, frame }, now);
                Inserted::Accepted
            }
            Order::Duplicate => {
                self.stats.duplicate += 1;
                Inserted::Duplicate
            }
            Order::Late => {
                self.stats.late += 1;
                Inserted::Late
            }
            Order::Stray => Inserted::Stray,
            Order::Restart { sequence, timestamp } => {
                self.start_over();
                self.hold(sequence, Held { timestamp, frame }, now);
                Inserted::Restarted
            }
        }
    }

    /// What is to be played next. Call it once per 20 ms tick, or as often as needed to fill the tick: each answer
    /// lasts [`Playout::samples`].
    pub fn pull(&mut self) -> Playout {
        if matches!(self.state, State::Idle) && !self.packets.is_empty() {
            self.state = State::Filling { waited: 0 };
        }
        if let State::Filling { waited } = self.state {
            let target = samples_in(self.target());
            if waited < target && self.buffered() <= target {
                self.state = State::Filling {
                    waited: waited + FRAME_SAMPLES as u64,
                };
                return PAUSE;
            }
            self.begin_playing();
        }
        match self.state {
            State::Playing(_) => self.play(),
            State::Idle | State::Filling { .. } => PAUSE,
        }
    }

    /// The delay the buffer aims at just now.
    #[must_use]
    pub fn target(&self) -> Duration {
        self.spread
            .delay()
            .max(self.config.min_delay)
            .min(self.config.max_delay)
    }

    /// The playing time of what is buffered, holes included.
    #[must_use]
    pub fn depth(&self) -> Duration {
        duration_of(self.buffered())
    }

    /// Whether a talk spurt is being buffered or played.
    #[must_use]
    pub fn is_talking(&self) -> bool {
        !matches!(self.state, State::Idle) || !self.packets.is_empty()
    }

    /// What the buffer has seen so far.
    #[must_use]
    pub const fn stats(&self) -> JitterStats {
        self.stats
    }

    fn hold(&mut self, sequence: i64, held: Held, now: Instant) {
        if matches!(self.state, State::Idle) && self.packets.is_empty() {
            self.spread.begin_spurt();
        }
        self.spread.observe(held.timestamp, now);
        self.packets.insert(sequence, held);
        if self.packets.len() > self.config.capacity {
            self.shed_first();
        }
    }

    fn start_over(&mut self) {
        self.stats.restarts += 1;
        self.stats.shed += self.packets.len() as u64;
        self.packets.clear();
        self.state = State::Idle;
        self.due = None;
    }

    fn begin_playing(&mut self) {
        let Some((&sequence, first)) = self.packets.first_key_value() else {
            self.state = State::Idle;
            return;
        };
        self.due = Some(Due {
            sequence,
            timestamp: first.timestamp,
        });
        let step = first.frame.samples();
        self.state = State::Playing(Spurt {
            step,
            silence: 0,
            concealed: 0,
            stretched: 0,
            too_full: 0,
        });
    }

    fn play(&mut self) -> Playout {
        self.shed_excess();
        let max_gap = samples_in(self.config.max_delay) as i64;
        let (State::Playing(spurt), Some(due)) = (&mut self.state, &mut self.due) else {
            return PAUSE;
        };
        let Some((&sequence, first)) = self.packets.first_key_value() else {
            return self.run_dry();
        };
        let missing = sequence - due.sequence;
        // Time that was already filled while the buffer was empty.
        due.timestamp += (spurt.stretched as i64)
            .min(first.timestamp - due.timestamp)
            .max(0);
        let gap = first.timestamp - due.timestamp;
        if gap <= 0 || gap > max_gap {
            return self.play_first();
        }
        if missing == 0 {
            let samples = gap.min(FRAME_SAMPLES as i64);
            due.timestamp += samples;
            return Playout::Silence {
                samples: samples as u32,
            };
        }
        let samples = gap.min(i64::from(spurt.step));
        let next = (missing == 1 && gap == samples).then(|| first.frame.packet().clone());
        due.sequence += 1;
        due.timestamp += samples;
        self.stats.lost += 1;
        self.conceal(samples as u32, next)
    }

    /// Nothing is buffered: either the packet is late, and then everything is from now on, or the talk spurt is over.
    fn run_dry(&mut self) -> Playout {
        let State::Playing(spurt) = &mut self.state else {
            return PAUSE;
        };
        if spurt.silence > 0 || spurt.concealed >= MAX_CONCEALED {
            self.state = State::Idle;
            return PAUSE;
        }
        let samples = spurt.step;
        spurt.stretched += u64::from(samples);
        self.conceal(samples, None)
    }

    fn conceal(&mut self, samples: u32, next: Option<Bytes>) -> Playout {
        let State::Playing(spurt) = &mut self.state else {
            return PAUSE;
        };
        spurt.concealed += 1;
        let pointless = spurt.concealed > MAX_CONCEALED && next.is_none();
        if pointless {
            Playout::Silence { samples }
        } else {
            Playout::Lost { samples, next }
        }
    }

    fn play_first(&mut self) -> Playout {
        let State::Playing(spurt) = &mut self.state else {
            return PAUSE;
        };
        let Some((sequence, Held { timestamp, frame })) = self.packets.pop_first() else {
            return PAUSE;
        };
        spurt.step = frame.samples();
        spurt.concealed = 0;
        spurt.stretched = 0;
        spurt.silence = if is_silence(frame.packet()) {
            spurt.silence + 1
        } else {
            0
        };
        if spurt.silence == SILENCE_RUN {
            self.state = State::Idle;
        }
        self.due = Some(Due {
            sequence: sequence + 1,
            timestamp: timestamp + i64::from(frame.samples()),
        });
        self.stats.played += 1;
        // The low bits of the extended numbers are the numbers of the header.
        Playout::Packet {
            sequence: sequence as u16,
            timestamp: timestamp as u32,
            frame,
        }
    }

    /// Keeps the delay from growing: at once beyond the maximum, packet by packet while it is more than needed.
    fn shed_excess(&mut self) {
        let (max, target) = (samples_in(self.config.max_delay), samples_in(self.target()));
        while self.buffered() > max {
            self.shed_first();
        }
        let buffered = self.buffered();
        let State::Playing(spurt) = &mut self.state else {
            return;
        };
        if buffered <= target + 2 * u64::from(spurt.step) {
            spurt.too_full = 0;
            return;
        }
        spurt.too_full += 1;
        if spurt.too_full > SHED_AFTER {
            spurt.too_full = 0;
            self.shed_first();
        }
    }

    fn shed_first(&mut self) {
        let Some((sequence, held)) = self.packets.pop_first() else {
            return;
        };
        self.stats.shed += 1;
        self.due = Some(Due {
            sequence: sequence + 1,
            timestamp: held.timestamp + i64::from(held.frame.samples()),
        });
    }

    fn buffered(&self) -> u64 {
        match (self.packets.first_key_value(), self.packets.last_key_value()) {
            (Some((_, first)), Some((_, last))) => {
                (last.timestamp + i64::from(last.frame.samples()) - first.timestamp).max(0) as u64
            }
            _ => 0,
        }
    }
}

/// One tick in which nobody talks.
const PAUSE: Playout = Playout::Silence {
    samples: FRAME_SAMPLES as u32,
};

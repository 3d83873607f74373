//! Which video layers fit into what a receiver's link carries.
//!
//! Voices come first: what they need is reserved before anything else is given out. Then every stream gets its lowest
//! layer, in the order of the list, and after that streams are raised one layer at a time, as long as there is room. A
//! stream without room for its lowest layer pauses.
//!
//! [`allot`] is that rule alone. An [`Allocator`] remembers one receiver's recent past and adds patience: it steps down
//! at once, but up only after the room was there for a while, and the longer, the more often that went wrong.

use std::time::{Duration, Instant};

use super::Bitrate;

/// Layers of one stream at most.
pub const MAX_LAYERS: usize = 4;
/// So much more room than a layer's rate is asked for before it is taken: rates vary.
pub(super) const MARGIN: f64 = 1.1;
/// The share of a rate for which there has to be room, or a layer is taken away again: after a queue grew, an estimate is
/// that much below what the link did carry.
pub(super) const KEEP: f64 = 0.8;
/// With so much more than there is room for, a layer cannot even be waited out until its successor begins.
pub(super) const FLOOD: f64 = 1.5;
/// How long there has to be room for a step up.
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST_PATIENCE: Duration = Duration::from_secs(48);
/// A step down so soon after a step up shows that the step up was a mistake.
const REGRET: Duration = Duration::from_secs(10);

/// A stream that a receiver wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// The rate of each layer that is there, the least first; `None` for layers that are not.
    pub layers: [Option<Bitrate>; MAX_LAYERS],
    /// The highest layer that the receiver has use for.
    pub wish: u8,
    /// The layer that it gets; `None` while the stream pauses. An [`Allocator`] changes it.
    pub granted: Option<u8>,
    /// Nothing was decided about it yet, so it may begin with any layer for which there is room.
    pub is_new: bool,
}

impl Stream {
    /// The layers that may be granted, the least first.
    fn choices(&self) -> impl Iterator<Item = (u8, Bitrate)> + use<> {
        let wish = self.wish;
        (0_u8..)
            .zip(self.layers)
            .filter_map(|(layer, rate)| rate.map(|rate| (layer, rate)))
            .filter(move |(layer, _)| *layer <= wish)
    }

    /// What the layer takes that it would have if there was room for everything.
    pub(super) fn wished(&self) -> Bitrate {
        self.choices().last().map_or(Bitrate::ZERO, |(_, rate)| rate)
    }

    /// What the granted layer takes.
    fn taken(&self) -> Bitrate {
        let granted = self
            .granted
            .and_then(|layer| *self.layers.get(usize::from(layer))?);
        granted.unwrap_or_default()
    }

    /// The next layer above the granted one, and what it takes more.
    fn next(&self) -> Option<(u8, Bitrate)> {
        let above = |&(layer, _): &(u8, Bitrate)| self.granted.is_none_or(|granted| layer > granted);
        let (layer, rate) = self.choices().find(above)?;
        Some((layer, rate.minus(self.taken())))
    }

    /// Takes away a layer that is gone or no longer wanted; the next lower one takes its place.
    fn fit_to_choices(&mut self) {
        if let Some(granted) = self.granted {
            let highest = self
                .choices()
                .map(|(layer, _)| layer)
                .take_while(|layer| *layer <= granted)
                .last();
            self.granted = highest.or_else(|| self.choices().next().map(|(layer, _)| layer));
        }
    }
}

/// What an [`Allocator`] decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether a stream's layer changed.
    pub changed: bool,
    /// Whether so much too much is sent that what was taken away has to end at once, whatever that looks like.
    pub is_flood: bool,
    /// What the link would have to carry for the next step up; `None` if there is room or nothing more is wanted.
    pub goal: Option<Bitrate>,
}

/// Raises the streams from what they are granted, lowest layers first, as far as `budget` goes. Returns what is left.
pub fn allot(budget: Bitrate, streams: &mut [Stream]) -> Bitrate {
    let mut left = budget;
    while let Some((index, layer, more)) = next_step(streams, |_, more| more <= left) {
        streams[index].granted = Some(layer);
        left = left.minus(more);
    }
    left
}

/// The stream to raise next, of those whose next layer, which takes so much more, may be be granted: one that pauses before one that is shown, a lower layer
/// before a higher one, then the order of the list.
fn next_step(streams: &[Stream], may_be: impl Fn(&Stream, Bitrate) -> bool) -> Option<(usize, u8, Bitrate)> {
    let steps = streams.iter().enumerate().filter_map(|(index, stream)| {
        let (layer, more) = stream.next()?;
        may_be(stream, more).then_some((stream.granted, index, layer, more))
    });
    let (_, index, layer, more) = steps.min_by_key(|&(granted, index, ..)| (granted, index))?;
    Some((index, layer, more))
}

fn taken(streams: &[Stream]) -> Bitrate {
    streams
        .iter()
        .fold(Bitrate::ZERO, |sum, stream| sum.plus(stream.taken()))
}

/// One receiver's layers over time.
#[derive(Debug, Clone)]
pub struct Allocator {
    /// Since when there is room for a step up.
    room_since: Option<Instant>,
    patience: Duration,
    raised_at: Option<Instant>,
}

impl Allocator {
    /// An allocator without a past.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            room_since: None,
            patience: PATIENCE,
            raised_at: None,
        }
    }

    /// Decides anew which layer of each stream is granted. `reserve` is kept free for voices that may begin to speak: it
    /// is there before anything is raised. Voices that speak have shown already how much room they leave. To be asked a
    /// few times a second.
    pub fn decide(
        &mut self,
        now: Instant,
        estimate: Bitrate,
        reserve: Bitrate,
        streams: &mut [Stream],
    ) -> Decision {
        let budget = estimate.minus(reserve);
        let mut changed = false;
        for stream in streams.iter_mut() {
            let before = stream.granted;
            stream.fit_to_choices();
            changed |= stream.granted != before;
        }
        let is_flood = taken(streams) > estimate.scaled(FLOOD);
        changed |= self.step_down(now, estimate, streams);
        changed |= begin_new(budget, streams);
        let (raised, goal) = self.step_up(now, budget, streams);
        Decision {
            changed: changed | raised,
            is_flood,
            goal: goal.map(|goal| goal.plus(reserve)),
        }
    }

    /// Lowers streams until they fit.
    fn step_down(&mut self, now: Instant, estimate: Bitrate, streams: &mut [Stream]) -> bool {
        if taken(streams).scaled(KEEP) <= estimate {
            return false;
        }
        let mut lowered = false;
        while taken(streams) > estimate && lower_one(streams) {
            lowered = true;
        }
        if lowered {
            self.room_since = None;
            let regretted = self
                .raised_at
                .take_if(|raised| now.saturating_duration_since(*raised) < REGRET);
            if regretted.is_some() {
                self.patience = (2 * self.patience).min(LONGEST_PATIENCE);
            }
        }
        lowered
    }

    /// Raises one stream by one layer if there was room for long enough. Returns whether it did, and what the link would
    /// have to carry for the next step if there is no room.
    fn step_up(&mut self, now: Instant, budget: Bitrate, streams: &mut [Stream]) -> (bool, Option<Bitrate>) {
        let Some((index, layer, more)) = next_step(streams, |_, _| true) else {
            self.room_since = None;
            return (false, None);
        };
        let goal = with_margin(taken(streams).plus(more));
        if goal > budget {
            self.room_since = None;
            return (false, Some(goal));
        }
        let since = *self.room_since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.patience {
            return (false, None);
        }
        streams[index].granted = Some(layer);
        self.room_since = None;
        let lasted = self
            .raised_at
            .is_some_and(|raised| now.saturating_duration_since(raised) >= REGRET);
        if lasted {
            self.patience = PATIENCE;
        }
        self.raised_at = Some(now);
        (true, None)
    }
}

impl Default for Allocator {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives streams that are new the highest layers for which there is room, without patience: otherwise everything would
/// begin in its worst picture.
fn begin_new(budget: Bitrate, streams: &mut [Stream]) -> bool {
    let mut changed = false;
    loop {
        let sum = taken(streams);
        let fits = |more| with_margin(sum.plus(more)) <= budget;
        let Some((index, layer, _)) = next_step(streams, |stream, more| stream.is_new && fits(more)) else {
            break;
        };
        streams[index].granted = Some(layer);
        changed = true;
    }
    streams.iter_mut().for_each(|stream| stream.is_new = false);
    changed
}

/// Lowers the stream with the highest layer, the last of the list among those, by one layer or to a pause.
fn lower_one(streams: &mut [Stream]) -> bool {
    let shown = streams
        .iter_mut()
        .enumerate()
        .filter(|(_, stream)| stream.granted.is_some());
    let Some((_, stream)) = shown.max_by_key(|(index, stream)| (stream.granted, *index)) else {
        return false;
    };
    let below = |&(layer, _): &(u8, Bitrate)| stream.granted.is_some_and(|granted| layer < granted);
    stream.granted = stream.choices().filter(below).last().map(|(layer, _)| layer);
    true
}

fn with_margin(rate: Bitrate) -> Bitrate {
    rate.scaled(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: u64 = 150;
    const HIGH: u64 = 700;

    fn stream(layers: &[u64]) -> Stream {
        let mut rates = [None; MAX_LAYERS];
        for (rate, layer) in rates.iter_mut().zip(layers) {
            *rate = Some(Bitrate::kilobits(*layer));
        }
        Stream {
            layers: rates,
            wish: MAX_LAYERS as u8,
            granted: None,
            is_new: true,
        }
    }

    /// A receiver over time.
    struct Receiver {
        allocator: Allocator,
        now: Instant,
        streams: Vec<Stream>,
    }

    impl Receiver {
        fn new(streams: &[Stream]) -> Self {
            Self {
                allocator: Allocator::new(),
                now: Instant::now(),
                streams: streams.to_vec(),
            }
        }

        fn decide(&mut self, estimate: u64) -> Decision {
            let estimate = Bitrate::kilobits(estimate);
            let reserve = Bitrate::kilobits(50);
            self.allocator
                .decide(self.now, estimate, reserve, &mut self.streams)
        }

        /// Decides every 100 ms for so long.
        fn pass(&mut self, millis: u64, estimate: u64) -> Vec<Option<u8>> {
            for _ in 0..millis / 100 {
                self.now += Duration::from_millis(100);
                self.decide(estimate);
            }
            self.granted()
        }

        fn granted(&self) -> Vec<Option<u8>> {
            self.streams.iter().map(|stream| stream.granted).collect()
        }
    }

    #[test]
    fn everybodys_lowest_layer_comes_before_anybodys_next() {
        let mut streams = [stream(&[LOW, HIGH]), stream(&[LOW, HIGH]), stream(&[LOW])];
        let left = allot(Bitrate::kilobits(1_100), &mut streams);
        assert_eq!(streams.map(|stream| stream.granted), [Some(1), Some(0), Some(0)]);
        assert_eq!(left, Bitrate::kilobits(100));
        let mut streams = [stream(&[LOW, HIGH]), stream(&[LOW, HIGH]), stream(&[LOW])];
        allot(Bitrate::kilobits(310), &mut streams);
        assert_eq!(streams.map(|stream| stream.granted), [Some(0), Some(0), None]);
    }

    #[test]
    fn a_new_stream_begins_as_high_as_there_is_room() {
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH])]);
        assert!(receiver.decide(1_000).changed);
        assert_eq!(receiver.granted(), [Some(1)]);
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH])]);
        receiver.decide(700);
        assert_eq!(receiver.granted(), [Some(0)], "with the voices it would not fit");
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH])]);
        receiver.decide(100);
        assert_eq!(receiver.granted(), [None], "voices go before");
    }

    #[test]
    fn it_steps_down_at_once_and_up_with_patience() {
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH])]);
        receiver.decide(2_000);
        assert_eq!(receiver.granted(), [Some(1)]);
        assert!(!receiver.decide(600).is_flood);
        assert_eq!(
            receiver.granted(),
            [Some(1)],
            "not quite enough is enough for what is there"
        );
        let decision = receiver.decide(450);
        assert_eq!(receiver.granted(), [Some(0)]);
        assert!(decision.is_flood);
        assert_eq!(decision.goal, Some(Bitrate::kilobits(770 + 50)));
        assert_eq!(receiver.decide(2_000).goal, None, "the room is there");
        assert_eq!(receiver.pass(2_900, 2_000), [Some(0)]);
        assert_eq!(receiver.pass(200, 2_000), [Some(1)]);
    }

    #[test]
    fn room_that_comes_and_goes_is_no_room() {
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH])]);
        receiver.decide(300);
        for _ in 0..20 {
            assert_eq!(receiver.pass(2_500, 1_000), [Some(0)]);
            assert_eq!(receiver.pass(100, 500), [Some(0)]);
        }
    }

    #[test]
    fn steps_that_fail_are_tried_again_more_and_more_seldom() {
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH])]);
        receiver.decide(300);
        let mut waited = Vec::new();
        for _ in 0..5 {
            let since = receiver.now;
            while receiver.pass(100, 1_000) != [Some(1)] {}
            waited.push((receiver.now - since).as_secs());
            assert_eq!(receiver.pass(1_000, 500), [Some(0)]);
        }
        assert_eq!(waited, [3, 6, 12, 24, 48]);
        receiver.pass(60_000, 1_000);
        receiver.decide(500);
        receiver.pass(49_000, 1_000);
        assert_eq!(receiver.granted(), [Some(1)]);
        receiver.pass(20_000, 1_000);
        receiver.decide(500);
        assert_eq!(
            receiver.pass(3_100, 1_000),
            [Some(1)],
            "after one that lasted it is patient no more"
        );
    }

    #[test]
    fn what_is_gone_or_not_wanted_is_not_granted() {
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH])]);
        receiver.decide(2_000);
        receiver.streams[0].layers[1] = None;
        receiver.decide(2_000);
        assert_eq!(receiver.granted(), [Some(0)]);
        receiver.streams[0].layers = [None, Some(Bitrate::kilobits(HIGH)), None, None];
        receiver.decide(2_000);
        assert_eq!(receiver.granted(), [Some(1)], "the only one");
        receiver.streams[0].layers[0] = Some(Bitrate::kilobits(LOW));
        receiver.streams[0].wish = 0;
        receiver.decide(2_000);
        assert_eq!(receiver.granted(), [Some(0)]);
    }

    #[test]
    fn the_last_of_the_list_gives_way_first() {
        let mut receiver = Receiver::new(&[stream(&[LOW, HIGH]), stream(&[LOW, HIGH])]);
        receiver.decide(2_000);
        assert_eq!(receiver.granted(), [Some(1), Some(1)]);
        receiver.decide(1_200);
        assert_eq!(
            receiver.granted(),
            [Some(1), Some(1)],
            "an estimate after overuse"
        );
        receiver.decide(1_100);
        assert_eq!(receiver.granted(), [Some(1), Some(0)]);
        receiver.decide(400);
        assert_eq!(receiver.granted(), [Some(0), Some(0)]);
        receiver.decide(200);
        assert_eq!(receiver.granted(), [Some(0), None]);
        receiver.decide(50);
        assert_eq!(receiver.granted(), [None, None]);
    }
}

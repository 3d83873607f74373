//! What one stream can have of a link whose other streams need room as well.

use super::Bitrate;
use super::allocation::{FLOOD, KEEP, MARGIN, Stream};

/// One stream's part of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// With so much the stream is granted.
    pub rate: Bitrate,
    /// What it takes is too much for it to be granted, or to stay so.
    pub is_short: bool,
    /// With more than this it cannot be waited until it takes less.
    pub flood: Bitrate,
}

/// The part of the stream `own` in a link that carries `estimate`, of which `reserve` is to be free before anything
/// begins. Streams that take little leave the rest to the others, which are equals.
#[must_use]
pub fn share(estimate: Bitrate, reserve: Bitrate, streams: &[Stream], own: usize) -> Share {
    let room = level(estimate, 1.0, streams, own);
    let rate = level(estimate.minus(reserve), MARGIN, streams, own);
    let stream = streams.get(own);
    let taken = stream.map_or(Bitrate::ZERO, Stream::wished);
    let is_shown = stream.is_some_and(|stream| stream.granted.is_some());
    Share {
        rate,
        is_short: if is_shown {
            taken.scaled(KEEP) > room
        } else {
            taken > rate
        },
        flood: room.scaled(FLOOD),
    }
}

/// What is left for the stream `own` if it took whatever it gets, each with a margin.
fn level(budget: Bitrate, margin: f64, streams: &[Stream], own: usize) -> Bitrate {
    let others = || {
        let others = streams.iter().enumerate().filter(|(index, _)| *index != own);
        others.map(|(_, stream)| stream.wished())
    };
    let budget = budget.scaled(1.0 / margin);
    let mut level = Bitrate(budget.0 / streams.len().max(1) as u64);
    loop {
        let (modest, taken) = others()
            .filter(|rate| *rate <= level)
            .fold((0, Bitrate::ZERO), |(count, sum), rate| {
                (count + 1, sum.plus(rate))
            });
        let equals = (streams.len() as u64).saturating_sub(modest).max(1);
        let next = Bitrate(budget.minus(taken).0 / equals);
        if next <= level {
            return level;
        }
        level = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandwidth::allocation::MAX_LAYERS;

    fn stream(layers: &[u64], is_shown: bool) -> Stream {
        let mut rates = [None; MAX_LAYERS];
        for (rate, layer) in rates.iter_mut().zip(layers) {
            *rate = Some(Bitrate::kilobits(*layer));
        }
        Stream {
            layers: rates,
            wish: MAX_LAYERS as u8,
            granted: is_shown.then_some(0),
            is_new: false,
        }
    }

    fn shares(estimate: u64, streams: &[Stream]) -> Vec<u64> {
        let of = |own| share(Bitrate::kilobits(estimate), Bitrate::ZERO, streams, own);
        (0..streams.len()).map(|own| of(own).rate.0 / 1_000).collect()
    }

    #[test]
    fn equals_get_equal_parts_and_the_modest_leave_the_rest() {
        assert_eq!(shares(1_100, &[stream(&[2_000], true)]), [1_000]);
        assert_eq!(
            shares(1_100, &[stream(&[900], true), stream(&[2_000], true)]),
            [500, 500]
        );
        let one_is_modest = [stream(&[110], true), stream(&[900], true), stream(&[900], true)];
        assert_eq!(shares(1_100, &one_is_modest), [333, 445, 445]);
        assert_eq!(
            shares(1_100, &[stream(&[50, 550], true), stream(&[900], true)]),
            [500, 500]
        );
        assert_eq!(shares(0, &[stream(&[900], true)]), [0]);
        assert_eq!(
            share(Bitrate::kilobits(100), Bitrate::ZERO, &[], 0).rate,
            Bitrate::kilobits(100).scaled(1.0 / MARGIN)
        );
    }

    #[test]
    fn what_is_shown_stays_longer_than_something_begins() {
        let verdict = |rate, is_shown| {
            let streams = [stream(&[rate], is_shown)];
            let share = share(Bitrate::kilobits(400), Bitrate::kilobits(50), &streams, 0);
            (share.is_short, Bitrate::kilobits(rate) > share.flood)
        };
        assert_eq!(verdict(310, false), (false, false));
        assert_eq!(verdict(330, false), (true, false));
        assert_eq!(verdict(490, true), (false, false));
        assert_eq!(verdict(510, true), (true, false));
        assert_eq!(verdict(610, true), (true, true));
    }

    #[test]
    fn what_is_shared_out_is_granted() {
        let mut streams = [
            stream(&[5_000], false),
            stream(&[5_000], false),
            stream(&[80], false),
        ];
        let (estimate, reserve) = (Bitrate::kilobits(600), Bitrate::kilobits(50));
        let given = [0, 1].map(|own| share(estimate, reserve, &streams, own).rate);
        for (stream, rate) in streams.iter_mut().zip(given) {
            stream.layers[0] = Some(rate);
            stream.is_new = true;
        }
        streams[2].is_new = true;
        let mut allocator = crate::bandwidth::allocation::Allocator::new();
        allocator.decide(std::time::Instant::now(), estimate, reserve, &mut streams);
        assert_eq!(streams.map(|stream| stream.granted), [Some(0); 3]);
    }
}

//! Asking a publisher for less where none of its viewers can take what it sends.
//!
//! A publisher with one layer leaves no choice but that layer or a pause. So it is asked to send no more than the best
//! served of its viewers can take: nobody's good link suffers from another's narrow one, and where all links are narrow
//! the picture becomes smaller instead of pausing. It is told by REMB, whether it numbers its packets or not: senders
//! take it as a limit beside their own estimate. `media-transport.md` section 8.
//!
//! While it follows, it counts as sending what it was asked for. As the viewers' links prove to carry more, it may send
//! more, until it sends as if nobody had asked.

use std::time::{Duration, Instant};

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::rtcp::{RtcpWriter, SERVER_SENDER};

use super::Core;
use super::downlink::{Offer, VOICES};
use super::ingress::seat;
use super::layer::{Layer, MAX_LAYERS};
use super::member::Member;
use super::outbox::Outbox;
use super::room::Room;
use super::ssrc_table::StreamRole;
use crate::bandwidth::Bitrate;
use crate::bandwidth::allocation::Stream;
use crate::bandwidth::share::{Share, share};

/// How long a publisher has to send less before what it sends counts, and after a keyframe that it was asked for.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked at what all of a publisher's viewers take.
const CONSIDER_EVERY: Duration = Duration::from_millis(50);
/// Nobody is asked for less: below that video is none.
const LEAST: Bitrate = Bitrate::kilobits(50);
/// What a publisher is told that may send as much as it likes again, and how often, as such a report can get lost.
const ANYTHING: Bitrate = Bitrate::kilobits(50_000);
const RELEASES: u8 = 3;
/// With so much less than it was told, it is told at once; otherwise with the next report.
const LESS: f64 = 0.95;
/// It is asked no longer when there is so much more room than it needs.
const AMPLE: f64 = 1.1;
/// A publisher that sends more than this share of what it may would send more.
const HUNGRY: f64 = 0.7;
/// A link is tried with so much more than it is known to carry.
const TRY: f64 = 1.5;

/// What a viewer's link carries of a publisher's only layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Takes {
    /// There is no reason for a limit.
    #[default]
    Everything,
    /// So much.
    UpTo {
        rate: Bitrate,
        /// The publisher sends more.
        is_short: bool,
    },
}

/// What a publisher is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    limit: Option<Limit>,
    /// What it was told last; `None` if it need not be told anything.
    told: Option<Bitrate>,
    /// How often it still has to be told that it may send anything.
    releases: u8,
    considered: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    rate: Bitrate,
    /// What it sends, or would by what it announced, if nobody asks.
    needed: Bitrate,
    /// When it was asked for less.
    lowered: Instant,
}

impl Asked {
    /// Takes what the viewers take. Returns whether the publisher has to be told at once.
    fn consider(&mut self, now: Instant, best: Option<Best>, needed: impl FnOnce() -> Bitrate) -> bool {
        self.considered = Some(now);
        let Some(best) = best else {
            self.release();
            return false;
        };
        let rate = best.rate.max(LEAST);
        match &mut self.limit {
            None if best.are_all_short => {
                let (needed, lowered) = (needed(), now);
                self.limit = Some(Limit {
                    rate,
                    needed,
                    lowered,
                });
                true
            }
            None => false,
            Some(limit) if rate >= limit.needed.scaled(AMPLE) => {
                self.release();
                false
            }
            Some(limit) => {
                limit.rate = rate;
                let is_less = self.told.is_none_or(|told| rate < told.scaled(LESS));
                if is_less {
                    limit.lowered = now;
                }
                is_less
            }
        }
    }

    fn release(&mut self) {
        if self.limit.take().is_some() {
            self.releases = RELEASES;
        }
    }

    /// What the publisher has to be told now; `None` for nothing.
    pub(super) fn tell(&mut self) -> Option<Bitrate> {
        self.told = match self.limit {
            Some(limit) => Some(limit.rate),
            None if self.releases > 0 => {
                self.releases -= 1;
                Some(ANYTHING)
            }
            None => None,
        };
        self.told
    }

    /// Whether it would be unfair to judge it by what it sends right now.
    fn has_time(&self, now: Instant, layer: &Layer) -> bool {
        let lately = |at: Instant| now.saturating_duration_since(at) < GRACE;
        self.limit.is_some_and(|limit| lately(limit.lowered)) || layer.keyframe.sent.is_some_and(lately)
    }

    /// Sets what the stream counts for. Returns whether the viewer's link is what keeps its publisher from sending more.
    fn apply(&self, now: Instant, at: u64, layer: &mut Layer, share: &Share, stream: &mut Stream) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        let is_followed = layer.rate.is_within(at, limit.rate);
        if is_followed {
            layer.rate.forget_peak();
        }
        let is_flood = layer.rate.now(at) > share.flood;
        if is_followed || (self.has_time(now, layer) && !is_flood) {
            for rate in stream.layers.iter_mut().flatten() {
                *rate = limit.rate.min(*rate);
            }
        }
        // What was paused because it was too much is another stream now.
        stream.is_new |= is_followed && stream.granted.is_none();
        share.rate >= limit.rate && layer.rate.now(at) >= limit.rate.scaled(HUNGRY)
    }
}

/// What the best-served viewer of a publisher takes.
#[derive(Debug, Clone, Copy)]
struct Best {
    rate: Bitrate,
    are_all_short: bool,
}

/// What the best-served viewer takes; `None` if nobody watches, or one takes everything.
fn best(publisher: &Member, room: &Room) -> Option<Best> {
    let mut best = None;
    for viewer in publisher.viewers.iter().filter(|viewer| viewer.wish.is_some()) {
        let listener = room.listeners.get(viewer.listener);
        if !listener.is_some_and(|listener| listener.sees() && listener.payload_types.takes_video()) {
            continue;
        }
        let Takes::UpTo { rate, is_short } = viewer.takes else {
            return None;
        };
        let before = best.unwrap_or(Best {
            rate: Bitrate::ZERO,
            are_all_short: true,
        });
        best = Some(Best {
            rate: before.rate.max(rate),
            are_all_short: before.are_all_short && is_short,
        });
    }
    best
}

/// The only layer of a publisher, if it has just one.
fn only_layer(layers: &[Layer]) -> Option<&Layer> {
    let mut active = layers.iter().filter(|layer| layer.published.is_some());
    active.next().filter(|_| active.next().is_none())
}

impl Core {
    /// Notes what a receiver takes of each publisher it watches, and lets those publishers count for what they are asked
    /// to send. `estimate` is what the receiver's link carries, `None` if nothing limits it. Returns what the link would
    /// have to carry for a publisher to be asked for more.
    pub(super) fn consider_publishers(
        &mut self,
        now: Instant,
        estimate: Option<Bitrate>,
        offers: &[Offer],
        streams: &mut [Stream],
    ) -> Option<Bitrate> {
        let at = self.micros(now);
        let mut is_wanting = false;
        for (place, offer) in offers.iter().enumerate() {
            let Some((publisher, room)) = seat(&mut self.members, &mut self.rooms, offer.publisher) else {
                continue;
            };
            let is_alone = only_layer(&publisher.layers).is_some();
            let part = estimate
                .filter(|_| is_alone)
                .map(|estimate| share(estimate, VOICES, streams, place));
            if let Some(viewer) = publisher.viewers.get_mut(offer.viewer) {
                viewer.takes = part.map_or(Takes::Everything, |share| Takes::UpTo {
                    rate: share.rate,
                    is_short: share.is_short,
                });
            }
            let concerns = publisher.asked.limit.is_some() || part.is_some_and(|part| part.is_short);
            let is_due = publisher
                .asked
                .considered
                .is_none_or(|last| now.saturating_duration_since(last) >= CONSIDER_EVERY);
            if concerns && is_due {
                let best = best(publisher, room);
                let layer = only_layer(&publisher.layers);
                let needed = || layer.map_or(Bitrate::ZERO, |layer| layer.needed_rate(at));
                if publisher.asked.consider(now, best, needed) {
                    self.timers.asking.push(offer.publisher);
                }
            }
            let layer = publisher
                .layers
                .iter_mut()
                .find(|layer| layer.published.is_some());
            if let (Some(part), Some(layer), Some(stream)) = (part, layer, streams.get_mut(place)) {
                is_wanting |= publisher.asked.apply(now, at, layer, &part, stream);
            }
        }
        estimate
            .filter(|_| is_wanting)
            .map(|estimate| estimate.scaled(TRY))
    }

    /// Tells publishers at once that they have to send less.
    pub(super) fn ask_publishers(&mut self, out: &mut impl Outbox) {
        let mut asking = std::mem::take(&mut self.timers.asking);
        for index in asking.drain(..) {
            self.send_rtcp(index, out, |writer, member| {
                let limit = member.asked.tell().map(|limit| limit.0);
                let own = member.sending.told();
                let limit = limit.into_iter().chain(own).min();
                limit.is_some_and(|limit| write_limit(member, limit, writer))
            });
        }
        self.timers.asking = asking;
    }
}

/// Writes that a publisher's layers may together take so many bits per second. False if it has none, or that does not fit.
pub(super) fn write_limit(member: &Member, limit: u64, writer: &mut RtcpWriter<'_>) -> bool {
    let mut media = [Ssrc::NONE; MAX_LAYERS];
    let mut count = 0;
    for (layer, state) in (0..).zip(&member.layers) {
        if let (Some(_), Some(name)) = (state.published, member.own_name(StreamRole::Video(layer))) {
            media[count] = name;
            count += 1;
        }
    }
    count > 0
        && writer
            .receiver_estimated_bitrate(SERVER_SENDER, limit, &media[..count])
            .is_ok()
}

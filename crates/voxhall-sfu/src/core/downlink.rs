//! What a receiver is sent beside voices: as many pictures, and as good ones, as its link carries. `media-transport.md`
//! section 8.
//!
//! Every receiver of video has a [`Downlink`], which numbers the video packets that go to it and hears what the receiver
//! says of them. A few times a second it is decided anew which layer of each publisher the receiver gets. Voices are
//! never held back: whatever they take, video gives way.

use std::time::{Duration, Instant};

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::SequenceNumber;
use voxhall_transport::extension::{ExtensionId, transport_sequence_bytes};
use voxhall_transport::rtcp::{ReceiverEstimatedBitrate, ReportBlock, TransportFeedback};
use voxhall_transport::rtp::FIXED_HEADER_LENGTH;

use super::Core;
use super::ingress::seat;
use super::layer::{Grant, Layer, MAX_LAYERS, Viewer};
use super::member::Member;
use super::outbox::Outbox;
use super::padding::Padding;
use super::repair_budget::RepairBudget;
use super::ssrc_table::{Owner, StreamRole};
use super::timers::set_earlier;
use crate::bandwidth::allocation::{Allocator, Stream};
use crate::bandwidth::{Bitrate, Estimator};

/// How often it is decided which layers a receiver gets, besides whenever it reports something.
const DECIDE_EVERY: Duration = Duration::from_millis(200);
/// How soon it is decided anew when a receiver reports something; what others report meanwhile is done in one go.
const DECIDE_SOON: Duration = Duration::from_millis(10);
/// The same for a receiver that gave no reason for a limit.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is kept free for voices that may begin to speak. Those that speak already fill the link beside the video, so the
/// estimate is without them.
pub(super) const VOICES: Bitrate = Bitrate::kilobits(50);

/// Where the number on the transport stands in a packet of video: it is always the first extension.
const NUMBER: std::ops::Range<usize> = FIXED_HEADER_LENGTH + 5..FIXED_HEADER_LENGTH + 7;
const NUMBER_HEAD: usize = NUMBER.start - 1;

/// What is known of the way down to one receiver of video.
#[derive(Debug)]
pub(super) struct Downlink {
    estimator: Estimator,
    allocator: Allocator,
    repairs: RepairBudget,
    decide_at: Instant,
    /// When it has to be attended to.
    due: Instant,
}

impl Downlink {
    fn new(now: Instant) -> Self {
        Self {
            estimator: Estimator::new(now),
            allocator: Allocator::new(),
            repairs: RepairBudget::default(),
            decide_at: now,
            due: now,
        }
    }

    /// The number of the next packet.
    pub(super) const fn next_number(&self) -> SequenceNumber {
        self.estimator.next_sequence()
    }

    /// A packet of so many bytes was sent, with the next number or without.
    pub(super) fn on_sent(&mut self, now: Instant, bytes: usize, is_numbered: bool) {
        if is_numbered {
            self.estimator.on_sent(now, bytes);
        } else {
            self.estimator.on_sent_unnumbered(now, bytes);
        }
    }

    /// Whether the link has room for a packet that is sent again.
    pub(super) fn affords_repair(&mut self, now: Instant) -> bool {
        let estimate = self.estimator.estimate();
        estimate.is_none_or(|estimate| self.repairs.allows(now, estimate))
    }

    /// A packet was sent again, as [`on_sent`](Self::on_sent) tells.
    pub(super) fn on_repaired(&mut self, now: Instant, bytes: usize, is_numbered: bool) {
        self.on_sent(now, bytes, is_numbered);
        if self.estimator.estimate().is_some() {
            self.repairs.spend(bytes);
        }
    }

    /// Has the layers decided at `at`, or earlier if that was to be.
    fn hurry(&mut self, at: Instant) {
        self.decide_at = self.decide_at.min(at);
        self.due = self.due.min(at);
    }
}

/// Puts a number on the transport into a packet of video that has a place for it under the receiver's `id`. False if
/// it has none.
pub(super) fn write_number(header: &mut [u8], id: Option<ExtensionId>, number: SequenceNumber) -> bool {
    let head = id.map(|id| id.number() << 4 | 1);
    if head.is_none() || header.get(NUMBER_HEAD).copied() != head {
        return false;
    }
    let Some(place) = header.get_mut(NUMBER) else {
        return false;
    };
    place.copy_from_slice(&transport_sequence_bytes(number));
    true
}

/// One publisher's video as it is offered to a receiver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) publisher: usize,
    /// The receiver's place among the publisher's viewers.
    pub(super) viewer: usize,
    /// The layers that are there, the least first.
    ranking: [Option<u8>; MAX_LAYERS],
}

impl Core {
    /// Gives a downlink to everybody in a room who watches something, and takes it from everybody else.
    pub(super) fn renew_downlinks(&mut self, now: Instant, room_index: usize) {
        let Some(room) = self.rooms.get_mut(room_index) else {
            return;
        };
        let mut watches = vec![false; room.listeners.len()];
        for publisher in &room.publishers {
            let viewers = self
                .members
                .get(*publisher)
                .map_or(&[][..], |member| &member.viewers);
            for viewer in viewers.iter().filter(|viewer| viewer.wish.is_some()) {
                if let Some(watches) = watches.get_mut(viewer.listener) {
                    *watches = true;
                }
            }
        }
        self.offers.0.reserve(room.publishers.len());
        self.offers.1.reserve(room.publishers.len());
        for (listener, watches) in room.listeners.iter_mut().zip(watches) {
            if !watches || !listener.payload_types.takes_video() {
                listener.downlink = None;
                continue;
            }
            let is_new = listener.downlink.is_none();
            let downlink = listener
                .downlink
                .get_or_insert_with(|| Box::new(Downlink::new(now)));
            downlink.hurry(now);
            if is_new && !self.timers.viewing.contains(&listener.member) {
                self.timers.viewing.push(listener.member);
            }
            set_earlier(&mut self.timers.downlinks, now);
        }
    }

    /// How many receivers of video there are.
    #[must_use]
    pub fn watching(&self) -> usize {
        let listeners = self.rooms.iter().flat_map(|(_, room)| &room.listeners);
        listeners.filter(|listener| listener.downlink.is_some()).count()
    }

    /// A receiver says when the video arrived.
    pub(super) fn take_feedback(&mut self, now: Instant, index: usize, feedback: &TransportFeedback<'_>) {
        self.stats.transport_feedback += 1;
        self.with_downlink(now, index, |estimator| estimator.on_feedback(now, feedback));
    }

    /// A receiver says how much it can take.
    pub(super) fn take_receiver_estimate(
        &mut self,
        now: Instant,
        index: usize,
        estimate: &ReceiverEstimatedBitrate<'_>,
    ) {
        let rate = Bitrate(estimate.bitrate);
        self.with_downlink(now, index, |estimator| estimator.on_remb(now, rate));
    }

    /// A receiver says how much of what it was sent got lost. What counts is the stream that lost most.
    pub(super) fn take_loss_reports(
        &mut self,
        now: Instant,
        index: usize,
        blocks: impl Iterator<Item = ReportBlock>,
    ) {
        let of_video = blocks.filter(|block| self.is_video(block.source));
        let Some(lost) = of_video.map(|block| block.fraction_lost).max() else {
            return;
        };
        let lost = f64::from(lost) / 256.0;
        self.with_downlink(now, index, |estimator| estimator.on_loss_report(now, lost));
    }

    fn is_video(&self, ssrc: Ssrc) -> bool {
        let role = self.ssrcs.get(&ssrc).map(|owner: &Owner| owner.role);
        matches!(role, Some(StreamRole::Video(_)))
    }

    /// Tells a receiver's estimator something, and has its layers decided anew.
    fn with_downlink(&mut self, now: Instant, index: usize, tell: impl FnOnce(&mut Estimator)) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let listener = room.listeners.get_mut(member.listener);
        let Some(downlink) = listener.and_then(|listener| listener.downlink.as_mut()) else {
            return;
        };
        tell(&mut downlink.estimator);
        let soon = now + DECIDE_SOON;
        downlink.hurry(soon);
        set_earlier(&mut self.timers.downlinks, soon);
    }

    /// Does what is due for receivers of video.
    pub(super) fn attend_downlinks(&mut self, now: Instant, out: &mut impl Outbox) {
        let mut viewing = std::mem::take(&mut self.timers.viewing);
        viewing.retain(|&index| {
            let due = self.attend_downlink(now, index, out);
            if let Some(due) = due {
                set_earlier(&mut self.timers.downlinks, due);
            }
            due.is_some()
        });
        self.timers.viewing = viewing;
        self.ask_publishers(out);
    }

    /// Does what is due for one receiver. Returns when something is due again; `None` if it watches nothing.
    fn attend_downlink(&mut self, now: Instant, index: usize, out: &mut impl Outbox) -> Option<Instant> {
        let (member, room) = seat(&mut self.members, &mut self.rooms, index)?;
        let place = &mut room.listeners.get_mut(member.listener)?.downlink;
        if place.as_ref()?.due > now {
            return Some(place.as_ref()?.due);
        }
        // Out of its place, so that it can be worked with beside the rest.
        let mut downlink = place.take()?;
        downlink.estimator.on_timeout(now);
        if downlink.decide_at <= now {
            let limited = self.decide_layers(now, index, &mut downlink);
            downlink.decide_at = now + if limited { DECIDE_EVERY } else { LOOK_EVERY };
        }
        if downlink
            .estimator
            .poll_timeout()
            .is_some_and(|timeout| timeout <= now)
        {
            self.probe(now, index, &mut downlink, out);
        }
        let timeout = downlink.estimator.poll_timeout();
        // Something that is due at once was just done.
        let timeout = timeout.map(|timeout| timeout.max(now + Duration::from_millis(1)));
        downlink.due = timeout.map_or(downlink.decide_at, |timeout| timeout.min(downlink.decide_at));
        let due = downlink.due;
        let (member, room) = seat(&mut self.members, &mut self.rooms, index)?;
        room.listeners.get_mut(member.listener)?.downlink = Some(downlink);
        Some(due)
    }

    /// Sends the padding that shows whether the link carries more.
    fn probe(&mut self, now: Instant, index: usize, downlink: &mut Downlink, out: &mut impl Outbox) {
        let Some(padding) = Padding::to(&self.members, &self.rooms, index) else {
            downlink.estimator.probe(now, false);
            return;
        };
        let Some(probe) = downlink.estimator.probe(now, true) else {
            return;
        };
        let mut left = probe.bytes;
        while left > 0 {
            let number = downlink.next_number();
            let Some(sent) = self.send_padding(now, index, padding, number, out) else {
                return;
            };
            downlink.on_sent(now, sent, true);
            left = left.saturating_sub(sent);
        }
    }

    /// Decides which layer of each publisher a receiver gets. Returns whether anything limits it.
    fn decide_layers(&mut self, now: Instant, index: usize, downlink: &mut Downlink) -> bool {
        let estimate = downlink.estimator.estimate();
        let (mut offers, mut streams) = std::mem::take(&mut self.offers);
        offers.clear();
        streams.clear();
        self.gather_offers(now, index, &mut offers, &mut streams);
        let more = self.consider_publishers(now, estimate, &offers, &mut streams);
        // Where only sending more could show whether there is room, it is not tried.
        let more = more.filter(|_| downlink.estimator.hears_of_arrivals());
        let more = more.filter(|_| Padding::to(&self.members, &self.rooms, index).is_some());
        let mut is_flood = false;
        match estimate {
            Some(estimate) => {
                let decision = downlink.allocator.decide(now, estimate, VOICES, &mut streams);
                downlink.estimator.set_goal(decision.goal.or(more));
                is_flood = decision.is_flood;
            }
            None => downlink.estimator.set_goal(None),
        }
        for (offer, stream) in offers.iter().zip(&streams) {
            let grant = match (estimate, stream.granted) {
                (None, _) => Grant::Everything,
                (Some(_), None) => Grant::Nothing,
                (Some(_), Some(rank)) => {
                    offer.ranking[usize::from(rank)].map_or(Grant::Nothing, Grant::Layer)
                }
            };
            self.grant(now, offer, grant, is_flood);
        }
        self.offers = (offers, streams);
        estimate.is_some()
    }

    fn gather_offers(&self, now: Instant, index: usize, offers: &mut Vec<Offer>, streams: &mut Vec<Stream>) {
        let Some(own) = self.members.get(index) else {
            return;
        };
        let Some(room) = self.rooms.get(own.room) else {
            return;
        };
        let at = self.micros(now);
        for &place in room.publishers.iter().filter(|place| **place != index) {
            let Some(publisher) = self.members.get(place) else {
                continue;
            };
            // Viewers stand in the order of listeners, without the publisher itself.
            let among_viewers = own.listener - usize::from(own.listener > publisher.listener);
            let viewer = publisher
                .viewers
                .get(among_viewers)
                .filter(|viewer| viewer.member == index);
            let Some((viewer, wish)) = viewer.and_then(|viewer| Some((viewer, viewer.wish?))) else {
                continue;
            };
            let ranking = rank(&publisher.layers);
            offers.push(Offer {
                publisher: place,
                viewer: among_viewers,
                ranking,
            });
            streams.push(stream(at, publisher, viewer, wish, &ranking));
        }
    }

    /// Gives a viewer a layer.
    fn grant(&mut self, now: Instant, offer: &Offer, grant: Grant, is_flood: bool) {
        let Some(publisher) = self.members.get_mut(offer.publisher) else {
            return;
        };
        let Some(viewer) = publisher.viewers.get_mut(offer.viewer) else {
            return;
        };
        let before = viewer.target;
        viewer.grant = grant;
        let target = viewer.limited(&publisher.layers);
        let layers = &publisher.layers;
        let is_active = |layer: u8| {
            layers
                .get(usize::from(layer))
                .is_some_and(|layer| layer.published.is_some())
        };
        let wants_keyframe = viewer.aim(target, is_active);
        let rank_of = |layer: Option<u8>| {
            offer
                .ranking
                .iter()
                .position(|ranked| layer.is_some() && *ranked == layer)
        };
        let lowered = rank_of(target) < rank_of(before);
        if is_flood && rank_of(target) < rank_of(viewer.current) {
            viewer.leave();
        }
        if target != before {
            if lowered {
                self.stats.layers_lowered += 1;
            } else {
                self.stats.layers_raised += 1;
            }
        }
        if let (true, Some(layer)) = (wants_keyframe, target) {
            self.want_keyframe(now, offer.publisher, layer);
        }
    }

    /// The time for meters.
    pub(super) fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_micros() as u64
    }
}

/// The layers that are there, the least first.
fn rank(layers: &[Layer]) -> [Option<u8>; MAX_LAYERS] {
    let mut ranking = [None; MAX_LAYERS];
    for (layer, place) in (0_u8..)
        .zip(layers)
        .filter(|(_, layer)| layer.published.is_some())
        .map(|(index, _)| index)
        .zip(&mut ranking)
    {
        *place = Some(layer);
    }
    let quality = |layer: &Option<u8>| {
        let layer = layer.and_then(|layer| layers.get(usize::from(layer)));
        // Empty places go to the end.
        layer
            .and_then(|layer| layer.published)
            .map_or(u8::MAX, |published| published.quality)
    };
    ranking.sort_by_key(quality);
    ranking
}

/// A publisher's video as the allocator sees it: layers by rank.
fn stream(
    at: u64,
    publisher: &Member,
    viewer: &Viewer,
    wish: u8,
    ranking: &[Option<u8>; MAX_LAYERS],
) -> Stream {
    let rank_of = |layer: u8| {
        ranking
            .iter()
            .position(|ranked| *ranked == Some(layer))
            .map(|rank| rank as u8)
    };
    let rates = ranking.map(|layer| {
        let layer = publisher.layers.get(usize::from(layer?))?;
        Some(layer.rate.rate(at).unwrap_or_else(|| layer.usual_rate()))
    });
    let (granted, is_new) = match viewer.grant {
        Grant::Everything => (viewer.current, viewer.current != Some(wish)),
        Grant::Layer(layer) => (Some(layer), false),
        Grant::Nothing => (None, false),
    };
    Stream {
        layers: rates,
        wish: rank_of(wish).unwrap_or(MAX_LAYERS as u8),
        granted: granted.and_then(rank_of),
        is_new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_of_video_takes_ten_kilobytes_and_one_of_voices_a_pointer() {
        let history = 512 * 16;
        assert!(
            size_of::<Downlink>() + history < 10 * 1024,
            "{}",
            size_of::<Downlink>()
        );
        assert_eq!(size_of::<Option<Box<Downlink>>>(), size_of::<usize>());
    }

    #[test]
    fn a_number_is_put_only_where_there_is_a_place_for_it() {
        let mut header = [
            0x90, 0xE9, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 2, 0x51, 0, 0, 0x62, 0, 0, 0, 0,
        ];
        let five = ExtensionId::new(5);
        assert!(write_number(&mut header, five, SequenceNumber(0x0102)));
        assert_eq!(header[16..19], [0x51, 1, 2]);
        for id in [ExtensionId::new(3), None] {
            assert!(!write_number(&mut header, id, SequenceNumber(9)));
        }
        assert!(!write_number(&mut header[..18], five, SequenceNumber(9)));
        assert!(!write_number(&mut [0x80; 12], five, SequenceNumber(9)));
        assert_eq!(header[16..19], [0x51, 1, 2]);
    }
}

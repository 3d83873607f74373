//! What the SFU says by itself: receiver reports, requests for keyframes, reports of arrivals; and the review of
//! members that went silent.

use std::time::{Duration, Instant};

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::rtcp::{ReportBlock, RtcpWriter, SERVER_SENDER};
use voxhall_transport::{PacketKind, RtpPacket, SequenceNumber};

use super::Core;
use super::asking::write_limit;
use super::control::RTCP_CLEAR;
use super::ingress::seat;
use super::layer::MAX_LAYERS;
use super::member::{Member, Source};
use super::outbox::Outbox;
use super::ssrc_table::StreamRole;
use super::timers::{is_due, set_earlier};
use crate::{Event, MAX_DATAGRAM};

/// Members are looked through at least this often.
const REVIEW_EVERY: Duration = Duration::from_secs(5);

/// So many nonces are left when the node is told: at a thousand packets a second, for more than four hours.
const EXHAUSTION_MARGIN: u32 = 1 << 24;

/// RTCP is made in this, and has to leave room for encryption.
const RTCP_LENGTH: usize = MAX_DATAGRAM - 64;

/// A block that is overwritten.
const NO_BLOCK: ReportBlock = ReportBlock {
    source: Ssrc::NONE,
    fraction_lost: 0,
    cumulative_lost: 0,
    extended_highest_sequence: 0,
    jitter: 0,
    last_sender_report: 0,
    delay_since_last_sender_report: 0,
};

impl Core {
    /// Does what is due. To be called when [`Core::poll_timeout`] has come; too early or too late does no harm.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl Outbox) {
        if is_due(&mut self.timers.repairs, now) {
            self.request_repairs(now, out);
        }
        if is_due(&mut self.timers.handshakes, now) {
            self.advance_handshakes(now, out);
        }
        if is_due(&mut self.timers.downlinks, now) {
            self.attend_downlinks(now, out);
        }
        if is_due(&mut self.timers.keyframes, now) {
            self.request_keyframes(now, out);
        }
        if is_due(&mut self.timers.arrivals, now) {
            self.report_arrivals(out);
        }
        if is_due(&mut self.timers.reports, now) {
            self.report_receptions(now, out);
        }
        if is_due(&mut self.timers.review, now) {
            self.review(now);
        }
    }

    /// Notes the number that a publisher gave its packet on the transport.
    pub(super) fn record_arrival(&mut self, now: Instant, index: usize, packet: &RtpPacket<'_>) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let number = member.transport_sequence(packet);
        member.sending.count(packet.as_bytes().len(), number.is_some());
        let Some(number) = number else {
            return;
        };
        if member.arrivals.note(number, now) {
            self.timers.arriving.push(index);
            set_earlier(
                &mut self.timers.arrivals,
                now + self.config.timing.arrival_report_every,
            );
        }
    }

    /// How often members are looked through.
    pub(super) fn review_interval(&self) -> Duration {
        let timing = &self.config.timing;
        (timing.idle_after.min(timing.consent_for) / 4).clamp(Duration::from_millis(1), REVIEW_EVERY)
    }

    /// Asks for the keyframes that are wanted, but not those that were asked for just before.
    fn request_keyframes(&mut self, now: Instant, out: &mut impl Outbox) {
        let mut wanted = std::mem::take(&mut self.timers.wanted_keyframes);
        wanted.retain(|&(index, layer)| {
            let Some(due) = self.keyframe_due(index, layer) else {
                return false;
            };
            if due > now {
                set_earlier(&mut self.timers.keyframes, due);
                return true;
            }
            self.request_keyframe(now, index, layer, out);
            false
        });
        self.timers.wanted_keyframes = wanted;
    }

    /// When the next keyframe of a layer may be asked for; `None` if the layer is gone.
    fn keyframe_due(&self, index: usize, layer: u8) -> Option<Instant> {
        let request = self.members.get(index)?.layers.get(usize::from(layer))?.keyframe;
        Some(request.sent.map_or(self.origin, |sent| {
            sent + self.config.timing.keyframe_request_every
        }))
    }

    fn request_keyframe(&mut self, now: Instant, index: usize, layer: u8, out: &mut impl Outbox) {
        let Some((member, _)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(state) = member.layers.get_mut(usize::from(layer)) else {
            return;
        };
        state.keyframe.wanted = false;
        if state.published.is_none() {
            return;
        }
        state.keyframe.sent = Some(now);
        let Some(media) = member.own_name(StreamRole::Video(layer)) else {
            return;
        };
        self.stats.keyframe_requests += 1;
        self.send_rtcp(index, out, |writer, _| {
            writer.picture_loss_indication(SERVER_SENDER, media).is_ok()
        });
    }

    /// Asks publishers for what got lost on its way here.
    fn request_repairs(&mut self, now: Instant, out: &mut impl Outbox) {
        let mut repairing = std::mem::take(&mut self.timers.repairing);
        let mut lost = std::mem::take(&mut self.lost);
        repairing.retain(|&(index, layer)| {
            lost.clear();
            let due = self.find_lost(now, index, layer, &mut lost);
            if let (false, Some(media)) = (lost.is_empty(), self.layer_name(index, layer)) {
                self.stats.repairs_requested += lost.len() as u64;
                self.send_rtcp(index, out, |writer, _| {
                    writer.nack(SERVER_SENDER, media, lost.iter().copied()).is_ok()
                });
            }
            if let Some(due) = due {
                set_earlier(&mut self.timers.repairs, due);
            }
            due.is_some()
        });
        self.timers.repairing = repairing;
        self.lost = lost;
    }

    /// Puts what is to be asked for of a layer into `lost`; returns when to look again, if something is missing.
    fn find_lost(
        &mut self,
        now: Instant,
        index: usize,
        layer: u8,
        lost: &mut Vec<SequenceNumber>,
    ) -> Option<Instant> {
        let member = self.members.get_mut(index)?;
        let layer = member.layers.get_mut(usize::from(layer))?;
        layer.gaps.ask(now, lost);
        layer.gaps.due()
    }

    /// What a publisher calls a layer itself.
    fn layer_name(&self, index: usize, layer: u8) -> Option<Ssrc> {
        self.members.get(index)?.own_name(StreamRole::Video(layer))
    }

    /// Tells publishers how what they sent since the last report was received.
    fn report_receptions(&mut self, now: Instant, out: &mut impl Outbox) {
        let mut reporting = std::mem::take(&mut self.timers.reporting);
        for index in reporting.drain(..) {
            self.send_rtcp(index, out, |writer, member| {
                member.report_due = false;
                let mut blocks = [NO_BLOCK; 1 + MAX_LAYERS];
                let mut filled = 0;
                let layers = (0..).zip(&mut member.layers);
                let layers = layers.map(|(layer, state)| (StreamRole::Video(layer), &mut state.media));
                let streams = std::iter::once((StreamRole::Audio, &mut member.audio)).chain(layers);
                for (role, source) in streams {
                    let name = match &member.webrtc {
                        Some(webrtc) => webrtc.sources.name(role),
                        None => Some(source.ssrc),
                    };
                    if let (Some(block), Some(place)) = (report_on(source, name, now), blocks.get_mut(filled))
                    {
                        *place = block;
                        filled += 1;
                    }
                }
                let blocks = &blocks[..filled];
                filled > 0
                    && writer.receiver_report(SERVER_SENDER, blocks).is_ok()
                    && limit_sending(now, member, blocks, writer)
            });
        }
        self.timers.reporting = reporting;
    }

    /// Tells publishers when their numbered packets came.
    fn report_arrivals(&mut self, out: &mut impl Outbox) {
        let mut arriving = std::mem::take(&mut self.timers.arriving);
        let mut statuses = std::mem::take(&mut self.statuses);
        let origin = self.origin;
        for index in arriving.drain(..) {
            self.send_rtcp(index, out, |writer, member| {
                let media = member.any_stream();
                let header = member
                    .arrivals
                    .report(SERVER_SENDER, media, origin, &mut statuses);
                header.is_some_and(|header| writer.transport_feedback(&header, &statuses).is_ok())
            });
        }
        self.timers.arriving = arriving;
        self.statuses = statuses;
    }

    /// Looks for members from which nothing came for long, and for those whose nonces run out.
    fn review(&mut self, now: Instant) {
        if !self.members.is_empty() {
            self.timers.review = Some(now + self.review_interval());
        }
        for (_, member) in &mut self.members {
            let room = self.rooms.get_mut(member.room);
            let Some(listener) = room.and_then(|room| room.listeners.get_mut(member.listener)) else {
                continue;
            };
            let timing = &self.config.timing;
            let (seen, patience) = match &mut member.webrtc {
                Some(webrtc) => {
                    if webrtc.needs_no_handshake(now) {
                        webrtc.handshake = None;
                    }
                    (webrtc.checked, timing.consent_for)
                }
                None => (member.bindings.last_seen(), timing.idle_after),
            };
            let silent = now.saturating_duration_since(seen);
            if !listener.idle && listener.is_reachable() && silent >= patience {
                listener.idle = true;
                listener.refresh();
                self.events.push_back(Event::MediaIdle { member: member.id });
            }
            let left = listener
                .protection
                .as_ref()
                .and_then(|protection| protection.udp()?.remaining());
            if !listener.exhaustion_told && left.is_some_and(|left| left < EXHAUSTION_MARGIN) {
                listener.exhaustion_told = true;
                self.events.push_back(Event::NonceExhausted { member: member.id });
            }
        }
    }

    /// Sends a member the RTCP that `write` makes; nothing if that returns false.
    pub(super) fn send_rtcp(
        &mut self,
        index: usize,
        out: &mut impl Outbox,
        write: impl FnOnce(&mut RtcpWriter<'_>, &mut Member) -> bool,
    ) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(listener) = room.listeners.get_mut(member.listener) else {
            return;
        };
        let mut buffer = [0; RTCP_LENGTH];
        let mut writer = RtcpWriter::new(&mut buffer);
        if !write(&mut writer, member) || !listener.is_reachable() {
            return;
        }
        if let Some((header, body)) = writer.finish().split_at_checked(RTCP_CLEAR) {
            listener.send(PacketKind::Rtcp, header, body, out, &mut self.stats);
        }
    }
}

/// Tells a publisher of video how much it may send, if it cannot tell by itself or its viewers take no more.
fn limit_sending(
    now: Instant,
    member: &mut Member,
    blocks: &[ReportBlock],
    writer: &mut RtcpWriter<'_>,
) -> bool {
    let lost = blocks.iter().map(|block| block.fraction_lost).max();
    let own = member.sending.report(now, lost.unwrap_or(0));
    let asked = member.asked.tell().map(|limit| limit.0);
    if let Some(limit) = own.into_iter().chain(asked).min() {
        // Without video there is nothing to say, and the report is to go all the same.
        write_limit(member, limit, writer);
    }
    true
}

/// The report on one stream, which its sender calls `name`, if anything came since the last.
fn report_on(source: &mut Source, name: Option<Ssrc>, now: Instant) -> Option<ReportBlock> {
    let heard = std::mem::take(&mut source.heard);
    if heard {
        source.reception.report(now, name?)
    } else {
        None
    }
}

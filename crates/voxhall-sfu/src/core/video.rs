//! The fan-out of video: to those who want it, in the layer that fits them.

use std::time::{Duration, Instant};

use voxhall_media::payload::PictureIndices;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::rtp::ExtendedSequence;
use voxhall_transport::rtx::RtxPayload;
use voxhall_transport::{PayloadType, RtpPacket, SequenceNumber};

use super::ingress::seat;
use super::layer::{Layer, Viewer};
use super::member::Member;
use super::outbox::Outbox;
use super::rewrite::{self, Rewritten, ends_encrypted_frame};
use super::room::{Listener, Room};
use super::timeline::Timeline;
use super::translation::Translation;
use super::{Core, timers};
use crate::WorkerStats;
use crate::payload_types::{MediaCodec, PayloadKind};

/// The rate of all video timestamps.
pub(super) const VIDEO_CLOCK_RATE: u64 = 90_000;

/// How far behind the newest packet a retransmission may lie and still be of use.
const REPAIR_WINDOW: u16 = 1024;

const MARKER_BIT: u8 = 0x80;

/// Whose packet it is and which.
struct Origin {
    member: usize,
    layer: u8,
    codec: MediaCodec,
    place: ExtendedSequence,
}

impl Core {
    /// Takes a packet of a layer's media, whose padding is gone.
    pub(super) fn handle_video(
        &mut self,
        now: Instant,
        index: usize,
        layer: u8,
        place: ExtendedSequence,
        packet: &RtpPacket<'_>,
        out: &mut impl Outbox,
    ) {
        let arrival = self.arrival(now, VIDEO_CLOCK_RATE);
        self.record_arrival(now, index, packet);
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(own) = room.listeners.get(member.listener) else {
            return;
        };
        let Some(state) = member.layers.get_mut(usize::from(layer)) else {
            return;
        };
        let table = member.webrtc.as_ref().map(|webrtc| &webrtc.from_client);
        state.media.heard = true;
        if is_repaired(
            state,
            now,
            packet.sequence_number(),
            self.config.timing.retransmit_for,
        ) {
            self.stats.dropped_replayed += 1;
            return;
        }
        state
            .media
            .reception
            .record(packet.sequence_number().0, packet.timestamp(), arrival);
        if state.gaps.note(now, place) {
            self.timers.repair(index, layer, state.gaps.due());
        }
        if is_probe(packet) {
            self.stats.probes += 1;
        } else if let Some(codec) = permitted(own, state, packet, false, &mut self.stats) {
            let Some(rewritten) = rewrite::video(packet, table, &mut self.scratch[..]) else {
                self.stats.dropped_malformed += 1;
                return;
            };
            let from = Origin {
                member: index,
                layer,
                codec,
                place,
            };
            self.forward_video(now, &from, rewritten, out);
        }
        self.owe_report(now, index);
    }

    /// Takes a packet of a layer's retransmissions: a probe, or a packet that was lost on its way here.
    pub(super) fn handle_retransmission(
        &mut self,
        now: Instant,
        index: usize,
        layer: u8,
        packet: &RtpPacket<'_>,
        out: &mut impl Outbox,
    ) {
        let arrival = self.arrival(now, VIDEO_CLOCK_RATE);
        self.record_arrival(now, index, packet);
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(own) = room.listeners.get(member.listener) else {
            return;
        };
        let Some(state) = member.layers.get_mut(usize::from(layer)) else {
            return;
        };
        let carried = RtxPayload::parse(packet.payload())
            .ok()
            .filter(|carried| !carried.is_probe());
        let table = member.webrtc.as_ref().map(|webrtc| &webrtc.from_client);
        let Some(carried) = carried else {
            self.stats.probes += 1;
            return;
        };
        let Some(codec) = permitted(own, state, packet, true, &mut self.stats) else {
            return;
        };
        let sequence = carried.original_sequence;
        let missing = is_missing(state, now, sequence, self.config.timing.retransmit_for);
        let Some(place) = state.media.place_of(sequence).filter(|_| missing) else {
            self.stats.dropped_replayed += 1;
            return;
        };
        state
            .media
            .reception
            .record(sequence.0, packet.timestamp(), arrival);
        state.gaps.fill(place);
        let ssrc = state.media.ssrc;
        let payload = carried.original_payload;
        let scratch = &mut self.scratch[..];
        let Some(whole) = rewrite::repaired(packet, ssrc, sequence, payload, table, scratch) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        let from = Origin {
            member: index,
            layer,
            codec,
            place,
        };
        self.forward_video(now, &from, whole, out);
    }

    /// Keeps the packet in the scratch buffer and sends it to all viewers of its layer.
    fn forward_video(&mut self, now: Instant, from: &Origin, rewritten: Rewritten, out: &mut impl Outbox) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, from.member) else {
            return;
        };
        let Some(own) = room.listeners.get(member.listener) else {
            return;
        };
        let dave = own.dave;
        let is_simulcast = member.layers.len() > 1;
        let at = now.saturating_duration_since(self.origin).as_micros() as u64;
        let Some(state) = member.layers.get_mut(usize::from(from.layer)) else {
            return;
        };
        state.rate.record(at, rewritten.length);
        let packet = &mut self.scratch[..rewritten.length];
        if let Some(history) = &mut state.history {
            history.keep(now, from.place.sequence().0, from.codec, packet);
        }
        let ends_frame = packet[1] & MARKER_BIT != 0;
        if ends_frame {
            state.encrypted = Some(ends_encrypted_frame(packet));
        }
        self.stats.media += 1;
        let payload = &packet[rewritten.payload_start..];
        // Who gets each layer under its own SSRC gets each with its own ids.
        let indices = if is_simulcast {
            from.codec.picture_indices(payload)
        } else {
            None
        };
        let picture = Picture {
            now,
            timestamp: u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]),
            layer: from.layer,
            codec: from.codec,
            place: from.place,
            payload_start: rewritten.payload_start,
            // Until a frame's end told, it may be.
            encrypted: dave && state.encrypted != Some(false),
            starts_keyframe: from.codec.starts_keyframe(payload),
            indices,
        };
        out.burst();
        self.translation.begin();
        if picture.fan_out(member, room, packet, &mut self.translation, out, &mut self.stats) {
            self.want_keyframe(now, from.member, from.layer);
        }
    }

    /// A layer's numbers begin anew: what is kept under the same numbers is of its life before.
    pub(super) fn restart_layer(&mut self, index: usize, layer: u8) {
        let layers = self.members.get_mut(index).map(|member| &mut member.layers);
        if let Some(layer) = layers.and_then(|layers| layers.get_mut(usize::from(layer))) {
            layer.forget_packets();
        }
    }

    /// Has keyframes sent of all that a member watches: it can be reached from now on, and its decoders have nothing.
    pub(super) fn want_keyframes_for(&mut self, now: Instant, watcher: usize) {
        let Some((_, room)) = seat(&mut self.members, &mut self.rooms, watcher) else {
            return;
        };
        let publishers: Vec<usize> = room.listeners.iter().map(|listener| listener.member).collect();
        for publisher in publishers {
            let viewers = self
                .members
                .get(publisher)
                .map_or(&[][..], |member| &member.viewers);
            let watched = viewers.iter().find(|viewer| viewer.member == watcher);
            if let Some(layer) = watched.and_then(|viewer| viewer.current.or(viewer.target)) {
                self.want_keyframe(now, publisher, layer);
            }
        }
    }

    /// Remembers that a keyframe of a layer is wanted. It is asked for when the timer fires: at once, unless one was
    /// asked for just before.
    pub(super) fn want_keyframe(&mut self, now: Instant, index: usize, layer: u8) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let Some(state) = member.layers.get_mut(usize::from(layer)) else {
            return;
        };
        if state.keyframe.wanted {
            return;
        }
        state.keyframe.wanted = true;
        let earliest = state
            .keyframe
            .sent
            .map_or(now, |sent| sent + self.config.timing.keyframe_request_every);
        self.timers.wanted_keyframes.push((index, layer));
        timers::set_earlier(&mut self.timers.keyframes, earliest.max(now));
    }
}

/// Whether a packet carries nothing and only measures bandwidth.
fn is_probe(packet: &RtpPacket<'_>) -> bool {
    packet.payload().is_empty()
}

/// The codec of a packet that may be forwarded; counts it if it may not.
fn permitted(
    own: &Listener,
    layer: &Layer,
    packet: &RtpPacket<'_>,
    is_retransmission: bool,
    stats: &mut WorkerStats,
) -> Option<MediaCodec> {
    if packet.payload_type() == PayloadType::BANDWIDTH_PROBE && own.payload_types.incoming(96).is_none() {
        stats.probes += 1;
        return None;
    }
    let codec = match own.payload_types.incoming(packet.payload_type().number()) {
        Some(PayloadKind::Media(codec)) if !is_retransmission && !codec.is_audio() => codec,
        Some(PayloadKind::Retransmission(codec)) if is_retransmission => codec,
        _ => {
            stats.dropped_unknown_payload_type += 1;
            return None;
        }
    };
    if !own.permissions.video || layer.published.is_none() {
        stats.dropped_not_permitted += 1;
        return None;
    }
    Some(codec)
}

/// Whether a packet of a layer came before, as a retransmission: it is not sent on twice.
fn is_repaired(layer: &Layer, now: Instant, sequence: SequenceNumber, max_age: Duration) -> bool {
    layer
        .history
        .as_ref()
        .is_some_and(|history| history.find(now, sequence.0, max_age).is_some())
}

/// Whether a packet of a layer did not come yet, but may still be of use.
fn is_missing(layer: &Layer, now: Instant, sequence: SequenceNumber, max_age: Duration) -> bool {
    let Some(newest) = layer.media.reception.newest() else {
        return false;
    };
    let behind = newest.wrapping_sub(sequence.0);
    let recent = behind < REPAIR_WINDOW;
    recent
        && layer
            .history
            .as_ref()
            .is_some_and(|history| history.find(now, sequence.0, max_age).is_none())
}

/// Where timestamp and SSRC stand in a packet.
const TIMESTAMP_AND_SSRC: std::ops::Range<usize> = 4..12;

/// What the fan-out knows of a packet.
struct Picture {
    now: Instant,
    timestamp: u32,
    layer: u8,
    codec: MediaCodec,
    place: ExtendedSequence,
    payload_start: usize,
    encrypted: bool,
    starts_keyframe: bool,
    /// The publisher's picture ids, if there may be viewers who get others.
    indices: Option<PictureIndices>,
}

impl Picture {
    /// Timestamp and SSRC for a viewer that gets all layers as one stream.
    fn shown_name(&self, layers: &[Layer], shown: u8, timeline: &mut Timeline) -> [u8; 8] {
        let timestamp = timeline.forward(self.now, self.layer, self.timestamp);
        let ssrc = layers
            .get(usize::from(shown))
            .map_or(Ssrc::NONE, |layer| layer.media.ssrc);
        let mut name = [0; 8];
        name[..4].copy_from_slice(&timestamp.to_be_bytes());
        name[4..].copy_from_slice(&ssrc.0.to_be_bytes());
        name
    }

    /// The picture ids for a viewer that is sent the packet.
    #[inline]
    fn indices_for(&self, viewer: &mut Viewer) -> Option<PictureIndices> {
        let own = self.indices?;
        let begin = viewer.numbers(self.layer).run();
        match begin.filter(|_| viewer.shown.is_some()) {
            Some(begin) => Some(viewer.pictures.forward(self.layer, begin, own)),
            None => Some(own),
        }
    }

    /// Sends the packet to the viewers of its layer, each in its own numbers. True if one of them waits for a keyframe
    /// of this layer.
    fn fan_out(
        &self,
        member: &mut Member,
        room: &mut Room,
        packet: &mut [u8],
        translation: &mut Translation,
        out: &mut impl Outbox,
        stats: &mut WorkerStats,
    ) -> bool {
        let marker = packet[1] & MARKER_BIT;
        let mut own_name = [0; 8];
        own_name.copy_from_slice(&packet[TIMESTAMP_AND_SSRC]);
        let mut waiting = false;
        // What stands in the packet.
        let mut written = self.indices;
        for viewer in &mut member.viewers {
            let Some(listener) = room.listeners.get_mut(viewer.listener) else {
                continue;
            };
            if !listener.sees() || (self.encrypted && !listener.dave) {
                continue;
            }
            let Some(payload_type) = listener.payload_types.outgoing(self.codec) else {
                continue;
            };
            if !viewer.takes(self.layer, self.starts_keyframe) {
                waiting |= viewer.target == Some(self.layer);
                continue;
            }
            let Some(sequence) = viewer.numbers(self.layer).forward(self.place) else {
                continue;
            };
            packet[1] = marker | payload_type.media;
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            packet[TIMESTAMP_AND_SSRC].copy_from_slice(&match viewer.shown {
                None => own_name,
                Some(shown) => self.shown_name(&member.layers, shown, &mut viewer.timeline),
            });
            let indices = self.indices_for(viewer);
            if let Some(indices) = indices.filter(|_| indices != written) {
                indices.write(&mut packet[self.payload_start..]);
                written = Some(indices);
            }
            listener.send_video(self.now, packet, self.payload_start, translation, out, stats);
        }
        waiting
    }
}

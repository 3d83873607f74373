//! Carrying out what the node commands.

use std::time::Instant;

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::arrivals::Arrivals;
use voxhall_transport::{Cipher, Sealer};

use super::asking::Asked;
use super::binding::{Bindings, Proof};
use super::gaps::Gaps;
use super::history::History;
use super::ingress::seat;
use super::layer::{self, Layer, MAX_LAYERS, Viewer};
use super::limiter::PacketLimit;
use super::member::{Member, Source};
use super::protection::Protection;
use super::room::{Listener, Room};
use super::sending_limit::SendingLimit;
use super::ssrc_table::{Owner, StreamRole};
use super::{Core, timers};
use crate::{Command, MemberId, MemberSsrcs, PayloadTypes, PublishedVideo, RoomId, Transport, UdpTransport};

impl Core {
    /// Carries out a command. What it makes the core send, [`Core::handle_timeout`] sends, at once if
    /// [`Core::poll_timeout`] says so.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::AddMember { member, room, ssrcs } => self.add_member(now, member, room, &ssrcs),
            Command::Connect {
                member,
                transport: Transport::Udp(transport),
                payload_types,
                dave,
            } => {
                self.on_member(now, member, |core, index| {
                    core.connect(now, index, &transport, payload_types, dave);
                });
            }
            Command::Connect {
                member,
                transport: Transport::WebRtc(transport),
                payload_types,
                dave,
            } => {
                self.on_member(now, member, |core, index| {
                    core.connect_webrtc(now, index, *transport, payload_types, dave);
                });
            }
            Command::SetSources { member, sources } => {
                self.on_member(now, member, |core, index| core.set_sources(index, &sources));
            }
            Command::SetPayloadTypes {
                member,
                payload_types,
            } => {
                self.on_member(now, member, |core, index| {
                    core.change(index, |listener| listener.payload_types = payload_types);
                });
            }
            Command::SetPermissions { member, permissions } => {
                self.on_member(now, member, |core, index| {
                    core.change(index, |listener| listener.permissions = permissions);
                });
            }
            Command::SetWants { member, wants } => {
                self.on_member(now, member, |core, index| {
                    core.change(index, |listener| listener.wants = wants)
                });
            }
            Command::Publish { member, video } => {
                self.on_member(now, member, |core, index| core.publish(index, &video));
            }
            Command::RemoveMember { member } => {
                self.on_member(now, member, |core, index| core.remove_member(index));
            }
        }
    }

    /// Runs a change of one member and then lets it have its effect on who watches whom.
    fn on_member(&mut self, now: Instant, member: MemberId, change: impl FnOnce(&mut Self, usize)) {
        let Some(&index) = self.member_index.get(&member) else {
            self.stats.commands_ignored += 1;
            return;
        };
        let room = self.members.get(index).map(|member| member.room);
        change(self, index);
        if let Some(room) = room {
            self.refresh_viewers(now, room);
        }
    }

    fn add_member(&mut self, now: Instant, id: MemberId, room_id: RoomId, ssrcs: &MemberSsrcs) {
        if self.member_index.contains_key(&id) || !self.are_usable(ssrcs) {
            self.stats.commands_ignored += 1;
            return;
        }
        let rooms = &mut self.rooms;
        let room_index = *self
            .room_index
            .entry(room_id)
            .or_insert_with(|| rooms.insert(Room::new(room_id)));
        let Some(room) = rooms.get_mut(room_index) else {
            return;
        };
        let index = self.members.insert(Member {
            id,
            room: room_index,
            listener: room.listeners.len(),
            bindings: Bindings::new(now),
            webrtc: None,
            limit: PacketLimit::new(now),
            audio: Source::new(ssrcs.audio),
            layers: ssrcs
                .streams
                .iter()
                .map(|stream| Layer::new(stream.ssrc, stream.rtx))
                .collect(),
            viewers: Vec::new(),
            arrivals: Arrivals::default(),
            sending: SendingLimit::default(),
            asked: Asked::default(),
            report_due: false,
            spoke_at: None,
        });
        room.listeners.push(Listener::new(index));
        let members = room.listeners.len();
        for listener in &mut room.listeners {
            listener.reserve_speakers(members);
        }
        self.member_index.insert(id, index);
        self.ssrcs.insert(
            ssrcs.audio,
            Owner {
                member: index,
                role: StreamRole::Audio,
            },
        );
        for (stream, layer) in ssrcs.streams.iter().zip(0..) {
            self.ssrcs.insert(
                stream.ssrc,
                Owner {
                    member: index,
                    role: StreamRole::Video(layer),
                },
            );
            self.ssrcs.insert(
                stream.rtx,
                Owner {
                    member: index,
                    role: StreamRole::Retransmission(layer),
                },
            );
        }
        self.timers.reserve(self.members.len(), self.ssrcs.len());
        let review = now + self.review_interval();
        timers::set_earlier(&mut self.timers.review, review);
        self.refresh_viewers(now, room_index);
    }

    /// Whether SSRCs are free, distinct, and not too many.
    fn are_usable(&self, ssrcs: &MemberSsrcs) -> bool {
        let streams = ssrcs.streams.iter().flat_map(|stream| [stream.ssrc, stream.rtx]);
        let mut all: Vec<Ssrc> = std::iter::once(ssrcs.audio).chain(streams).collect();
        let free = all
            .iter()
            .all(|ssrc| !ssrc.is_none() && !self.ssrcs.contains_key(ssrc));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        free && all.len() == count && ssrcs.streams.len() <= MAX_LAYERS
    }

    fn connect(
        &mut self,
        now: Instant,
        index: usize,
        transport: &UdpTransport,
        payload_types: PayloadTypes,
        dave: bool,
    ) {
        let mut random_start = [0; 24];
        (self.entropy)(&mut random_start);
        let had_webrtc = self
            .members
            .get(index)
            .is_some_and(|member| member.webrtc.is_some());
        if had_webrtc {
            self.disconnect(index);
        }
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(listener) = room.listeners.get_mut(member.listener) else {
            return;
        };
        let cipher = Cipher::new(transport.mode, &transport.key);
        member.bindings.rekey(transport.hint);
        member.rekey();
        let sealer = Sealer::server(cipher, transport.first_nonce, random_start);
        listener.protection = Some(Protection::Udp(sealer));
        listener.downlink = None;
        listener.exhaustion_told = false;
        listener.payload_types = payload_types;
        listener.dave = dave;
        listener.address = member.bindings.primary();
        listener.refresh();
        if listener.is_reachable() {
            self.want_keyframes_for(now, index);
        }
        if let Some(address) = transport.known {
            // As good as discovery: the first authentic packet decides.
            self.bind(now, index, address, Proof::Discovery);
        }
    }

    /// Changes what a member takes.
    fn change(&mut self, index: usize, change: impl FnOnce(&mut Listener)) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        if let Some(listener) = room.listeners.get_mut(member.listener) {
            change(listener);
            listener.refresh();
        }
    }

    fn publish(&mut self, index: usize, video: &PublishedVideo) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        for layer in &mut member.layers {
            let announced = video
                .layers
                .iter()
                .find(|announced| announced.ssrc == layer.media.ssrc);
            layer.published = announced.filter(|announced| announced.active).copied();
            match layer.published {
                Some(_) => {
                    layer.history.get_or_insert_with(History::new);
                    layer.gaps.reserve();
                }
                None => {
                    layer.history = None;
                    layer.gaps = Gaps::default();
                }
            }
        }
        if member.layers.iter().any(|layer| layer.published.is_some()) {
            member.arrivals.reserve();
        }
    }

    fn remove_member(&mut self, index: usize) {
        let Some(member) = self.members.try_remove(index) else {
            return;
        };
        self.member_index.remove(&member.id);
        self.ssrcs.remove(&member.audio.ssrc);
        for layer in &member.layers {
            self.ssrcs.remove(&layer.media.ssrc);
            self.ssrcs.remove(&layer.rtx);
        }
        for &address in member.bindings.all() {
            self.forget_address(index, address);
        }
        if let Some(webrtc) = &member.webrtc {
            self.ufrags.remove(&webrtc.local_ufrag);
        }
        self.timers.forget(index);
        if self.members.is_empty() {
            self.timers.review = None;
        }
        let Some(room) = self.rooms.get_mut(member.room) else {
            return;
        };
        room.listeners.swap_remove(member.listener);
        for listener in &mut room.listeners {
            listener.forget_speaker(member.audio.ssrc);
        }
        if let Some(moved) = room.listeners.get(member.listener) {
            if let Some(moved) = self.members.get_mut(moved.member) {
                moved.listener = member.listener;
            }
        } else if room.listeners.is_empty() {
            self.room_index.remove(&room.id);
            self.rooms.remove(member.room);
        }
    }

    /// Decides anew which layer of which publisher every member of a room gets.
    fn refresh_viewers(&mut self, now: Instant, room_index: usize) {
        let Some(room) = self.rooms.get_mut(room_index) else {
            return;
        };
        let mut publishers = std::mem::take(&mut room.publishers);
        publishers.clear();
        let room = &*room;
        let mut wanted = Vec::new();
        for publisher in room.listeners.iter().map(|listener| listener.member) {
            let Some(member) = self.members.get_mut(publisher) else {
                continue;
            };
            let publishes = member.layers.iter().any(|layer| layer.published.is_some());
            if publishes {
                publishers.push(publisher);
            }
            if publishes || !member.viewers.is_empty() {
                wanted.extend(
                    refresh_publisher(member, room)
                        .into_iter()
                        .map(|layer| (publisher, layer)),
                );
            }
        }
        if let Some(room) = self.rooms.get_mut(room_index) {
            room.publishers = publishers;
        }
        for (publisher, layer) in wanted {
            self.want_keyframe(now, publisher, layer);
        }
        self.renew_downlinks(now, room_index);
    }
}

/// Renews the viewers of one publisher, in the order of the room's listeners. Returns the layers of which somebody
/// needs a keyframe.
fn refresh_publisher(member: &mut Member, room: &Room) -> Vec<u8> {
    let before = std::mem::take(&mut member.viewers);
    let is_active = |layer: u8| {
        member
            .layers
            .get(usize::from(layer))
            .is_some_and(|layer| layer.published.is_some())
    };
    let mut wanted = Vec::new();
    let mut viewers = Vec::with_capacity(room.listeners.len());
    for (place, listener) in room.listeners.iter().enumerate() {
        if place == member.listener {
            continue;
        }
        let same = |viewer: &&Viewer| viewer.member == listener.member;
        let known = before
            .get(viewers.len())
            .filter(same)
            .or_else(|| before.iter().find(same));
        let mut viewer = known.copied().unwrap_or_else(|| {
            let mut viewer = Viewer::new(listener.member, place);
            if listener.webrtc {
                viewer.begin_with_new_key();
            }
            viewer
        });
        viewer.listener = place;
        viewer.shown = listener.shown_layer(member.layers.len());
        viewer.wish_for(layer::choose(&member.layers, &listener.wants, viewer.shown));
        let target = viewer.limited(&member.layers);
        if viewer.aim(target, is_active) {
            wanted.extend(target);
        }
        viewers.push(viewer);
    }
    member.viewers = viewers;
    wanted
}

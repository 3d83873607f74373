//! The way in of a media packet: find its member, open it, and let nothing pass that is forged, replayed or not
//! permitted.

use std::net::SocketAddr;
use std::time::Instant;

use slab::Slab;
use voxhall_protocol::discovery::Request;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::crypto::{Opened, PacketFingerprint};
use voxhall_transport::demux::{self, Datagram, LegacyDiscovery};
use voxhall_transport::stun::BindingRequest;
use voxhall_transport::{PacketKind, RtpPacketMut};

use super::binding::{Change, Proof};
use super::limiter::Limiter;
use super::member::Member;
use super::outbox::Outbox;
use super::room::{Listener, Room};
use super::ssrc_table::{Owner, StreamRole};
use super::{Core, timers};
use crate::{Event, MemberId, WorkerStats};

/// A member's two halves and its room: the sender, and the room in which its own listener is `sender.listener`.
pub(super) fn seat<'a>(
    members: &'a mut Slab<Member>,
    rooms: &'a mut Slab<Room>,
    index: usize,
) -> Option<(&'a mut Member, &'a mut Room)> {
    let member = members.get_mut(index)?;
    let room = rooms.get_mut(member.room)?;
    Some((member, room))
}

/// What opening a datagram takes besides its member.
pub(super) struct Gate<'a> {
    pub(super) now: Instant,
    pub(super) source: SocketAddr,
    pub(super) limiter: &'a mut Limiter,
    pub(super) stats: &'a mut WorkerStats,
}

impl Gate<'_> {
    /// Decrypts a datagram that claims to be `member`'s. `None`, and counted, if it is not or cannot be told. Only
    /// strangers are charged for trying: from a bound address a forgery costs its sender as much as us.
    pub(super) fn open<'d>(
        &mut self,
        kind: PacketKind,
        member: &Member,
        listener: &Listener,
        datagram: &'d mut [u8],
    ) -> Option<Opened<'d>> {
        let udp = listener
            .protection
            .as_ref()
            .and_then(|protection| protection.udp());
        let Some(sealer) = udp else {
            self.stats.dropped_not_connected += 1;
            return None;
        };
        let stranger = !member.bindings.contains(self.source);
        if stranger && !self.limiter.allow(self.now, self.source) {
            self.stats.dropped_rate_limited += 1;
            return None;
        }
        let Ok(opened) = sealer.cipher().open(kind, datagram) else {
            self.stats.dropped_forged += 1;
            return None;
        };
        if stranger {
            self.limiter.refund(self.source);
        }
        Some(opened)
    }
}

impl Core {
    pub(super) fn handle_rtp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        ssrc: Ssrc,
        datagram: &mut [u8],
        out: &mut impl Outbox,
    ) {
        // WebRTC clients choose their SSRCs, so theirs mean nothing without the address.
        if let Some(&index) = self.peers.get(&source) {
            return self.handle_srtp(now, index, source, datagram, out);
        }
        let Some(&owner) = self.ssrcs.get(&ssrc) else {
            self.stats.dropped_unknown_ssrc += 1;
            return;
        };
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, owner.member) else {
            return;
        };
        let Some(listener) = room.listeners.get(member.listener) else {
            return;
        };
        let mut gate = Gate {
            now,
            source,
            limiter: &mut self.limiter,
            stats: &mut self.stats,
        };
        let Some(opened) = gate.open(PacketKind::Rtp, member, listener, datagram) else {
            return;
        };
        let fingerprint = opened.fingerprint;
        let Ok(mut packet) = RtpPacketMut::parse(opened.packet) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        packet.strip_padding();
        self.take_media(now, owner, source, packet, fingerprint, out);
    }

    /// Takes a media packet that is authentic and has the SSRC that Ready allocated: lets nothing pass that came before.
    pub(super) fn take_media(
        &mut self,
        now: Instant,
        owner: Owner,
        source: SocketAddr,
        packet: RtpPacketMut<'_>,
        fingerprint: PacketFingerprint,
        out: &mut impl Outbox,
    ) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, owner.member) else {
            return;
        };
        let sequence = packet.as_packet().sequence_number();
        let stream = match owner.role {
            StreamRole::Audio => Some(&mut member.audio),
            StreamRole::Video(layer) => member
                .layers
                .get_mut(usize::from(layer))
                .map(|layer| &mut layer.media),
            // The packet that it repairs has a replay window.
            StreamRole::Retransmission(_) => None,
        };
        let accepted = match stream.map(|stream| stream.accept(now, sequence, fingerprint)) {
            Some(Ok((proof, place))) => (proof, Some(place)),
            None => (Proof::Retransmission, None),
            Some(Err(_)) => {
                self.stats.dropped_replayed += 1;
                return;
            }
        };
        let (proof, place) = accepted;
        // Where a WebRTC member is, its checks say.
        if member.webrtc.is_none() {
            let idle = room
                .listeners
                .get(member.listener)
                .is_some_and(|listener| listener.idle);
            if proof != Proof::Media || idle || !member.bindings.confirm(now, source) {
                self.bind(now, owner.member, source, proof);
            }
        }
        match (owner.role, place) {
            (StreamRole::Audio, Some(place)) => self.handle_audio(now, owner.member, place, packet, out),
            (StreamRole::Video(layer), Some(place)) => {
                if proof == Proof::Weak {
                    self.restart_layer(owner.member, layer);
                }
                self.handle_video(now, owner.member, layer, place, &packet.as_packet(), out);
            }
            (StreamRole::Retransmission(layer), _) => {
                self.handle_retransmission(now, owner.member, layer, &packet.as_packet(), out);
            }
            _ => {}
        }
    }

    /// Finds the member of a packet that names a sender: by its SSRC or, as control packets may come from an SSRC of
    /// the client's own choice, by its address.
    pub(super) fn owner_of(&self, ssrc: Ssrc, source: SocketAddr) -> Option<Owner> {
        self.ssrcs.get(&ssrc).copied().or_else(|| {
            let &member = self.address_index.get(&source)?;
            Some(Owner {
                member,
                role: StreamRole::Audio,
            })
        })
    }

    /// Whose a datagram claims to be; nothing is proved by that.
    #[must_use]
    pub fn claimant(&self, source: SocketAddr, datagram: &[u8]) -> Option<MemberId> {
        if let Some(&index) = self.peers.get(&source) {
            return self.members.get(index).map(|member| member.id);
        }
        let named = match demux::classify(datagram, LegacyDiscovery::Accepted) {
            Datagram::Stun => {
                let username = BindingRequest::parse(datagram).ok()?.username?;
                let &index = self.ufrags.get(username.receiver)?;
                return self.members.get(index).map(|member| member.id);
            }
            Datagram::Rtp(ssrc) | Datagram::Rtcp(ssrc) => Some(ssrc),
            Datagram::Discovery | Datagram::LegacyDiscovery => {
                Request::parse(datagram).ok().map(|request| request.ssrc)
            }
            _ => None,
        };
        let owner = named
            .and_then(|ssrc| self.ssrcs.get(&ssrc))
            .map(|owner| owner.member);
        let index = owner.or_else(|| self.address_index.get(&source).copied())?;
        self.members.get(index).map(|member| member.id)
    }

    /// Where a member is, as far as is known; `None` if there is no such member.
    #[must_use]
    pub fn addresses(&self, member: MemberId) -> Option<&[SocketAddr]> {
        let &index = self.member_index.get(&member)?;
        self.members.get(index).map(|member| member.bindings.all())
    }

    /// Takes note of where a member's packet came from.
    pub(super) fn bind(&mut self, now: Instant, index: usize, source: SocketAddr, proof: Proof) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let change = member.bindings.bind(now, source, proof);
        let Some(listener) = room.listeners.get_mut(member.listener) else {
            return;
        };
        let was_reachable = listener.is_reachable();
        if change != Change::default() {
            listener.address = member.bindings.primary();
            listener.refresh();
        }
        if change.connected {
            self.events.push_back(Event::MediaConnected {
                member: member.id,
                address: source,
            });
        } else if change.moved && proof != Proof::Discovery {
            self.events.push_back(Event::AddressChanged {
                member: member.id,
                address: source,
            });
        }
        let (resumed, reached) = (listener.idle, listener.is_reachable() && !was_reachable);
        if let Some(dropped) = change.dropped {
            self.forget_address(index, dropped);
        }
        if let Some(added) = change.added {
            self.address_index.insert(added, index);
        }
        if resumed {
            self.resume(now, index);
        } else if reached {
            self.want_keyframes_for(now, index);
        }
    }

    /// A packet without proof came from a bound address: a ping or a keep-alive.
    pub(super) fn touch(&mut self, now: Instant, source: SocketAddr) -> bool {
        let Some(&index) = self.address_index.get(&source) else {
            return false;
        };
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return false;
        };
        member.bindings.touch(now, source);
        if room
            .listeners
            .get(member.listener)
            .is_some_and(|listener| listener.idle)
        {
            self.resume(now, index);
        }
        true
    }

    /// Lets media flow again to a member that was silent.
    pub(super) fn resume(&mut self, now: Instant, index: usize) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        if let Some(listener) = room.listeners.get_mut(member.listener) {
            listener.idle = false;
            listener.refresh();
            self.events.push_back(Event::MediaResumed { member: member.id });
        }
        self.want_keyframes_for(now, index);
    }

    pub(super) fn forget_address(&mut self, index: usize, address: SocketAddr) {
        for addresses in [&mut self.address_index, &mut self.peers] {
            if addresses.get(&address) == Some(&index) {
                addresses.remove(&address);
            }
        }
    }

    /// Has a receiver report sent to a member that sent something.
    pub(super) fn owe_report(&mut self, now: Instant, index: usize) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        if !member.report_due {
            member.report_due = true;
            self.timers.reporting.push(index);
            timers::set_earlier(
                &mut self.timers.reports,
                now + self.config.timing.receiver_report_every,
            );
        }
    }
}

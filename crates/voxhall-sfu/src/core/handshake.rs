//! DTLS of WebRTC members: from a proved address to keys for SRTP. `media-transport.md` section 10.

use std::net::SocketAddr;
use std::time::Instant;

use voxhall_transport::srtp::{SrtpOpener, SrtpSealer};

use super::Core;
use super::ingress::seat;
use super::outbox::Outbox;
use super::protection::{Protection, SrtpSending};
use super::timers::set_earlier;
use crate::Event;
use crate::dtls::{Established, TransportFailure};

impl Core {
    /// Takes a DTLS datagram. Only an address that ICE proved may shake hands; the answers go back there.
    pub(super) fn handle_dtls(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) {
        let Some(&index) = self.peers.get(&source) else {
            self.stats.dropped_not_connected += 1;
            return;
        };
        if !self.limiter.allow(now, source) {
            self.stats.dropped_rate_limited += 1;
            return;
        }
        self.stats.handshake += 1;
        self.advance_handshake(now, index, Some((source, datagram)), out);
    }

    /// Says again what was not answered in the handshakes that are under way.
    pub(super) fn advance_handshakes(&mut self, now: Instant, out: &mut impl Outbox) {
        let mut handshaking = std::mem::take(&mut self.timers.handshaking);
        handshaking.retain(|&index| {
            let due = self.handshake_due(index);
            if due.is_some_and(|due| due <= now) {
                self.advance_handshake(now, index, None, out);
            }
            let due = self.handshake_due(index);
            if let Some(due) = due {
                set_earlier(&mut self.timers.handshakes, due);
            }
            due.is_some()
        });
        self.timers.handshaking = handshaking;
    }

    fn handshake_due(&self, index: usize) -> Option<Instant> {
        let webrtc = self.members.get(index)?.webrtc.as_ref()?;
        Some(webrtc.handshake.as_ref()?.due())
    }

    fn advance_handshake(
        &mut self,
        now: Instant,
        index: usize,
        came: Option<(SocketAddr, &[u8])>,
        out: &mut impl Outbox,
    ) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let address = came.map(|(source, _)| source).or(member.bindings.primary());
        let Some(webrtc) = &mut member.webrtc else {
            return;
        };
        let Some(handshake) = &mut webrtc.handshake else {
            return;
        };
        let stats = &mut self.stats;
        let mut send = |record: &[u8]| {
            // Nobody has proved to be anywhere, so there was nobody to answer yet.
            let Some(address) = address else { return };
            out.datagram(address, |buffer| {
                buffer.get_mut(..record.len())?.copy_from_slice(record);
                stats.sent += 1;
                stats.sent_bytes += record.len() as u64;
                Some(record.len())
            });
        };
        let outcome = handshake.advance(now, came.map(|(_, datagram)| datagram), &mut send);
        set_earlier(&mut self.timers.handshakes, handshake.due());
        match outcome {
            Ok(None) => {}
            Ok(Some(established)) => {
                if let Some(address) = address {
                    self.establish(now, index, address, &established);
                }
            }
            // With its keys in use a member lives on without the handshake.
            Err(_) if webrtc.opener.is_some() => webrtc.handshake = None,
            Err(failure) => self.fail_transport(index, failure),
        }
    }

    /// The keys are there: if the client is who it said, media flows.
    fn establish(&mut self, now: Instant, index: usize, address: SocketAddr, established: &Established) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(webrtc) = &mut member.webrtc else {
            return;
        };
        if webrtc
            .fingerprint
            .is_some_and(|expected| expected != established.fingerprint)
        {
            return self.fail_transport(index, TransportFailure::WrongFingerprint);
        }
        let (profile, keys) = (established.profile, &established.keys);
        webrtc.opener = Some(SrtpOpener::new(profile, &keys.inbound));
        let sealer = SrtpSealer::new(profile, &keys.outbound);
        let sending = SrtpSending::new(sealer, webrtc.to_client, room.listeners.len());
        let Some(listener) = room.listeners.get_mut(member.listener) else {
            return;
        };
        listener.protection = Some(Protection::Srtp(Box::new(sending)));
        listener.exhaustion_told = false;
        listener.address = member.bindings.primary();
        listener.refresh();
        self.events.push_back(Event::MediaConnected {
            member: member.id,
            address: self.streams.get(&address).copied().unwrap_or(address),
        });
        self.begin_pictures_anew(index);
        self.want_keyframes_for(now, index);
    }

    /// A member has a new key: the numbers of all video that it gets begin anew.
    fn begin_pictures_anew(&mut self, index: usize) {
        let room = self.members.get(index).map(|member| member.room);
        let Some(room) = room.and_then(|room| self.rooms.get(room)) else {
            return;
        };
        for listener in &room.listeners {
            let viewers = self
                .members
                .get_mut(listener.member)
                .map(|member| &mut member.viewers);
            let own = viewers.and_then(|viewers| viewers.iter_mut().find(|viewer| viewer.member == index));
            if let Some(own) = own {
                own.begin_with_new_key();
            }
        }
    }

    /// The member gets no transport: nothing flows, and nothing more is answered, until op 1 comes again.
    fn fail_transport(&mut self, index: usize, failure: TransportFailure) {
        self.disconnect(index);
        if let Some(member) = self.members.get(index) {
            self.events.push_back(Event::TransportFailed {
                member: member.id,
                failure,
            });
        }
    }
}

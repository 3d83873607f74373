//! ICE-lite: the client checks that its packets come through, and so proves where it is. `media-transport.md`
//! section 10.5.
//!
//! Who does not know a member's name and password gets no answer, and is limited as all strangers are.

use std::net::SocketAddr;
use std::time::Instant;

use voxhall_transport::demux::Datagram;
use voxhall_transport::stun::{BindingRequest, ErrorCode, write_success};

use super::Core;
use super::ingress::seat;
use super::outbox::Outbox;
use crate::Event;

impl Core {
    pub(super) fn handle_stun(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) {
        let request = BindingRequest::parse(datagram).ok();
        // Indications and responses among them: a server has nothing to say to those.
        let Some((request, username)) = request.and_then(|request| Some((request, request.username?))) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        let Some(&index) = self.ufrags.get(username.receiver) else {
            self.stats.dropped_not_connected += 1;
            return;
        };
        let stranger = self.peers.get(&source) != Some(&index);
        let observed = self.streams.get(&source).copied().unwrap_or(source);
        if stranger && !self.limiter.allow(now, observed) {
            self.stats.dropped_rate_limited += 1;
            return;
        }
        let Some(webrtc) = self
            .members
            .get(index)
            .and_then(|member| member.webrtc.as_deref())
        else {
            return;
        };
        let password = webrtc.password.expose();
        let verdict = if username.sender == webrtc.remote_ufrag {
            request.check(password)
        } else {
            Err(ErrorCode::Unauthorized)
        };
        match verdict {
            Ok(()) => {
                let stats = &mut self.stats;
                out.datagram(source, |buffer| {
                    let length = write_success(request.transaction(), observed, password, buffer).ok()?;
                    stats.sent += 1;
                    stats.sent_bytes += length as u64;
                    Some(length)
                });
            }
            Err(ErrorCode::BadRequest | ErrorCode::Unauthorized) => {
                self.stats.dropped_forged += 1;
                return;
            }
            // Whoever this is told to has proved to know the password.
            Err(code) => {
                let stats = &mut self.stats;
                stats.checks += 1;
                out.datagram(source, |buffer| {
                    let length = request.write_error(code, password, buffer).ok()?;
                    stats.sent += 1;
                    stats.sent_bytes += length as u64;
                    Some(length)
                });
                return;
            }
        }
        self.stats.checks += 1;
        if stranger {
            self.limiter.refund(observed);
        }
        self.bind_checked(now, index, source, request.use_candidate);
    }

    /// A TCP connection stands, over which a member may speak. It is called `address` here, which is none that a datagram
    /// can come from; `peer` is where it really comes from.
    pub fn open_stream(&mut self, address: SocketAddr, peer: SocketAddr) {
        self.streams.insert(address, peer);
    }

    /// A TCP connection is gone: nothing can be sent there any more.
    pub fn close_stream(&mut self, address: SocketAddr) {
        self.streams.remove(&address);
        if let Some(index) = self.peers.remove(&address)
            && let Some(member) = self.members.get_mut(index)
        {
            member.bindings.remove(address);
            self.follow_bindings(index);
        }
    }

    /// Whether a TCP connection may bring this: a check, which proves to whom the connection belongs, and what its member
    /// sends after that. Pings and discovery are for UDP clients; answered to anybody here, they would keep a stranger's
    /// connection open.
    pub(super) fn may_use_stream(&self, source: SocketAddr, kind: &Datagram) -> bool {
        match kind {
            Datagram::Stun => true,
            Datagram::Dtls | Datagram::Rtp(_) | Datagram::Rtcp(_) => self.peers.contains_key(&source),
            _ => false,
        }
    }

    /// A check of the member's came from `source`. Media goes to the address that it chose last.
    fn bind_checked(&mut self, now: Instant, index: usize, source: SocketAddr, chosen: bool) {
        if let Some(&native) = self.address_index.get(&source) {
            let other = self.members.get_mut(native);
            let Some(other) = other.filter(|other| !other.bindings.are_authentic()) else {
                // A UDP client is known to be there. Behind one address there is only one of them.
                return;
            };
            // Discovery alone, which anybody may send in another's name, counts for less than a check.
            other.bindings.remove(source);
            self.address_index.remove(&source);
            self.follow_bindings(native);
        }
        if let Some(before) = self.peers.insert(source, index).filter(|before| *before != index)
            && let Some(other) = self.members.get_mut(before)
        {
            other.bindings.remove(source);
            self.follow_bindings(before);
        }
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        let change = member.bindings.check(now, source, chosen);
        if let Some(webrtc) = &mut member.webrtc {
            webrtc.checked = now;
        }
        if let Some(dropped) = change.dropped {
            self.forget_address(index, dropped);
        }
        if change.moved {
            self.follow_bindings(index);
        }
        self.revive(now, index);
    }

    /// Sends media where the member is now.
    fn follow_bindings(&mut self, index: usize) {
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        let Some(listener) = room.listeners.get_mut(member.listener) else {
            return;
        };
        listener.address = member.bindings.primary();
        listener.refresh();
        if let (Some(address), true) = (listener.address, listener.protection.is_some()) {
            self.events.push_back(Event::AddressChanged {
                member: member.id,
                address: self.streams.get(&address).copied().unwrap_or(address),
            });
        }
    }

    /// Lets media flow again to a member whose checks had stopped.
    fn revive(&mut self, now: Instant, index: usize) {
        let idle = seat(&mut self.members, &mut self.rooms, index)
            .and_then(|(member, room)| room.listeners.get(member.listener))
            .is_some_and(|listener| listener.idle);
        if idle {
            self.resume(now, index);
        }
    }
}

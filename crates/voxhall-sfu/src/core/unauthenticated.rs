//! What anybody may send: discovery requests, pings and keep-alives. Answers are never longer than what they answer.

use std::net::SocketAddr;
use std::time::Instant;

use voxhall_protocol::discovery::Request;
use voxhall_protocol::ping::KeepAlive;

use super::Core;
use super::binding::Proof;
use super::outbox::Outbox;

impl Core {
    /// Tells a client the address that its request came from. A request with an unknown SSRC gets no answer.
    pub(super) fn handle_discovery(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) {
        let Ok(request) = Request::parse(datagram) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        let Some(&owner) = self.ssrcs.get(&request.ssrc) else {
            self.stats.dropped_unknown_ssrc += 1;
            return;
        };
        let asks_for_browser = self
            .members
            .get(owner.member)
            .is_some_and(|member| member.webrtc.is_some());
        if asks_for_browser || self.peers.contains_key(&source) {
            // Where a WebRTC member is, its checks say, and nobody else is there.
            self.stats.dropped_malformed += 1;
            return;
        }
        if !self.limiter.allow(now, source) {
            self.stats.dropped_rate_limited += 1;
            return;
        }
        self.stats.discovery += 1;
        self.bind(now, owner.member, source, Proof::Discovery);
        self.reply(source, &request.respond(source), out);
    }

    /// Answers a ping or echoes a counter; swallows the keep-alives that want no answer. Each says that the client at
    /// `source` is still there.
    pub(super) fn handle_keep_alive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &[u8],
        out: &mut impl Outbox,
    ) {
        let Some(keep_alive) = KeepAlive::parse(datagram) else {
            self.stats.dropped_malformed += 1;
            return;
        };
        let known = self.touch(now, source);
        if !known && !self.limiter.allow(now, source) {
            self.stats.dropped_rate_limited += 1;
            return;
        }
        self.stats.keep_alive += 1;
        if let Some(reply) = keep_alive.reply() {
            self.reply(source, &reply, out);
        }
    }

    fn reply(&mut self, to: SocketAddr, bytes: &[u8], out: &mut impl Outbox) {
        self.stats.sent += 1;
        self.stats.sent_bytes += bytes.len() as u64;
        out.datagram(to, |buffer| {
            buffer.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(bytes.len())
        });
    }
}

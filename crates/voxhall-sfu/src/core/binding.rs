//! Where a member's UDP packets come from, and so where its media goes. `media-transport.md` section 2.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Addresses kept for one member: native clients use two sockets, and NATs move them.
const MAX_ADDRESSES: usize = 4;

/// Silence of the primary address after which a packet that may be a copy may name another.
const PRIMARY_LOST_AFTER: Duration = Duration::from_secs(5);

/// What vouches for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A discovery request with the member's SSRC: good until the first authentic packet.
    Discovery,
    /// An authentic packet that a replay window took.
    Media,
    /// An authentic retransmission: from a second socket, perhaps.
    Retransmission,
    /// An authentic packet that may be a copy: of RTCP, or one that starts a stream anew.
    Weak,
}

/// A change of the set of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Change {
    /// An address that is new.
    pub(super) added: Option<SocketAddr>,
    /// An address that is given up.
    pub(super) dropped: Option<SocketAddr>,
    /// Whether media goes to another address now.
    pub(super) moved: bool,
    /// Whether this was the first authentic packet.
    pub(super) connected: bool,
}

/// The addresses of one member, the primary one first.
#[derive(Debug)]
pub(super) struct Bindings {
    addresses: Vec<SocketAddr>,
    /// What the client named in op 1. Never an address to send to by itself.
    hint: Option<SocketAddr>,
    authentic: bool,
    last_seen: Instant,
    primary_seen: Instant,
}

impl Bindings {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            addresses: Vec::with_capacity(MAX_ADDRESSES),
            hint: None,
            authentic: false,
            last_seen: now,
            primary_seen: now,
        }
    }

    /// A new key: discovery counts again until something decrypts.
    pub(super) fn rekey(&mut self, hint: Option<SocketAddr>) {
        self.hint = hint;
        self.authentic = false;
        if let Some(index) = hint.and_then(|hint| self.position(hint)) {
            self.addresses.swap(0, index);
        }
    }

    /// Where to send.
    pub(super) fn primary(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    pub(super) fn all(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// When the last packet came from any of the addresses.
    pub(super) fn last_seen(&self) -> Instant {
        self.last_seen
    }

    #[inline]
    pub(super) fn contains(&self, source: SocketAddr) -> bool {
        self.addresses.contains(&source)
    }

    /// Whether anything authentic came, so that the addresses rest on more than discovery.
    pub(super) fn are_authentic(&self) -> bool {
        self.authentic
    }

    /// A packet without proof, from an address that is bound.
    pub(super) fn touch(&mut self, now: Instant, source: SocketAddr) {
        self.last_seen = now;
        if self.primary() == Some(source) {
            self.primary_seen = now;
        }
    }

    /// The packet path: an authentic media packet from the primary address, as nearly all are. False if
    /// [`Bindings::bind`] has to look closer.
    #[inline]
    pub(super) fn confirm(&mut self, now: Instant, source: SocketAddr) -> bool {
        let usual = self.authentic && self.addresses.first() == Some(&source);
        if usual {
            self.last_seen = now;
            self.primary_seen = now;
        }
        usual
    }

    /// Takes note of a packet and its proof.
    pub(super) fn bind(&mut self, now: Instant, source: SocketAddr, proof: Proof) -> Change {
        let mut change = Change::default();
        if proof == Proof::Discovery {
            if self.authentic {
                if self.contains(source) {
                    self.touch(now, source);
                }
                return change;
            }
        } else if !self.authentic {
            self.authentic = true;
            change.connected = true;
        }
        self.last_seen = now;
        let index = self
            .position(source)
            .unwrap_or_else(|| self.insert(source, &mut change));
        if index != 0 && self.may_lead(now, source, proof, change.connected) {
            self.addresses[..=index].rotate_right(1);
            change.moved = true;
        }
        if self.primary() == Some(source) {
            self.primary_seen = now;
        }
        change
    }

    /// A connectivity check of a WebRTC member came: its address is one of the member's, and leads if the client chose
    /// it or if there is no other.
    pub(super) fn check(&mut self, now: Instant, source: SocketAddr, chosen: bool) -> Change {
        let mut change = Change::default();
        self.last_seen = now;
        let index = self
            .position(source)
            .unwrap_or_else(|| self.insert(source, &mut change));
        if index != 0 && chosen {
            self.addresses[..=index].rotate_right(1);
            change.moved = true;
        }
        change
    }

    /// Somebody else has proved to be at `address`.
    pub(super) fn remove(&mut self, address: SocketAddr) {
        self.addresses.retain(|&bound| bound != address);
    }

    /// Whether media may go to `source` from now on instead of to the primary address.
    fn may_lead(&self, now: Instant, source: SocketAddr, proof: Proof, first_authentic: bool) -> bool {
        match proof {
            Proof::Media => true,
            Proof::Discovery => self
                .hint
                .is_none_or(|hint| hint == source || !self.contains(hint)),
            Proof::Retransmission => false,
            Proof::Weak => {
                first_authentic || now.saturating_duration_since(self.primary_seen) >= PRIMARY_LOST_AFTER
            }
        }
    }

    fn position(&self, source: SocketAddr) -> Option<usize> {
        self.addresses.iter().position(|&address| address == source)
    }

    /// Adds an address behind the others, in place of the one that led longest ago if there are too many.
    fn insert(&mut self, source: SocketAddr, change: &mut Change) -> usize {
        if self.addresses.len() == MAX_ADDRESSES {
            change.dropped = self.addresses.pop();
        }
        change.added = Some(source);
        change.moved = self.addresses.is_empty();
        self.addresses.push(source);
        self.addresses.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, 7], port))
    }

    #[test]
    fn discovery_binds_until_the_first_authentic_packet() {
        let now = Instant::now();
        let mut bindings = Bindings::new(now);
        assert!(bindings.bind(now, address(1), Proof::Discovery).moved);
        assert!(
            bindings.bind(now, address(2), Proof::Discovery).moved,
            "a second request from a new socket"
        );
        assert_eq!(bindings.primary(), Some(address(2)));
        assert!(bindings.bind(now, address(2), Proof::Media).connected);
        assert_eq!(
            bindings.bind(now, address(3), Proof::Discovery),
            Change::default()
        );
        assert_eq!(bindings.primary(), Some(address(2)));
    }

    #[test]
    fn the_hint_decides_between_addresses_but_is_none_itself() {
        let now = Instant::now();
        let mut bindings = Bindings::new(now);
        bindings.bind(now, address(1), Proof::Discovery);
        bindings.bind(now, address(2), Proof::Discovery);
        bindings.rekey(Some(address(1)));
        assert_eq!(bindings.primary(), Some(address(1)));
        bindings.bind(now, address(2), Proof::Discovery);
        assert_eq!(bindings.primary(), Some(address(1)));
        bindings.rekey(Some(address(9)));
        assert_eq!(
            bindings.primary(),
            Some(address(1)),
            "nobody ever sent from the hint"
        );
    }

    #[test]
    fn media_moves_the_binding_and_retransmissions_do_not() {
        let now = Instant::now();
        let mut bindings = Bindings::new(now);
        bindings.bind(now, address(1), Proof::Media);
        assert!(!bindings.bind(now, address(2), Proof::Retransmission).moved);
        assert!(bindings.contains(address(2)));
        assert!(bindings.bind(now, address(3), Proof::Media).moved);
        assert_eq!(bindings.primary(), Some(address(3)));
    }

    #[test]
    fn a_possible_copy_moves_it_only_when_the_primary_is_silent() {
        let now = Instant::now();
        let mut bindings = Bindings::new(now);
        bindings.bind(now, address(1), Proof::Media);
        assert!(
            !bindings
                .bind(now + Duration::from_secs(1), address(2), Proof::Weak)
                .moved
        );
        assert!(
            bindings
                .bind(now + Duration::from_secs(6), address(2), Proof::Weak)
                .moved
        );
    }

    #[test]
    fn the_oldest_of_too_many_addresses_goes() {
        let now = Instant::now();
        let mut bindings = Bindings::new(now);
        for port in 1..=4 {
            bindings.bind(now, address(port), Proof::Media);
        }
        let change = bindings.bind(now, address(5), Proof::Media);
        assert_eq!(change.dropped, Some(address(1)));
        assert_eq!(bindings.all(), [address(5), address(4), address(3), address(2)]);
    }
}

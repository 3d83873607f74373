//! Signs of life: heartbeats on the socket, pings on UDP.

use std::time::{Duration, Instant};

/// The heartbeat of one socket (voice-gateway protocol, section 7).
#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    interval: Option<Duration>,
    /// Nonce and time of the one that is not acknowledged yet.
    outstanding: Option<(u64, Instant)>,
    last_nonce: u64,
    round_trip: Option<Duration>,
}

impl Heartbeats {
    /// A new socket: nothing is outstanding, and Hello must come first.
    pub(super) fn restart(&mut self) {
        self.interval = None;
        self.outstanding = None;
    }

    pub(super) fn start(&mut self, interval: Duration) {
        self.interval = Some(interval);
    }

    pub(super) fn interval(&self) -> Option<Duration> {
        self.interval
    }

    pub(super) fn is_outstanding(&self) -> bool {
        self.outstanding.is_some()
    }

    /// The nonce of the heartbeat that goes out now.
    pub(super) fn beat(&mut self, now: Instant) -> u64 {
        self.last_nonce += 1;
        self.outstanding = Some((self.last_nonce, now));
        self.last_nonce
    }

    /// Any acknowledgement is a sign of life; only that of the last heartbeat measures the way.
    pub(super) fn acknowledged(&mut self, now: Instant, nonce: Option<u64>) {
        if let Some((sent_nonce, sent_at)) = self.outstanding.take()
            && nonce == Some(sent_nonce)
        {
            self.round_trip = Some(now.saturating_duration_since(sent_at));
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

/// UDP pings (media transport, section 4): they hold the NAT binding open and measure the way.
#[derive(Debug, Default)]
pub(super) struct Pings {
    sequence: u32,
    outstanding: Option<(u32, Instant)>,
    round_trip: Option<Duration>,
}

impl Pings {
    pub(super) fn send(&mut self, now: Instant) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.outstanding = Some((self.sequence, now));
        self.sequence
    }

    pub(super) fn answered(&mut self, now: Instant, sequence: u32) {
        if let Some((sent, sent_at)) = self.outstanding
            && sent == sequence
        {
            self.outstanding = None;
            self.round_trip = Some(now.saturating_duration_since(sent_at));
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

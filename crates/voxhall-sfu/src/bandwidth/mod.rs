//! How much a receiver can take, and which video layers fit into that.
//!
//! The SFU is the sender of the downlink. It numbers what it sends to a receiver, the receiver reports when which number
//! arrived (transport-cc), and an [`Estimator`] concludes what its link carries, in the manner of
//! draft-ietf-rmcat-gcc-02:
//!
//! ```text
//! on_sent ─► SendHistory ─┐
//!                         ├─► ArrivalGroups ─► Steps ─► Trend ─► RateControl ─┐
//! on_feedback ────────────┼─► Throughput (acknowledged) ───────► RateControl ─┼─► min ─► estimate
//!                         └─► LossControl ────────────────────────────────────┘
//! ```
//!
//! A receiver that is sent less than its link carries proves nothing about the rest, so the estimate stays near what was
//! acknowledged until a [`Probe`] of padding shows more. Receivers without transport-cc are judged by the losses of
//! their receiver reports and by REMB. [`allocation`] then picks the layers, and
//! [`share`] says what a publisher may send that has only one.
//!
//! Nothing here knows a clock or a packet's bytes, and nothing allocates once an estimator is made.

mod aimd;
pub mod allocation;
mod estimator;
mod groups;
mod history;
mod loss;
mod meter;
mod probe;
mod queue;
pub mod share;
#[cfg(test)]
mod simulation;
mod step;
mod trend;

use std::fmt;

pub use estimator::Estimator;
pub use meter::RateMeter;
pub use probe::Probe;

/// Bits per second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Bitrate(pub u64);

impl Bitrate {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// That many thousand bits per second.
    #[must_use]
    pub const fn kilobits(thousands: u64) -> Self {
        Self(thousands * 1_000)
    }

    /// The rate times a factor that is not negative.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self((self.0 as f64 * factor) as u64)
    }

    /// How many bytes that is in so many microseconds.
    #[must_use]
    pub const fn bytes_in(self, micros: u64) -> u64 {
        (self.0 as u128 * micros as u128 / 8_000_000) as u64
    }

    /// The rate at which so many bytes take so many microseconds; `None` if they take no time.
    #[must_use]
    pub const fn of(bytes: u64, micros: u64) -> Option<Self> {
        match (bytes as u128 * 8_000_000).checked_div(micros as u128) {
            Some(rate) => Some(Self(rate as u64)),
            None => None,
        }
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left without `other`; nothing if that is more.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} kbit/s", self.0 / 1_000)
    }
}

//! Faults: what goes wrong on purpose, for those who test a bot.
//!
//! Each kind has a key of its own, so that each may have a time to live of its own. A fault that stands goes on until
//! its record is deleted or expires. One that strikes ([`FaultKind::strikes`]) is done when its record is written, and
//! only then: who finds it already there lets it be.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use voxhall_protocol::ids::{ChannelId, UserId};

use crate::Record;

/// What goes wrong for one member on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FaultRecord {
    /// Datagrams are lost, late, doubled or damaged; [`FaultKind::Upstream`] and [`FaultKind::Downstream`].
    Datagrams(Impairment),
    /// Heartbeats on the voice socket are not answered.
    HeartbeatAcks,
    /// The next resumes are refused.
    Resume {
        /// How many.
        times: u32,
    },
    /// The voice socket is closed.
    Socket {
        /// With this code; `None` breaks the connection without a close frame.
        code: Option<u16>,
        /// What the close frame tells people.
        reason: String,
    },
    /// The worker that carries the member's media panics.
    Worker,
}

/// What happens to datagrams that go one way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Impairment {
    /// The share that is lost, from 0 to 1.
    pub drop: f64,
    /// The share that comes twice.
    pub duplicate: f64,
    /// The share of which a bit is turned over.
    pub corrupt: f64,
    /// How much later all of them come.
    pub delay: Duration,
    /// How much later than that they come at most, evenly spread.
    pub jitter: Duration,
    /// The narrowest place on the way, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<Bottleneck>,
    /// Decides which: the same seed hits the same datagrams.
    pub seed: u64,
}

/// Where datagrams wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// Bits that pass in a second.
    pub bits_per_second: u32,
    /// How long a datagram waits at most; one that would wait longer is lost.
    pub queue: Duration,
}

/// Which fault a key is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// Datagrams from the member.
    Upstream,
    /// Datagrams to the member.
    Downstream,
    /// Answers to heartbeats.
    HeartbeatAcks,
    /// Resuming.
    Resume,
    /// The voice socket.
    Socket,
    /// The media worker.
    Worker,
}

/// Whose fault it is, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultKey {
    /// The room.
    pub channel: ChannelId,
    /// The member.
    pub user: UserId,
    /// The kind.
    pub kind: FaultKind,
}

impl Record for FaultRecord {}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Upstream,
        Self::Downstream,
        Self::HeartbeatAcks,
        Self::Resume,
        Self::Socket,
        Self::Worker,
    ];

    /// Its name in keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "up",
            Self::Downstream => "down",
            Self::HeartbeatAcks => "acks",
            Self::Resume => "resume",
            Self::Socket => "socket",
            Self::Worker => "worker",
        }
    }

    /// Whether it happens once, at its writing, instead of standing until it is taken back.
    #[must_use]
    pub const fn strikes(self) -> bool {
        matches!(self, Self::Socket | Self::Worker)
    }
}

impl FaultKey {
    /// Reads what follows the prefix of a node in a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (channel, user, kind) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = FaultKind::ALL.into_iter().find(|known| known.name() == kind)?;
        Some(Self {
            channel: channel.parse().ok()?,
            user: user.parse().ok()?,
            kind,
        })
        .filter(|_| parts.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeId, key};

    #[test]
    fn keys_are_read_as_they_were_written() {
        let node = NodeId("local".to_owned());
        for kind in FaultKind::ALL {
            let fault = FaultKey {
                channel: ChannelId(5),
                user: UserId(9),
                kind,
            };
            let key = key::fault(&node, fault);
            let rest = key.strip_prefix(&key::faults_of(&node)).unwrap();
            assert_eq!(FaultKey::parse(rest), Some(fault), "{key}");
        }
        for wrong in ["", "5.9", "5.9.acks.more", "5.x.acks", "5.9.nothing"] {
            assert_eq!(FaultKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let impairment = Impairment {
            drop: 0.1,
            duplicate: 0.0,
            corrupt: 1.0,
            delay: Duration::from_millis(80),
            jitter: Duration::from_millis(20),
            bottleneck: Some(Bottleneck {
                bits_per_second: 300_000,
                queue: Duration::from_millis(200),
            }),
            seed: u64::MAX,
        };
        let close = FaultRecord::Socket {
            code: Some(4015),
            reason: "told to".to_owned(),
        };
        for record in [
            FaultRecord::Datagrams(impairment),
            FaultRecord::HeartbeatAcks,
            close,
        ] {
            assert_eq!(FaultRecord::decode("fault", &record.encode()).unwrap(), record);
        }
    }
}

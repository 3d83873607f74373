//! What an operator decides about a node.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use voxhall_live::NodeId;

use crate::Error;

/// The settings of one media node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// The node's name on the switchboard.
    pub id: NodeId,
    /// `host[:port]` under which clients dial the voice gateway; no scheme, no path.
    pub endpoint: String,
    /// The region the node serves.
    pub region: String,
    /// The addresses clients are told to send media to; Ready carries the first.
    pub media_addresses: Vec<IpAddr>,
    /// The local address the workers' UDP sockets are bound to.
    pub media_bind: IpAddr,
    /// UDP port of the first worker, the others follow; 0 lets the system choose for each.
    pub media_port: u16,
    /// Take WebRTC clients over TCP too, on the workers' port numbers, for networks that block UDP.
    pub media_tcp: bool,
    /// How many SFU workers run, each one thread with its own port.
    pub workers: usize,
    /// Offer the six historic encryption modes beside the two current ones.
    pub legacy_modes: bool,
    /// Serve voice-gateway versions 1 to 3 beside 4 to 9.
    pub legacy_versions: bool,
    /// Refuse clients that cannot encrypt end to end (close 4017).
    pub require_dave: bool,
    /// Times and sizes of the voice gateway.
    pub limits: Limits,
}

impl NodeConfig {
    /// A node named `id` that is dialled at `endpoint` and takes media on the loopback interface.
    #[must_use]
    pub fn new(id: NodeId, endpoint: impl Into<String>) -> Self {
        Self {
            id,
            endpoint: endpoint.into(),
            region: "local".to_owned(),
            media_addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            media_bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            media_port: 0,
            media_tcp: true,
            workers: 1,
            legacy_modes: false,
            legacy_versions: false,
            require_dave: false,
            limits: Limits::default(),
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`Error::NoMediaAddress`], [`Error::NoWorkers`] or [`Error::MediaPortRange`].
    pub fn check(&self) -> Result<(), Error> {
        if self.media_addresses.is_empty() {
            return Err(Error::NoMediaAddress);
        }
        if self.workers == 0 {
            return Err(Error::NoWorkers);
        }
        let last_port = usize::from(self.media_port) + self.workers - 1;
        if self.media_port != 0 && last_port > usize::from(u16::MAX) {
            return Err(Error::MediaPortRange {
                first: self.media_port,
                workers: self.workers,
            });
        }
        Ok(())
    }

    /// The port asked for worker `index`; 0 for any.
    pub(crate) fn worker_port(&self, index: usize) -> u16 {
        match self.media_port {
            0 => 0,
            first => first.saturating_add(u16::try_from(index).unwrap_or(u16::MAX)),
        }
    }
}

/// Times and sizes of the voice gateway (`voice-gateway.md` sections 7, 8 and 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What Hello tells clients.
    pub heartbeat_interval: Duration,
    /// A socket without a heartbeat for this long is closed (4009).
    pub heartbeat_timeout: Duration,
    /// A socket without Identify or Resume for this long is closed (4009).
    pub identify_timeout: Duration,
    /// How long an Identify waits for a ticket that has not come yet, before it is refused.
    pub ticket_wait: Duration,
    /// How many Identifies may wait so at a time; further ones are refused at once.
    pub early_identifies: usize,
    /// How long a session waits to be resumed after its socket is lost.
    pub resume_window: Duration,
    /// How long a client has to leave by itself after its ticket ended, before its socket is closed.
    pub leave_grace: Duration,
    /// How many numbered messages are kept for a resume.
    pub replay_messages: usize,
    /// Messages a client may send in 60 s, heartbeats not counted (4021).
    pub messages_per_minute: u32,
    /// Heartbeats a client may send in 60 s (4021).
    pub heartbeats_per_minute: u32,
    /// How many SSRCs one receiver may list in Media Sink Wants (4020).
    pub listed_wants: usize,
    /// How many simulcast layers one client may offer in Identify; further ones get no SSRC.
    pub streams: usize,
    /// Frames that may wait for one socket; a slower reader loses it, and can resume.
    pub queued_frames: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_millis(13_750),
            heartbeat_timeout: Duration::from_secs(30),
            identify_timeout: Duration::from_secs(30),
            ticket_wait: Duration::from_secs(1),
            early_identifies: 256,
            resume_window: Duration::from_secs(60),
            leave_grace: Duration::from_secs(1),
            replay_messages: 1024,
            messages_per_minute: 120,
            heartbeats_per_minute: 600,
            listed_wants: 1024,
            streams: 4,
            queued_frames: 16_384,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NodeConfig {
        NodeConfig::new(NodeId("a".into()), "voice.test")
    }

    #[test]
    fn what_cannot_work_is_refused_with_advice() {
        assert!(config().check().is_ok());
        let refused = [
            (
                NodeConfig {
                    media_addresses: Vec::new(),
                    ..config()
                },
                "--media-address",
            ),
            (
                NodeConfig {
                    workers: 0,
                    ..config()
                },
                "--workers",
            ),
            (
                NodeConfig {
                    media_port: 65_535,
                    workers: 2,
                    ..config()
                },
                "--media-port",
            ),
        ];
        for (config, advice) in refused {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(advice), "{error}");
        }
    }

    #[test]
    fn workers_take_ports_in_a_row_or_any() {
        let fixed = NodeConfig {
            media_port: 50_000,
            workers: 3,
            ..config()
        };
        assert!(fixed.check().is_ok());
        assert_eq!(
            (0..3).map(|index| fixed.worker_port(index)).collect::<Vec<_>>(),
            [50_000, 50_001, 50_002]
        );
        assert_eq!(config().worker_port(2), 0);
    }
}

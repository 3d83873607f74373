use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::net::UdpSocket;
use rand::Rng;
use tokio::sync::{Notify, mpsc, watch};
use voxhall_transport::{Cipher, Sealer, TransportKey};

use super::counters::LinkCounters;
use super::receiver::Inbound;
use super::sender::{Sender, SenderParts};
use super::{LinkKey, MediaEngine, PacingLink};
use crate::connection::{MediaSession, RosterChange};
use crate::track::Player;
use crate::video::sender::{VideoSender, VideoStarts};
use crate::video::shared::VideoShared;
use crate::video::track::VideoTrack;
use crate::voices::Voices;

/// Datagrams of control (discovery, pings) that may wait for the connection's task.
const CONTROL_BACKLOG: usize = 16;

/// The media path of one voice session: a UDP socket, watched by the receiving thread and written by the pacing thread.
/// Dropping it takes it out of both.
#[derive(Debug)]
pub(crate) struct Link {
    engine: MediaEngine,
    key: LinkKey,
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    shared: LinkShared,
    control: mpsc::Receiver<Vec<u8>>,
    pacing: PacingLink,
}

/// What outlives a link, because it belongs to the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkShared {
    pub(crate) player: Arc<Player>,
    pub(crate) voices: Arc<Voices>,
    pub(crate) counters: Arc<LinkCounters>,
    pub(crate) events: Arc<LinkEvents>,
    pub(crate) video: Arc<VideoShared>,
}

/// How the media threads, and the handles of tracks, get the attention of a connection's task.
#[derive(Debug)]
pub(crate) struct LinkEvents {
    changed: Notify,
    idle: watch::Sender<bool>,
    exhausted: AtomicBool,
}

impl Default for LinkEvents {
    fn default() -> Self {
        Self {
            changed: Notify::new(),
            idle: watch::Sender::new(true),
            exhausted: AtomicBool::new(false),
        }
    }
}

impl LinkEvents {
    /// The sender has said its last silence frame.
    pub(super) fn went_idle(&self) {
        self.idle.send_replace(true);
        self.changed.notify_one();
    }

    /// The sender ran out of nonces.
    pub(super) fn key_exhausted(&self) {
        if !self.exhausted.swap(true, Ordering::AcqRel) {
            self.changed.notify_one();
        }
    }

    /// A track came, went, was paused or resumed.
    pub(crate) fn player_changed(&self) {
        self.changed.notify_one();
    }

    /// Waits until something changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether the sender is silent, tail included.
    pub(crate) fn is_idle(&self) -> bool {
        *self.idle.borrow()
    }

    /// Waits until the sender is silent, tail included.
    pub(crate) async fn silent(&self) {
        // The sender of the watch lives in `self`.
        let _ = self.idle.subscribe().wait_for(|idle| *idle).await;
    }

    /// Whether the key is used up; asked once.
    pub(crate) fn take_exhausted(&self) -> bool {
        self.exhausted.swap(false, Ordering::AcqRel)
    }
}

impl Link {
    /// Opens a socket towards the media server.
    pub(crate) fn open(engine: &MediaEngine, server: SocketAddr, shared: LinkShared) -> io::Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let mut socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        let local = socket.local_addr()?;
        let key = engine.next_key();
        engine.0.receiver.register(key, &mut socket)?;
        let socket = Arc::new(socket);
        let (control_sender, control) = mpsc::channel(CONTROL_BACKLOG);
        let pacing = engine.0.pacer.link(key);
        engine.0.receiver.insert(Inbound::new(
            key,
            Arc::clone(&socket),
            control_sender,
            &shared,
            pacing.clone(),
        ));
        shared.events.idle.send_replace(true);
        shared.video.set_pacing(Some(pacing.clone()));
        Ok(Self {
            engine: engine.clone(),
            key,
            socket,
            local,
            shared,
            control,
            pacing,
        })
    }

    /// Where the socket is bound.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends a datagram of control. A lost one is sent again by whoever wanted it.
    pub(crate) fn send(&self, datagram: &[u8]) {
        if let Err(error) = self.socket.send(datagram) {
            tracing::debug!(%error, "a control datagram was not sent");
        }
    }

    /// The next datagram that is no media. Safe to cancel.
    pub(crate) async fn control(&mut self) -> Option<Vec<u8>> {
        self.control.recv().await
    }

    /// Begins to decrypt what comes, and prepares to send. Replaces an earlier key.
    pub(crate) fn start(&self, session: &MediaSession, rng: &mut impl Rng) {
        let key = TransportKey::from(*session.key.expose());
        let cipher = || Cipher::new(session.mode, &key);
        self.engine.0.receiver.start(self.key, cipher(), session.ssrc);
        let clock = self.engine.0.pacer.clock();
        let video = session.layer.map(|sources| {
            let starts = VideoStarts {
                sequence: rng.random(),
                rtx_sequence: rng.random(),
                timestamp: rng.random(),
            };
            VideoSender::new(sources, clock, starts, Arc::clone(&self.shared.video.counters))
        });
        self.shared.events.idle.send_replace(true);
        self.engine.0.pacer.insert(Sender::new(SenderParts {
            key: self.key,
            socket: Arc::clone(&self.socket),
            sealer: Sealer::client(cipher(), rng.random()),
            player: Arc::clone(&self.shared.player),
            counters: Arc::clone(&self.shared.counters),
            events: Arc::clone(&self.shared.events),
            ssrc: session.ssrc,
            first_sequence: rng.random(),
            first_timestamp: rng.random(),
            clock,
            video,
        }));
    }

    /// Lets the player's frames out, from the next tick on until it falls silent.
    pub(crate) fn resume(&self) {
        self.shared.events.idle.send_replace(false);
        self.engine.0.pacer.resume(self.key);
    }

    /// Shows these pictures, or none.
    pub(crate) fn show(&self, track: Option<Arc<VideoTrack>>) {
        self.shared.video.set_showing(track.is_some());
        self.pacing.show(track);
    }

    /// The pictures are wanted in this quality, 0–100.
    pub(crate) fn asked(&self, quality: u8) {
        self.pacing.asked(quality);
    }

    /// Tells the receiving thread whose sources are whose.
    pub(crate) fn roster(&self, change: RosterChange) {
        self.engine.0.receiver.roster(self.key, change);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.video.set_pacing(None);
        self.engine.0.pacer.remove(self.key);
        self.shared.events.idle.send_replace(true);
        self.engine.0.receiver.remove(self.key);
    }
}

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::{Cipher, PacketKind};

use super::counters::{LinkCounters, count};
use super::feeder::join;
use super::{LinkKey, PacingLink, link::LinkShared};
use crate::connection::RosterChange;
use crate::voices::{TICK, VoiceReceiver};

/// Longest datagram that is read; what is longer is cut and then refused.
const MAX_DATAGRAM: usize = 2048;

/// Datagrams taken from one socket before the others have their turn.
const BURST: usize = 64;

/// The token of the waker; links are numbered from 0 and never come this far.
const WAKE: Token = Token(usize::MAX);

/// The one thread that receives for all links.
#[derive(Debug)]
pub(super) struct Receiver {
    registry: Registry,
    waker: Waker,
    inbox: Arc<Mutex<Vec<Command>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Command {
    Insert(Box<Inbound>),
    Start(LinkKey, Box<Cipher>, Ssrc),
    Roster(LinkKey, RosterChange),
    /// Somebody began to listen, somewhere.
    Rescan,
    Remove(LinkKey),
    Stop,
}

impl Receiver {
    pub(super) fn start_thread() -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let inbox = Arc::new(Mutex::new(Vec::new()));
        let commands = Arc::clone(&inbox);
        let thread = thread::Builder::new()
            .name("voxhall-receive".to_owned())
            .spawn(move || Reception::new(poll).run(&commands))?;
        Ok(Self {
            registry,
            waker,
            inbox,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn register(&self, key: LinkKey, socket: &mut UdpSocket) -> io::Result<()> {
        self.registry.register(socket, token(key), Interest::READABLE)
    }

    pub(super) fn insert(&self, inbound: Inbound) {
        self.post(Command::Insert(Box::new(inbound)));
    }

    pub(super) fn start(&self, key: LinkKey, cipher: Cipher, own: Ssrc) {
        self.post(Command::Start(key, Box::new(cipher), own));
    }

    pub(super) fn roster(&self, key: LinkKey, change: RosterChange) {
        self.post(Command::Roster(key, change));
    }

    pub(super) fn rescan(&self) {
        self.post(Command::Rescan);
    }

    pub(super) fn remove(&self, key: LinkKey) {
        self.post(Command::Remove(key));
    }

    fn post(&self, command: Command) {
        self.inbox.lock().push(command);
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "the receiving thread cannot be woken");
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.post(Command::Stop);
        join(self.thread.lock().take());
    }
}

fn token(key: LinkKey) -> Token {
    // Keys are counted up from 0: a process that opens 2^32 links has other troubles.
    Token(key.0 as usize)
}

/// The receiving half of one link.
#[derive(Debug)]
pub(super) struct Inbound {
    key: LinkKey,
    socket: Arc<UdpSocket>,
    control: mpsc::Sender<Vec<u8>>,
    voices: VoiceReceiver,
    counters: Arc<LinkCounters>,
}

impl Inbound {
    pub(super) fn new(
        key: LinkKey,
        socket: Arc<UdpSocket>,
        control: mpsc::Sender<Vec<u8>>,
        shared: &LinkShared,
        pacing: PacingLink,
    ) -> Self {
        Self {
            key,
            socket,
            control,
            voices: VoiceReceiver::new(shared, Some(pacing), Instant::now()),
            counters: Arc::clone(&shared.counters),
        }
    }

    /// Takes what has arrived, a burst at most; whether there may be more.
    fn drain(&mut self, buffer: &mut [u8; MAX_DATAGRAM]) -> bool {
        for _ in 0..BURST {
            match self.socket.recv(buffer) {
                Ok(length) => self.datagram(&mut buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // An ICMP error of an earlier datagram; it says nothing about this socket.
                Err(_) => {}
            }
        }
        true
    }

    fn datagram(&mut self, datagram: &mut [u8]) {
        match kind_of(datagram) {
            Some(kind) => self.voices.datagram(Instant::now(), kind, datagram),
            None if self.control.try_send(datagram.to_vec()).is_err() => {
                count(&self.counters.control_dropped)
            }
            None => {}
        }
    }
}

/// RTP or RTCP by the first two bytes (media transport, section 2); `None` for everything else.
fn kind_of(datagram: &[u8]) -> Option<PacketKind> {
    match datagram {
        [128..=191, 192..=223, ..] => Some(PacketKind::Rtcp),
        [128..=191, _, ..] => Some(PacketKind::Rtp),
        _ => None,
    }
}

/// What the receiving thread knows.
struct Reception {
    poll: Poll,
    links: HashMap<Token, Inbound>,
    /// Links with listeners that want to hear every 20 ms.
    ticking: Vec<Token>,
    /// Links that had more than a burst.
    backlog: Vec<Token>,
    next_tick: Option<Instant>,
    buffer: Box<[u8; MAX_DATAGRAM]>,
}

impl Reception {
    fn new(poll: Poll) -> Self {
        Self {
            poll,
            links: HashMap::new(),
            ticking: Vec::new(),
            backlog: Vec::new(),
            next_tick: None,
            buffer: Box::new([0; MAX_DATAGRAM]),
        }
    }

    fn run(&mut self, inbox: &Mutex<Vec<Command>>) {
        let mut events = Events::with_capacity(256);
        loop {
            let timeout = if self.backlog.is_empty() {
                self.next_tick
                    .map(|due| due.saturating_duration_since(Instant::now()))
            } else {
                Some(std::time::Duration::ZERO)
            };
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the receiving thread cannot wait for packets and ends");
                return;
            }
            for command in std::mem::take(&mut *inbox.lock()) {
                if !self.obey(command) {
                    return;
                }
            }
            for token in std::mem::take(&mut self.backlog) {
                self.drain(token);
            }
            for event in &events {
                self.drain(event.token());
            }
            self.tick(Instant::now());
        }
    }

    fn drain(&mut self, token: Token) {
        if let Some(link) = self.links.get_mut(&token)
            && link.drain(&mut self.buffer)
        {
            self.backlog.push(token);
        }
    }

    /// Whether to go on.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Insert(inbound) => {
                let token = token(inbound.key);
                self.links.insert(token, *inbound);
                // Whatever came before the link was known raised an event nobody saw.
                self.drain(token);
                self.rescan();
            }
            Command::Start(key, cipher, own) => {
                if let Some(link) = self.links.get_mut(&token(key)) {
                    link.voices.start(*cipher, own);
                }
            }
            Command::Roster(key, change) => {
                if let Some(link) = self.links.get_mut(&token(key)) {
                    link.voices.roster(Instant::now(), change);
                }
            }
            Command::Rescan => self.rescan(),
            Command::Remove(key) => {
                self.links.remove(&token(key));
            }
            Command::Stop => return false,
        }
        true
    }

    fn rescan(&mut self) {
        let wants_ticks = self.links.iter().filter(|(_, link)| link.voices.wants_ticks());
        self.ticking = wants_ticks.map(|(token, _)| *token).collect();
        if self.next_tick.is_none() && !self.ticking.is_empty() {
            self.next_tick = Some(Instant::now());
        }
    }

    /// Runs the 20 ms tick of those who listen, if it is due.
    fn tick(&mut self, now: Instant) {
        let Some(due) = self.next_tick.filter(|due| *due <= now) else {
            return;
        };
        let links = &mut self.links;
        self.ticking.retain(|token| {
            links.get_mut(token).is_some_and(|link| {
                link.voices.tick(now);
                link.voices.wants_ticks()
            })
        });
        let behind = now.saturating_duration_since(due);
        // A thread that was held up catches up tick by tick, but not for ever.
        let next = if behind > TICK * 25 { now } else { due };
        self.next_tick = (!self.ticking.is_empty()).then(|| next + TICK);
    }
}

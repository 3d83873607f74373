//! What goes into the core and what comes out of it.

use std::borrow::Cow;
use std::collections::VecDeque;

use voxhall_live::{CallRecord, FaultKey, FaultRecord, LinkRecord, LinkState, TicketRecord};
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::voice::{Message, VoiceCloseCode, VoiceVersion, WireFrame, encode_server};
use voxhall_sfu::impairment::Impairment;
use voxhall_sfu::{Command, Event};

use super::TicketKey;
use super::session::Session;

/// One voice-gateway socket. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// One SFU worker of the node, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerIndex(pub usize);

/// Something that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A socket was opened.
    Opened {
        /// A new id.
        connection: ConnectionId,
        /// `v` of the socket's URL, as it stood there.
        version: Option<&'a str>,
    },
    /// A text frame came.
    Text {
        /// From where.
        connection: ConnectionId,
        /// What it says.
        text: &'a str,
    },
    /// A binary frame came.
    Binary {
        /// From where.
        connection: ConnectionId,
        /// What it holds.
        bytes: &'a [u8],
    },
    /// A socket is gone.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Whether the client closed it with 1000, which says that it will not come back.
        goodbye: bool,
    },
    /// A ticket was written.
    Ticket(Box<TicketRecord>),
    /// A ticket was deleted.
    TicketDeleted(TicketKey),
    /// A call was written.
    Call(Box<CallRecord>),
    /// A call was deleted.
    CallDeleted(ChannelId),
    /// A fault was set, or strikes.
    Fault(FaultKey, Box<FaultRecord>),
    /// A fault that stood is over.
    FaultEnded(FaultKey),
    /// A worker says something.
    Worker(WorkerIndex, Event),
    /// A worker that had failed runs again, knowing nothing, on its old port.
    WorkerRebuilt(WorkerIndex),
    /// A worker that had failed cannot be started again.
    WorkerLost(WorkerIndex),
    /// Time has passed; see [`NodeCore::next_timeout`](super::NodeCore::next_timeout).
    Timeout,
    /// The node shuts down.
    Drain,
}

/// Something to do.
#[derive(Debug)]
pub enum Output {
    /// Send a frame.
    Send {
        /// On which socket.
        connection: ConnectionId,
        /// What to send.
        frame: WireFrame,
    },
    /// Close a socket; nothing more is sent on it.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why, for the program at the other end.
        code: VoiceCloseCode,
        /// Why, for the human at the other end.
        reason: Cow<'static, str>,
        /// Whose session it carried, if any; for the log.
        who: Option<TicketKey>,
    },
    /// Break a connection without a close frame; nothing more is sent on it.
    Cut(ConnectionId),
    /// Command a worker.
    Command(WorkerIndex, Box<Command>),
    /// Set or end a fault on the way of a member's datagrams.
    Impair(WorkerIndex, Impairment),
    /// Make a worker panic.
    CrashWorker(WorkerIndex),
    /// Start a worker again, on the same port.
    RebuildWorker(WorkerIndex),
    /// Write how a member's connection stands. What is gone stays written: it tells that the ticket's connection was
    /// lost, and not that there never was one.
    Link {
        /// Whose connection.
        key: TicketKey,
        /// How it stands.
        link: LinkRecord,
    },
    /// The ticket is gone: forget how the connection stood.
    LinkDeleted(TicketKey),
}

/// Outputs that wait to be fetched.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Output>,
}

impl Outbox {
    /// Sends a message that is not numbered.
    pub(super) fn message(&mut self, connection: ConnectionId, version: VoiceVersion, message: &Message) {
        self.frame(connection, encode_server(version, message, None));
    }

    pub(super) fn frame(&mut self, connection: ConnectionId, frame: WireFrame) {
        self.queue.push_back(Output::Send { connection, frame });
    }

    pub(super) fn close(
        &mut self,
        connection: ConnectionId,
        code: VoiceCloseCode,
        reason: impl Into<Cow<'static, str>>,
        who: Option<TicketKey>,
    ) {
        self.queue.push_back(Output::Close {
            connection,
            code,
            reason: reason.into(),
            who,
        });
    }

    pub(super) fn cut(&mut self, connection: ConnectionId) {
        self.queue.push_back(Output::Cut(connection));
    }

    pub(super) fn command(&mut self, worker: WorkerIndex, command: Command) {
        self.queue.push_back(Output::Command(worker, Box::new(command)));
    }

    pub(super) fn impair(&mut self, worker: WorkerIndex, impairment: Impairment) {
        self.queue.push_back(Output::Impair(worker, impairment));
    }

    pub(super) fn crash(&mut self, worker: WorkerIndex) {
        self.queue.push_back(Output::CrashWorker(worker));
    }

    pub(super) fn rebuild(&mut self, worker: WorkerIndex) {
        self.queue.push_back(Output::RebuildWorker(worker));
    }

    pub(super) fn link(&mut self, key: TicketKey, session: &Session, state: LinkState) {
        let link = LinkRecord {
            token: session.token.clone(),
            state,
            spoke: session.spoke,
        };
        self.queue.push_back(Output::Link { key, link });
    }

    pub(super) fn link_deleted(&mut self, key: TicketKey) {
        self.queue.push_back(Output::LinkDeleted(key));
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        let output = self.queue.pop_front();
        if self.queue.is_empty() && self.queue.capacity() > 1024 {
            self.queue = VecDeque::new();
        }
        output
    }
}

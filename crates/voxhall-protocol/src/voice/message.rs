//! Every message of the voice gateway, in either direction, as one type.

use serde_json::Value;

use super::{
    BackendVersion, ClientDisconnect, ClientFlagsUpdate, ClientsConnect, DavePrepareEpoch,
    DavePrepareTransition, DaveTransition, Heartbeat, HeartbeatAck, Hello, Identify, MediaSinkWants,
    MlsTransition, PlatformUpdate, Ready, Resume, SelectProtocol, SessionDescription, SessionUpdate,
    Speaking, Video, VoiceOpcode,
};
use crate::Extra;

/// A message of the voice gateway, independent of the version that carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Op 0.
    Identify(Box<Identify>),
    /// Op 1.
    SelectProtocol(Box<SelectProtocol>),
    /// Op 2.
    Ready(Box<Ready>),
    /// Op 3.
    Heartbeat(Heartbeat),
    /// Op 4.
    SessionDescription(Box<SessionDescription>),
    /// Op 5.
    Speaking(Speaking),
    /// Op 6; op 3 from the server at version 1.
    HeartbeatAck(HeartbeatAck),
    /// Op 7.
    Resume(Resume),
    /// Op 8; bare at versions 1 and 2.
    Hello(Hello),
    /// Op 9; its `d` is always null.
    Resumed,
    /// Op 10, opaque.
    Signal(Value),
    /// Op 11.
    ClientsConnect(ClientsConnect),
    /// Op 12.
    Video(Video),
    /// Op 13.
    ClientDisconnect(ClientDisconnect),
    /// Op 14.
    SessionUpdate(SessionUpdate),
    /// Op 15.
    MediaSinkWants(MediaSinkWants),
    /// Op 16.
    BackendVersion(BackendVersion),
    /// Op 17, opaque.
    ChannelOptionsUpdate(Value),
    /// Op 18.
    ClientFlags(ClientFlagsUpdate),
    /// Op 19, opaque.
    SpeedTest(Value),
    /// Op 20.
    ClientPlatform(PlatformUpdate),
    /// Op 21.
    DavePrepareTransition(DavePrepareTransition),
    /// Op 22.
    DaveExecuteTransition(DaveTransition),
    /// Op 23.
    DaveTransitionReady(DaveTransition),
    /// Op 24.
    DavePrepareEpoch(DavePrepareEpoch),
    /// Op 25: signature key and credential.
    MlsExternalSender(Vec<u8>),
    /// Op 26: a key package.
    MlsKeyPackage(Vec<u8>),
    /// Op 27: operation and proposals.
    MlsProposals(Vec<u8>),
    /// Op 28: a commit and perhaps a Welcome.
    MlsCommitWelcome(Vec<u8>),
    /// Op 29.
    MlsAnnounceCommitTransition(MlsTransition),
    /// Op 30.
    MlsWelcome(MlsTransition),
    /// Op 31.
    MlsInvalidCommitWelcome(DaveTransition),
    /// Op 32.
    NoRoute(Extra),
    /// An opcode the protocol does not have; a client ignores it, a server closes with 4001.
    Unknown {
        /// The opcode.
        op: u64,
        /// Its payload.
        data: Value,
    },
    /// A binary message with an opcode the protocol does not have; a client ignores it.
    UnknownBinary {
        /// The opcode.
        op: u8,
        /// Its payload.
        payload: Vec<u8>,
    },
}

impl Message {
    /// The opcode; `None` for an unknown one.
    #[must_use]
    pub const fn opcode(&self) -> Option<VoiceOpcode> {
        Some(match self {
            Self::Identify(_) => VoiceOpcode::Identify,
            Self::SelectProtocol(_) => VoiceOpcode::SelectProtocol,
            Self::Ready(_) => VoiceOpcode::Ready,
            Self::Heartbeat(_) => VoiceOpcode::Heartbeat,
            Self::SessionDescription(_) => VoiceOpcode::SessionDescription,
            Self::Speaking(_) => VoiceOpcode::Speaking,
            Self::HeartbeatAck(_) => VoiceOpcode::HeartbeatAck,
            Self::Resume(_) => VoiceOpcode::Resume,
            Self::Hello(_) => VoiceOpcode::Hello,
            Self::Resumed => VoiceOpcode::Resumed,
            Self::Signal(_) => VoiceOpcode::Signal,
            Self::ClientsConnect(_) => VoiceOpcode::ClientsConnect,
            Self::Video(_) => VoiceOpcode::Video,
            Self::ClientDisconnect(_) => VoiceOpcode::ClientDisconnect,
            Self::SessionUpdate(_) => VoiceOpcode::SessionUpdate,
            Self::MediaSinkWants(_) => VoiceOpcode::MediaSinkWants,
            Self::BackendVersion(_) => VoiceOpcode::BackendVersion,
            Self::ChannelOptionsUpdate(_) => VoiceOpcode::ChannelOptionsUpdate,
            Self::ClientFlags(_) => VoiceOpcode::ClientFlags,
            Self::SpeedTest(_) => VoiceOpcode::SpeedTest,
            Self::ClientPlatform(_) => VoiceOpcode::ClientPlatform,
            Self::DavePrepareTransition(_) => VoiceOpcode::DavePrepareTransition,
            Self::DaveExecuteTransition(_) => VoiceOpcode::DaveExecuteTransition,
            Self::DaveTransitionReady(_) => VoiceOpcode::DaveTransitionReady,
            Self::DavePrepareEpoch(_) => VoiceOpcode::DavePrepareEpoch,
            Self::MlsExternalSender(_) => VoiceOpcode::MlsExternalSender,
            Self::MlsKeyPackage(_) => VoiceOpcode::MlsKeyPackage,
            Self::MlsProposals(_) => VoiceOpcode::MlsProposals,
            Self::MlsCommitWelcome(_) => VoiceOpcode::MlsCommitWelcome,
            Self::MlsAnnounceCommitTransition(_) => VoiceOpcode::MlsAnnounceCommitTransition,
            Self::MlsWelcome(_) => VoiceOpcode::MlsWelcome,
            Self::MlsInvalidCommitWelcome(_) => VoiceOpcode::MlsInvalidCommitWelcome,
            Self::NoRoute(_) => VoiceOpcode::NoRoute,
            Self::Unknown { .. } | Self::UnknownBinary { .. } => return None,
        })
    }

    /// Whether the server numbers and buffers the message from version 8 on.
    #[must_use]
    pub const fn is_numbered(&self) -> bool {
        match self.opcode() {
            Some(opcode) => opcode.is_numbered(),
            None => false,
        }
    }
}

macro_rules! from_payload {
    ($($payload:ident => $variant:ident),+ $(,)?) => {$(
        impl From<$payload> for Message {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload.into())
            }
        }
    )+};
}

from_payload! {
    Identify => Identify,
    SelectProtocol => SelectProtocol,
    Ready => Ready,
    Heartbeat => Heartbeat,
    SessionDescription => SessionDescription,
    Speaking => Speaking,
    HeartbeatAck => HeartbeatAck,
    Resume => Resume,
    Hello => Hello,
    ClientsConnect => ClientsConnect,
    Video => Video,
    ClientDisconnect => ClientDisconnect,
    SessionUpdate => SessionUpdate,
    MediaSinkWants => MediaSinkWants,
    BackendVersion => BackendVersion,
    ClientFlagsUpdate => ClientFlags,
    PlatformUpdate => ClientPlatform,
    DavePrepareTransition => DavePrepareTransition,
    DavePrepareEpoch => DavePrepareEpoch,
}

/// A message as it stood on the wire, with its sequence number.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The message.
    pub message: Message,
    /// From the server, from version 8 on, if the message is numbered.
    pub seq: Option<u16>,
}

/// Whether sequence number `a` is newer than `b`, modulo 2^16.
#[must_use]
pub const fn is_newer(a: u16, b: u16) -> bool {
    matches!(a.wrapping_sub(b), 1..=0x7fff)
}

//! Opcodes of the voice gateway.

use super::VoiceVersion;
use crate::naming::opcode_set;

/// Which way a message may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From client to server.
    ToServer,
    /// From server to client.
    ToClient,
    /// Either way.
    Both,
}

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $label:literal, $direction:ident, $since:ident, $numbered:literal;)+) => {
        opcode_set! {
            /// An opcode of the voice gateway.
            VoiceOpcode { $($(#[$doc])* $name = $number, $label, $direction;)+ }
        }

        impl VoiceOpcode {
            /// The first version that has the message. Several went to old versions too, which ignored them.
            #[must_use]
            pub const fn since(self) -> VoiceVersion {
                match self {
                    $(Self::$name => VoiceVersion::$since,)+
                }
            }

            /// Whether the server numbers and buffers the message from version 8 on.
            #[must_use]
            pub const fn is_numbered(self) -> bool {
                match self {
                    $(Self::$name => $numbered,)+
                }
            }
        }
    };
}

opcodes! {
    /// Says who connects, and with which token.
    Identify = 0, "Identify", ToServer, V1, false;
    /// Chooses transport, encryption mode and codecs.
    SelectProtocol = 1, "Select Protocol", ToServer, V1, false;
    /// Answers Identify: SSRCs, media address, modes.
    Ready = 2, "Ready", ToClient, V1, false;
    /// A sign of life; the server answers at once.
    Heartbeat = 3, "Heartbeat", Both, V1, false;
    /// Answers Select Protocol: mode and key, or the server's SDP fragment.
    SessionDescription = 4, "Session Description", ToClient, V1, false;
    /// Speaking flags, and which SSRC is whose.
    Speaking = 5, "Speaking", Both, V1, true;
    /// Answers Heartbeat.
    HeartbeatAck = 6, "Heartbeat ACK", ToClient, V2, false;
    /// Takes up a session on a new socket.
    Resume = 7, "Resume", ToServer, V3, false;
    /// The first message of every socket.
    Hello = 8, "Hello", ToClient, V1, false;
    /// Answers Resume.
    Resumed = 9, "Resumed", ToClient, V3, false;
    /// Relayed between peers in the peer-to-peer experiment; dead.
    Signal = 10, "Signal", Both, V3, false;
    /// Users that are in the room, or have come.
    ClientsConnect = 11, "Clients Connect", ToClient, V1, true;
    /// The complete video state of a user.
    Video = 12, "Video", Both, V3, true;
    /// A user has left.
    ClientDisconnect = 13, "Client Disconnect", ToClient, V3, true;
    /// Changed codecs.
    SessionUpdate = 14, "Session Update", Both, V3, true;
    /// What a receiver wants; what a sender should send.
    MediaSinkWants = 15, "Media Sink Wants", Both, V5, true;
    /// Asks for, or names, the builds of the server.
    BackendVersion = 16, "Voice Backend Version", Both, V6, false;
    /// Dead.
    ChannelOptionsUpdate = 17, "Channel Options Update", ToClient, V7, false;
    /// What a user allows about clips and recordings.
    ClientFlags = 18, "Client Flags", ToClient, V1, true;
    /// Dead.
    SpeedTest = 19, "Speed Test", ToClient, V1, false;
    /// On what kind of device a user is.
    ClientPlatform = 20, "Client Platform", ToClient, V1, true;
    /// DAVE: get ready to switch protocol version.
    DavePrepareTransition = 21, "DAVE Prepare Transition", ToClient, V1, true;
    /// DAVE: switch now.
    DaveExecuteTransition = 22, "DAVE Execute Transition", ToClient, V1, true;
    /// DAVE: ready to switch.
    DaveTransitionReady = 23, "DAVE Transition Ready", ToServer, V1, false;
    /// DAVE: a new epoch, or a new group.
    DavePrepareEpoch = 24, "DAVE Prepare Epoch", ToClient, V1, true;
    /// DAVE, binary: who may make proposals from outside.
    MlsExternalSender = 25, "MLS External Sender", ToClient, V1, true;
    /// DAVE, binary: the key package of a client.
    MlsKeyPackage = 26, "MLS Key Package", ToServer, V1, false;
    /// DAVE, binary: proposals to append or revoke.
    MlsProposals = 27, "MLS Proposals", ToClient, V1, true;
    /// DAVE, binary: a commit, and a Welcome for those it adds.
    MlsCommitWelcome = 28, "MLS Commit Welcome", ToServer, V1, false;
    /// DAVE, binary: the commit that was chosen.
    MlsAnnounceCommitTransition = 29, "MLS Announce Commit Transition", ToClient, V1, true;
    /// DAVE, binary: the Welcome for a new member.
    MlsWelcome = 30, "MLS Welcome", ToClient, V1, true;
    /// DAVE: could not process a commit or Welcome.
    MlsInvalidCommitWelcome = 31, "MLS Invalid Commit Welcome", ToServer, V1, false;
    /// The client found no way for media.
    NoRoute = 32, "No Route", ToServer, V1, false;
}

impl VoiceOpcode {
    /// Whether the message travels in a binary frame (25–30).
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self.number(), 25..=30)
    }
}

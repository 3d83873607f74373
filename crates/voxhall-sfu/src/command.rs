//! What a node tells its workers.

use std::net::SocketAddr;

use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_transport::TransportKey;

use crate::{ClientSources, MemberId, PayloadTypes, RoomId, Wants, WebRtcTransport};

/// A change of a worker's rooms. Commands are carried out in the order in which they were sent; one that names an
/// unknown member is ignored and counted, because members leave while commands are under way.
#[derive(Debug, Clone)]
pub enum Command {
    /// Ready was sent: from now on discovery for the member's SSRCs is answered. The room comes into being with its
    /// first member and ends with its last.
    AddMember {
        /// A handle that is not in use.
        member: MemberId,
        /// Which room it joins.
        room: RoomId,
        /// The SSRCs that Ready gave it.
        ssrcs: MemberSsrcs,
    },
    /// Op 1 was answered: media can flow. May come again with a new key, mode or codec list; the replay windows and
    /// the nonce counter then start anew, so a *key must never be given twice* without its
    /// [`first_nonce`](UdpTransport::first_nonce).
    Connect {
        /// Who connects.
        member: MemberId,
        /// How its packets are protected.
        transport: Transport,
        /// Its numbers for the codecs it can decode or send.
        payload_types: PayloadTypes,
        /// Whether its session runs DAVE at a version above 0. Frames of such a member that are encrypted end to end
        /// are not forwarded to members without it.
        dave: bool,
    },
    /// Op 5 or op 12: what a WebRTC member calls its streams. A stream of which nothing is said keeps its name.
    SetSources {
        /// Whose streams.
        member: MemberId,
        /// Their names.
        sources: ClientSources,
    },
    /// Op 14 replaced the member's codec list.
    SetPayloadTypes {
        /// Whose list.
        member: MemberId,
        /// The new list.
        payload_types: PayloadTypes,
    },
    /// The member's permissions or its mute and deaf state changed.
    SetPermissions {
        /// Whose permissions.
        member: MemberId,
        /// All of them.
        permissions: MediaPermissions,
    },
    /// Op 12: what the member publishes from now on.
    Publish {
        /// The publisher.
        member: MemberId,
        /// All of its layers; an empty list ends its video.
        video: PublishedVideo,
    },
    /// Op 15 of a receiver: what it wants to get. Replaces the previous wants.
    SetWants {
        /// The receiver.
        member: MemberId,
        /// All of its wants.
        wants: Wants,
    },
    /// The session ended: the member's SSRCs are free again. Packets that are still under way are ignored.
    RemoveMember {
        /// Who left.
        member: MemberId,
    },
}

/// The SSRCs allocated to a member: non-zero, below 2^28, unique on the worker's port (`media-transport.md` §11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSsrcs {
    /// The audio stream.
    pub audio: Ssrc,
    /// The video layers, if the client asked for any in Identify.
    pub streams: Vec<StreamSsrcs>,
}

/// The SSRCs of one video layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSsrcs {
    /// The layer's media.
    pub ssrc: Ssrc,
    /// The layer's retransmissions, `ssrc + 1`.
    pub rtx: Ssrc,
}

/// How a member's media travels.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Transport {
    /// The UDP protocol of native clients and bots.
    Udp(UdpTransport),
    /// ICE, DTLS and SRTP, as browsers speak them.
    WebRtc(Box<WebRtcTransport>),
}

/// The keying of the UDP protocol, as op 4 told it to the client.
#[derive(Debug, Clone)]
pub struct UdpTransport {
    /// How packets are encrypted.
    pub mode: EncryptionMode,
    /// The session's key, for both directions.
    pub key: TransportKey,
    /// What the client believes its address is (op 1). Nothing is ever sent there on its word alone; among several
    /// addresses that asked for discovery it is preferred.
    pub hint: Option<SocketAddr>,
    /// Where the server's nonce counter begins: 0 for a fresh key; for a key that another worker used,
    /// [`MemberPosition::next_nonce`](crate::MemberPosition::next_nonce).
    pub first_nonce: u32,
    /// Where another worker had found the client: media goes there until the client shows otherwise, for who only
    /// listens would never tell. `None` for a fresh key.
    pub known: Option<SocketAddr>,
}

/// What a member may send and hear. The default forbids nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaPermissions {
    /// Its audio is forwarded: not server-muted, not suppressed, has SPEAK.
    pub speak: bool,
    /// Its video is forwarded: has STREAM, owns the stream.
    pub video: bool,
    /// It is sent audio: neither server-deafened nor self-deafened.
    pub hear: bool,
    /// It is sent video, as far as it wants any: not server-deafened.
    pub see: bool,
}

impl Default for MediaPermissions {
    fn default() -> Self {
        Self {
            speak: true,
            video: true,
            hear: true,
            see: true,
        }
    }
}

/// What a member publishes: op 12, reduced to its own layers. The codec of a packet follows from its payload type,
/// so that a change of codec (op 14) needs no word here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedVideo {
    /// The layers it announced. SSRCs that are not its own are ignored.
    pub layers: Vec<PublishedLayer>,
}

/// One simulcast layer of a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedLayer {
    /// The layer's primary SSRC.
    pub ssrc: Ssrc,
    /// Whether packets come. Those of an inactive layer are dropped.
    pub active: bool,
    /// The layer's rank among the layers, 1–100.
    pub quality: u8,
    /// Width times height at most, if the publisher said so (`max_resolution` of type `fixed`).
    pub pixels: Option<u32>,
}

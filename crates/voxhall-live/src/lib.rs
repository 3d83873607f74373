//! The records of live state that control plane and media nodes share through the switchboard.
//!
//! | key | record | written by | watched by |
//! |---|---|---|---|
//! | `node.<node>` | [`NodeRecord`] | the node, with a time to live | control |
//! | `call.<channel>` | [`CallRecord`] | control | control, nodes |
//! | `voice.<user>.<guild or 0>` | [`VoiceRecord`] | control | control |
//! | `stream.<channel>.<owner>` | [`StreamRecord`] | control | control |
//! | `ticket.<node>.<channel>.<user>` | [`TicketRecord`] | control | control, the node |
//! | `presence.<user>.<session>` | [`PresenceRecord`] | control | control |
//! | `link.<node>.<channel>.<user>` | [`LinkRecord`] | the node | control |
//! | `fault.<node>.<channel>.<user>.<kind>` | [`FaultRecord`] | control, for those who test a bot | the node |
//!
//! A bot has one voice state per guild, so its key names the guild; a user account has one in all, so its key ends
//! in `0`. The order of writes is the order of events: a join writes `call`, then `voice`, then `ticket`.
//!
//! A stream (Go Live) is a room of its own beside the call in which it is shown, with a channel id that was made for
//! it. Tickets and links of a stream stand under that id, so a session's voice connection and its stream connections
//! are told apart.

mod fault;
mod stream;

pub use fault::{Bottleneck, FaultKey, FaultKind, FaultRecord, Impairment};
pub use stream::{StreamEnd, StreamRecord, Viewer};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use voxhall_protocol::Token;
use voxhall_protocol::gateway::{Status, StreamKey};
use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, UserId};

/// Names one media node; unique in a deployment, safe in a key (letters, digits, `-`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

/// A media node that takes calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// `host[:port]` of its voice gateway, as clients must dial it.
    pub endpoint: String,
    /// The region it serves.
    pub region: String,
    /// Members on it now; placement prefers the least loaded.
    pub members: u64,
    /// It finishes what it carries and takes nothing new.
    pub draining: bool,
}

/// A call: a room that lives on one node from the first join to the last leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The voice channel or private channel.
    pub channel_id: ChannelId,
    /// The guild; `None` for a private call.
    pub guild_id: Option<GuildId>,
    /// Where it lives.
    pub node: NodeId,
    /// Where clients dial it.
    pub endpoint: String,
    /// The region it was placed in.
    pub region: String,
    /// 32 hex digits; the same for every member.
    pub media_session_id: String,
    /// What a private call adds.
    pub private: Option<PrivateCall>,
}

/// The part of a call that only private calls have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateCall {
    /// The type-3 message that stands for the call.
    pub message_id: MessageId,
    /// Who began it.
    pub caller: UserId,
    /// Everyone who ever joined; grows only, newest first.
    pub participants: Vec<UserId>,
    /// Who is being rung now.
    pub ringing: Vec<UserId>,
    /// Unix milliseconds of its end, written just before the record is deleted.
    pub ended_at_ms: Option<u64>,
}

/// One voice state: who is in which room, with which flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceRecord {
    /// Whose state it is.
    pub user_id: UserId,
    /// The guild of the room; `None` in a private call.
    pub guild_id: Option<GuildId>,
    /// The room; `None` in the last write before the record is deleted.
    pub channel_id: Option<ChannelId>,
    /// The main-Gateway session that owns it.
    pub session_id: String,
    /// Muted by a moderator.
    pub mute: bool,
    /// Deafened by a moderator.
    pub deaf: bool,
    /// Muted by the user.
    pub self_mute: bool,
    /// Deafened by the user.
    pub self_deaf: bool,
    /// Camera on.
    pub self_video: bool,
    /// Shares a screen.
    pub self_stream: bool,
    /// May not speak: no SPEAK permission, or audience of a stage.
    pub suppress: bool,
    /// Flags of op 4 (clips), relayed by the voice gateway's op 18.
    pub flags: u64,
    /// On what kind of device the user is, relayed by the voice gateway's op 20.
    #[serde(default)]
    pub platform: Platform,
    /// ISO 8601 time of a raised hand in a stage.
    pub request_to_speak_timestamp: Option<String>,
    /// Unix milliseconds of the join.
    pub connected_at_ms: u64,
}

/// The right of one user to connect to one room, and what may be done there.
///
/// A ticket with a new `token` replaces the voice connection (VOICE_SERVER_UPDATE follows from that write). A write
/// with the same token only changes what the member may do. Deleting it ends the connection with `ended`'s code, or
/// 4014 where no such write came before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRecord {
    /// Who may connect.
    pub user_id: UserId,
    /// The main-Gateway session it belongs to.
    pub session_id: String,
    /// What Identify must bring: 16 hex digits.
    pub token: Token,
    /// What Identify must name: guild id, private channel id or a stream's id.
    pub server_id: u64,
    /// The room; of a stream the room of its own.
    pub channel_id: ChannelId,
    /// `None` in private calls and for streams.
    pub guild_id: Option<GuildId>,
    /// Which stream it is for; `None` for the call itself.
    #[serde(default)]
    pub stream: Option<StreamKey>,
    /// Where to dial: `host[:port]`.
    pub endpoint: String,
    /// What the member may do.
    pub permissions: MediaPermissions,
    /// Flags of op 4, for op 18.
    pub flags: u64,
    /// The kind of device, for op 20.
    #[serde(default)]
    pub platform: Platform,
    /// Set in the last write before the ticket is deleted: why the connection ends.
    pub ended: Option<TicketEnd>,
}

impl TicketRecord {
    /// Whether its owner may publish at all: of those on a stream only whose it is.
    #[must_use]
    pub fn may_publish(&self) -> bool {
        self.stream.is_none_or(|stream| stream.owner() == self.user_id)
    }
}

/// What a member may do with media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaPermissions {
    /// Audio is forwarded: not muted, not suppressed.
    pub speak: bool,
    /// Video is forwarded.
    pub video: bool,
    /// Receives audio: neither deafened by a moderator nor by itself.
    pub hear: bool,
    /// Receives video: not deafened by a moderator, who takes everything away.
    pub see: bool,
    /// The priority bit of Speaking is passed on.
    pub priority: bool,
}

/// Why a ticket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TicketEnd {
    /// This member left, was moved or disconnected: voice close 4014.
    Disconnected,
    /// The whole room ends or moves: voice close 4022.
    CallTerminated,
    /// A newer ticket of the same member replaces it: voice close 4006.
    Superseded,
}

/// What one main-Gateway session says about its user: how available, and what they are doing. It goes with the session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PresenceRecord {
    /// Whose.
    pub user_id: UserId,
    /// The session.
    pub session_id: String,
    /// As the client said it; `invisible` is a status here.
    pub status: Status,
    /// Unix milliseconds since when idle.
    pub since_ms: Option<u64>,
    /// What they are doing.
    pub activities: Vec<Value>,
    /// Whether away, for notifications.
    pub afk: bool,
    /// What kind of client it is.
    pub platform: Platform,
}

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Platform {
    /// A program for desktops.
    #[default]
    Desktop,
    /// A program for telephones and tablets.
    Mobile,
    /// A browser, or a bot.
    Web,
}

/// What a node knows of one member's voice connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The token it was identified with.
    pub token: Token,
    /// Where the connection stands.
    pub state: LinkState,
    /// How often it was noted that the member speaks; one more says that it speaks now. Written at most every half
    /// minute for each member, however much is said.
    #[serde(default)]
    pub spoke: u64,
}

/// Where a voice connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkState {
    /// A voice socket is open and identified.
    Connected,
    /// The socket is lost; the session waits to be resumed.
    Detached,
    /// The resume window has ended, or the client said goodbye.
    Gone,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the record under {key} cannot be read ({source}); was it written by another version?")]
pub struct Error {
    key: String,
    source: serde_json::Error,
}

/// A record that can stand on the switchboard.
pub trait Record: Serialize + for<'de> Deserialize<'de> {
    /// The stored bytes.
    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("records hold no maps with keys that are not strings")
    }

    /// Reads the stored bytes; `key` is for the error only.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not such a record.
    fn decode(key: &str, bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|source| Error {
            key: key.to_owned(),
            source,
        })
    }
}

impl Record for NodeRecord {}
impl Record for CallRecord {}
impl Record for VoiceRecord {}
impl Record for TicketRecord {}
impl Record for LinkRecord {}
impl Record for PresenceRecord {}

/// The keys of the records.
pub mod key {
    use super::{ChannelId, FaultKey, GuildId, NodeId, UserId};

    /// Key of a node's registration.
    #[must_use]
    pub fn node(node: &NodeId) -> String {
        format!("node.{}", node.0)
    }

    /// Key of a call.
    #[must_use]
    pub fn call(channel: ChannelId) -> String {
        format!("call.{channel}")
    }

    /// Key of a voice state; `guild` is `None` for user accounts, which have one state in all.
    #[must_use]
    pub fn voice(user: UserId, guild: Option<GuildId>) -> String {
        match guild {
            Some(guild) => format!("voice.{user}.{guild}"),
            None => format!("voice.{user}.0"),
        }
    }

    /// Key of a stream, by the room in which it is shown.
    #[must_use]
    pub fn stream(channel: ChannelId, owner: UserId) -> String {
        format!("stream.{channel}.{owner}")
    }

    /// Key of a ticket.
    #[must_use]
    pub fn ticket(node: &NodeId, channel: ChannelId, user: UserId) -> String {
        format!("ticket.{}.{channel}.{user}", node.0)
    }

    /// Prefix of all tickets of a node.
    #[must_use]
    pub fn tickets_of(node: &NodeId) -> String {
        format!("ticket.{}.", node.0)
    }

    /// Key of a session's presence.
    #[must_use]
    pub fn presence(user: UserId, session: &str) -> String {
        format!("presence.{user}.{session}")
    }

    /// Key of a link.
    #[must_use]
    pub fn link(node: &NodeId, channel: ChannelId, user: UserId) -> String {
        format!("link.{}.{channel}.{user}", node.0)
    }

    /// Key of a fault.
    #[must_use]
    pub fn fault(node: &NodeId, fault: FaultKey) -> String {
        let FaultKey { channel, user, kind } = fault;
        format!("{}{channel}.{user}.{}", faults_of(node), kind.name())
    }

    /// Prefix of all faults of a node.
    #[must_use]
    pub fn faults_of(node: &NodeId) -> String {
        format!("fault.{}.", node.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hide_their_tokens_from_logs_but_not_from_each_other() {
        let record = LinkRecord {
            token: "273acb23b05ad3bc".into(),
            state: LinkState::Connected,
            spoke: 3,
        };
        assert!(!format!("{record:?}").contains("273a"));
        let stored = record.encode();
        assert_eq!(
            stored,
            br#"{"token":"273acb23b05ad3bc","state":"Connected","spoke":3}"#
        );
        assert_eq!(LinkRecord::decode("link.n.1.2", &stored).unwrap(), record);
    }
}

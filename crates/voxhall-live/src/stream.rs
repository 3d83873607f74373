//! The record of a stream (Go Live).

use serde::{Deserialize, Serialize};
use voxhall_protocol::gateway::StreamKey;
use voxhall_protocol::ids::{ChannelId, GuildId, ServerId, UserId};

use crate::{NodeId, Record};

/// A stream: somebody in a room shows something, and others in that room watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRecord {
    /// The room in which it is shown.
    pub channel_id: ChannelId,
    /// The guild of that room; `None` in a private call.
    pub guild_id: Option<GuildId>,
    /// Who shows it.
    pub owner: UserId,
    /// The main-Gateway session with which the owner is in the room.
    pub session_id: String,
    /// What Identify calls `server_id`.
    pub rtc_server_id: ServerId,
    /// The room of its own, which Identify calls `channel_id`.
    pub rtc_channel_id: ChannelId,
    /// Where it lives.
    pub node: NodeId,
    /// Where clients dial it.
    pub endpoint: String,
    /// The region it was placed in.
    pub region: String,
    /// Who watches, in the order in which they came.
    pub viewers: Vec<Viewer>,
    /// Its owner sends nothing for now.
    pub paused: bool,
    /// Set in the last write before the record is deleted: why it ends.
    pub ended: Option<StreamEnd>,
}

/// Somebody who watches a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// Who.
    pub user_id: UserId,
    /// The main-Gateway session with which the viewer is in the room.
    pub session_id: String,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamEnd {
    /// Its owner wants it.
    Requested,
    /// Its owner is not in the room any more, or not with that session.
    OwnerLeft,
    /// Its owner may not stream there any more.
    Forbidden,
}

impl StreamRecord {
    /// How clients name it.
    #[must_use]
    pub fn key(&self) -> StreamKey {
        StreamKey::new(self.guild_id, self.channel_id, self.owner)
    }

    /// The sessions that take part: the owner's first.
    pub fn sessions(&self) -> impl Iterator<Item = &str> {
        let viewers = self.viewers.iter().map(|viewer| viewer.session_id.as_str());
        std::iter::once(self.session_id.as_str()).chain(viewers)
    }

    /// The accounts that take part: the owner first.
    pub fn people(&self) -> impl Iterator<Item = UserId> {
        let viewers = self.viewers.iter().map(|viewer| viewer.user_id);
        std::iter::once(self.owner).chain(viewers)
    }
}

impl Record for StreamRecord {}

//! The members of a benchmark: numbers from which both processes derive the same ids and tokens.

use voxhall_live::{CallRecord, MediaPermissions, NodeId, Platform, TicketRecord};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, GuildId, ServerId, UserId};

/// One member of one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Which room, from 0.
    pub room: u32,
    /// Which member of the room, from 0.
    pub index: u32,
}

impl Member {
    /// All members of `rooms` rooms with `size` members each, room by room.
    pub fn all(rooms: u32, size: u32) -> impl Iterator<Item = Self> {
        (0..rooms).flat_map(move |room| (0..size).map(move |index| Self { room, index }))
    }

    /// The user's id.
    pub fn user(self) -> UserId {
        UserId(((u64::from(self.room) + 1) << 32) | (u64::from(self.index) + 1))
    }

    /// The room's channel.
    pub fn channel(self) -> ChannelId {
        ChannelId(u64::from(self.room) + 1)
    }

    /// What Identify names as the server: a guild with the channel's number.
    pub fn server(self) -> ServerId {
        ServerId(self.channel().0)
    }

    /// The main-Gateway session the member would have.
    pub fn session_id(self) -> String {
        format!("{:032x}", self.user().0)
    }

    /// The token of its ticket.
    pub fn token(self) -> Token {
        Token::new(format!("{:016x}", self.user().0))
    }

    /// The ticket that lets it in.
    pub fn ticket(self, endpoint: &str) -> TicketRecord {
        TicketRecord {
            user_id: self.user(),
            session_id: self.session_id(),
            token: self.token(),
            server_id: self.server().0,
            channel_id: self.channel(),
            guild_id: Some(GuildId(self.server().0)),
            stream: None,
            endpoint: endpoint.to_owned(),
            permissions: MediaPermissions {
                speak: true,
                video: true,
                hear: true,
                see: true,
                priority: false,
            },
            flags: 0,
            platform: Platform::Desktop,
            ended: None,
        }
    }

    /// The call of its room.
    pub fn call(self, node: &NodeId, endpoint: &str) -> CallRecord {
        CallRecord {
            channel_id: self.channel(),
            guild_id: Some(GuildId(self.server().0)),
            node: node.clone(),
            endpoint: endpoint.to_owned(),
            region: "bench".to_owned(),
            media_session_id: self.session_id(),
            private: None,
        }
    }
}

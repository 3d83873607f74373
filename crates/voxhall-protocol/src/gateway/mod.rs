//! The main Gateway: [`ClientMessage`] is what clients say, [`ServerMessage`] what the server says, and [`Event`]
//! what happens.

mod client;
mod close;
mod command;
mod describe;
mod envelope;
mod event;
mod flags;
mod guild_payload;
mod interaction_payload;
mod member_list;
mod message_payload;
mod opcode;
mod payload;
mod presence;
mod server;
mod stream_key;
mod token;

pub use client::ClientMessage;
pub use close::{GatewayCloseAction, GatewayCloseCode};
pub use command::{
    CallConnect, GuildSubscriptions, GuildSubscriptionsBulk, Identify, OneOrMany, PresenceUpdate,
    QosHeartbeat, RequestChannels, RequestGuildMembers, RequestSoundboardSounds, Resume, StreamCreate,
    StreamRef, StreamScope, StreamSetPaused, Subscription, VoiceStateUpdate,
};
pub use envelope::{DecodeError, MAX_CLIENT_MESSAGE};
pub use event::{EncodedEvent, Event};
pub use flags::{Capabilities, Intents};
pub use guild_payload::{GuildBan, GuildRole, GuildRoleDelete};
pub use interaction_payload::{
    AutocompleteResponse, InteractionCreate, InteractionModal, InteractionOutcome,
};
pub use member_list::{ListedMember, MemberListGroup, MemberListItem, MemberListOp, MemberListUpdate};
pub use message_payload::{MessageDelete, MessageDeleteBulk, TypingStart};
pub use opcode::{GatewayOpcode, Need};
pub use payload::{
    CallCreate, CallDelete, CallUpdate, ChannelNote, ChannelNotes, ChannelRecipient, GuildMember,
    GuildMemberRemove, GuildMembersChunk, MergedPresences, MessageAck, RateLimited, ReadySupplemental,
    SoundboardSounds, StreamCreated, StreamDelete, StreamDeleteReason, StreamServerUpdate, StreamUpdate,
    SupplementalGuild, VoiceChannelEffect, VoiceServerUpdate,
};
pub use presence::{ClientStatus, Presence, Status};
pub use server::{Hello, ServerMessage};
pub use stream_key::{ParseStreamKeyError, StreamKey, StreamName};
pub use token::TokenKind;

//! Events: the payloads of op 0, by name.

use serde_json::Value;

use super::DecodeError;
use super::envelope::json;
use super::guild_payload::{GuildBan, GuildRole, GuildRoleDelete};
use super::interaction_payload::{
    AutocompleteResponse, InteractionCreate, InteractionModal, InteractionOutcome,
};
use super::member_list::MemberListUpdate;
use super::message_payload::{MessageDelete, MessageDeleteBulk, TypingStart};
use super::payload::{
    CallCreate, CallDelete, CallUpdate, ChannelNote, ChannelNotes, ChannelRecipient, GuildMember,
    GuildMemberRemove, GuildMembersChunk, MessageAck, RateLimited, ReadySupplemental, SoundboardSounds,
    StreamCreated, StreamDelete, StreamServerUpdate, StreamUpdate, VoiceChannelEffect, VoiceServerUpdate,
};
use super::presence::Presence;
use crate::Extra;
use crate::model::{
    Channel, Guild, GuildProfile, Message, PartialMessage, ReadyPayload, StageInstance, UnavailableGuild,
    User, VoiceState, VoiceStateDraft,
};
use crate::rest::{InviteCreated, InviteDeleted};

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) = $name:literal;)+) => {
        /// An event of the main Gateway.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event {
            $($(#[$doc])* $variant($payload),)+
            /// VOICE_STATE_UPDATE in the form of the first public draft.
            VoiceStateDraft(VoiceStateDraft),
            /// An event this crate has no type for.
            Unknown {
                /// Its name.
                name: String,
                /// Its payload.
                data: Value,
            },
        }

        impl Event {
            /// The name, `t` of the envelope.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)+
                    Self::VoiceStateDraft(_) => VOICE_STATE_UPDATE,
                    Self::Unknown { name, .. } => name,
                }
            }

            /// Reads the payload of the event called `name`.
            ///
            /// # Errors
            ///
            /// [`DecodeError::Event`] if a known event is malformed.
            pub fn decode(name: &str, data: &str) -> Result<Self, DecodeError> {
                let malformed = |source| DecodeError::Event { name: name.to_owned(), source };
                match name {
                    $($name => match serde_json::from_str(data) {
                        Ok(payload) => Ok(Self::$variant(payload)),
                        Err(source) => Self::in_other_form(name, data).ok_or_else(|| malformed(source)),
                    },)+
                    other => Ok(Self::Unknown {
                        name: other.to_owned(),
                        data: serde_json::from_str(data).map_err(malformed)?,
                    }),
                }
            }

            /// Writes the payload.
            #[must_use]
            pub fn to_data(&self) -> String {
                match self {
                    $(Self::$variant(payload) => json(payload),)+
                    Self::VoiceStateDraft(payload) => json(payload),
                    Self::Unknown { data, .. } => json(data),
                }
            }
        }
    };
}

const VOICE_STATE_UPDATE: &str = "VOICE_STATE_UPDATE";

events! {
    /// A session has begun.
    Ready(Box<ReadyPayload>) = "READY";
    /// The rest of READY for user accounts.
    ReadySupplemental(Box<ReadySupplemental>) = "READY_SUPPLEMENTAL";
    /// A session was taken up and everything missed has been sent.
    Resumed(Extra) = "RESUMED";
    /// A guild with all that is in it.
    GuildCreate(Box<Guild>) = "GUILD_CREATE";
    /// A guild is called or set otherwise.
    GuildUpdate(Box<GuildProfile>) = "GUILD_UPDATE";
    /// A guild is gone.
    GuildDelete(UnavailableGuild) = "GUILD_DELETE";
    /// Members asked for.
    GuildMembersChunk(Box<GuildMembersChunk>) = "GUILD_MEMBERS_CHUNK";
    /// A new member.
    GuildMemberAdd(Box<GuildMember>) = "GUILD_MEMBER_ADD";
    /// A changed member.
    GuildMemberUpdate(Box<GuildMember>) = "GUILD_MEMBER_UPDATE";
    /// A member has gone.
    GuildMemberRemove(Box<GuildMemberRemove>) = "GUILD_MEMBER_REMOVE";
    /// A new role.
    GuildRoleCreate(Box<GuildRole>) = "GUILD_ROLE_CREATE";
    /// A changed role.
    GuildRoleUpdate(Box<GuildRole>) = "GUILD_ROLE_UPDATE";
    /// A role is gone.
    GuildRoleDelete(GuildRoleDelete) = "GUILD_ROLE_DELETE";
    /// Somebody was banned.
    GuildBanAdd(Box<GuildBan>) = "GUILD_BAN_ADD";
    /// Somebody is no longer banned.
    GuildBanRemove(Box<GuildBan>) = "GUILD_BAN_REMOVE";
    /// Rows of a member list.
    GuildMemberListUpdate(Box<MemberListUpdate>) = "GUILD_MEMBER_LIST_UPDATE";
    /// A new invite.
    InviteCreate(Box<InviteCreated>) = "INVITE_CREATE";
    /// An invite is gone.
    InviteDelete(InviteDeleted) = "INVITE_DELETE";
    /// A new channel.
    ChannelCreate(Box<Channel>) = "CHANNEL_CREATE";
    /// A changed channel.
    ChannelUpdate(Box<Channel>) = "CHANNEL_UPDATE";
    /// A channel is gone.
    ChannelDelete(Box<Channel>) = "CHANNEL_DELETE";
    /// Somebody came into a group.
    ChannelRecipientAdd(Box<ChannelRecipient>) = "CHANNEL_RECIPIENT_ADD";
    /// Somebody went from a group.
    ChannelRecipientRemove(Box<ChannelRecipient>) = "CHANNEL_RECIPIENT_REMOVE";
    /// Status lines of voice channels.
    ChannelStatuses(ChannelNotes) = "CHANNEL_STATUSES";
    /// Status lines and start times of voice channels.
    ChannelInfo(ChannelNotes) = "CHANNEL_INFO";
    /// Somebody joined, moved, left, or changed flags.
    VoiceStateUpdate(Box<VoiceState>) = "VOICE_STATE_UPDATE";
    /// Where to connect for voice.
    VoiceServerUpdate(VoiceServerUpdate) = "VOICE_SERVER_UPDATE";
    /// A changed status line.
    VoiceChannelStatusUpdate(ChannelNote) = "VOICE_CHANNEL_STATUS_UPDATE";
    /// The first came, or the last left.
    VoiceChannelStartTimeUpdate(ChannelNote) = "VOICE_CHANNEL_START_TIME_UPDATE";
    /// An animation or a sound.
    VoiceChannelEffectSend(VoiceChannelEffect) = "VOICE_CHANNEL_EFFECT_SEND";
    /// A stage is live.
    StageInstanceCreate(StageInstance) = "STAGE_INSTANCE_CREATE";
    /// A live stage has another topic.
    StageInstanceUpdate(StageInstance) = "STAGE_INSTANCE_UPDATE";
    /// A stage is not live any more.
    StageInstanceDelete(StageInstance) = "STAGE_INSTANCE_DELETE";
    /// A new message.
    MessageCreate(Box<Message>) = "MESSAGE_CREATE";
    /// A changed message.
    MessageUpdate(Box<PartialMessage>) = "MESSAGE_UPDATE";
    /// A message is gone.
    MessageDelete(MessageDelete) = "MESSAGE_DELETE";
    /// Several messages are gone.
    MessageDeleteBulk(MessageDeleteBulk) = "MESSAGE_DELETE_BULK";
    /// Somebody is writing.
    TypingStart(Box<TypingStart>) = "TYPING_START";
    /// Somebody used a command, a button, a menu or a form: to the application, whole; to that account, that it begins.
    InteractionCreate(Box<InteractionCreate>) = "INTERACTION_CREATE";
    /// The application has answered.
    InteractionSuccess(InteractionOutcome) = "INTERACTION_SUCCESS";
    /// The application has not answered in time.
    InteractionFailure(InteractionOutcome) = "INTERACTION_FAILURE";
    /// The application answers with a form.
    InteractionModalCreate(InteractionModal) = "INTERACTION_MODAL_CREATE";
    /// The application offers values for an option.
    AutocompleteResponse(AutocompleteResponse) = "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE";
    /// A read marker of the own account.
    MessageAck(MessageAck) = "MESSAGE_ACK";
    /// A call has begun.
    CallCreate(CallCreate) = "CALL_CREATE";
    /// A call has changed.
    CallUpdate(CallUpdate) = "CALL_UPDATE";
    /// A call is over.
    CallDelete(CallDelete) = "CALL_DELETE";
    /// A stream begins, or can be watched.
    StreamCreate(StreamCreated) = "STREAM_CREATE";
    /// Where to connect for a stream.
    StreamServerUpdate(StreamServerUpdate) = "STREAM_SERVER_UPDATE";
    /// A stream has changed.
    StreamUpdate(StreamUpdate) = "STREAM_UPDATE";
    /// A stream is over.
    StreamDelete(StreamDelete) = "STREAM_DELETE";
    /// Sounds of a guild.
    SoundboardSounds(SoundboardSounds) = "SOUNDBOARD_SOUNDS";
    /// An op came too often.
    RateLimited(RateLimited) = "RATE_LIMITED";
    /// The own account has changed.
    UserUpdate(Box<User>) = "USER_UPDATE";
    /// A presence.
    PresenceUpdate(Presence) = "PRESENCE_UPDATE";
}

impl Event {
    fn in_other_form(name: &str, data: &str) -> Option<Self> {
        match name {
            VOICE_STATE_UPDATE => {
                let draft: VoiceStateDraft = serde_json::from_str(data).ok()?;
                // The draft has no further fields; with them it is a malformed voice state.
                draft.extra.is_empty().then_some(Self::VoiceStateDraft(draft))
            }
            _ => None,
        }
    }

    /// Writes the payload once, to be sent to many sessions.
    #[must_use]
    pub fn encode(&self) -> EncodedEvent {
        let name = self.name().to_owned();
        let tail = format!("\"t\":{},\"op\":0,\"d\":{}}}", json(&name), self.to_data());
        EncodedEvent { name, tail }
    }
}

/// An event whose payload is written already; only the sequence number differs between sessions, so it stands first
/// and everything behind it can be shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    name: String,
    tail: String,
}

impl EncodedEvent {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The beginning of the message, which alone differs between sessions. White space may follow it.
    #[must_use]
    pub fn head(seq: u64) -> String {
        format!("{{\"s\":{seq},")
    }

    /// The rest of the message, the same for all sessions.
    #[must_use]
    pub fn tail(&self) -> &str {
        &self.tail
    }

    /// The whole message for a session whose dispatches have come to `seq`.
    #[must_use]
    pub fn with_seq(&self, seq: u64) -> String {
        Self::head(seq) + &self.tail
    }
}

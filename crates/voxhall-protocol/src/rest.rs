//! The bodies of the REST requests that voice and calls need (gateway protocol, sections 6.4 and 9).

mod accounts;
mod commands;
mod guilds;
mod invites;
mod members;
mod messages;
mod streams;

pub use commands::{
    ApplicationCommandIndex, CallbackInteraction, CallbackResource, CreateInteraction, InteractionCallback,
    InteractionCallbackKind, InteractionResponse, PutCommand, SentForm, UsedCommand, UsedComponent,
};
pub use messages::{AllowedMentions, BulkDelete, CreateMessage, EditMessage};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use accounts::{LoggedIn, Login, LoginSettings, OwnGuild, PatchUser, PatchedUser, Register, Registered};
pub use guilds::{Ban, BulkBan, BulkBanned, ChannelDraft, ChannelPosition, GuildDraft, PutBan, PutOverwrite};
pub use invites::{
    AcceptInvite, CreateInvite, Invite, InviteChannel, InviteCreated, InviteDeleted, InviteGuild, InviteKind,
    InviteMetadata,
};
pub use members::{PatchMember, RoleDraft, RolePosition};
pub use streams::{PatchStream, PutStreamPreview, StreamPreview};

use crate::ids::{ApplicationId, ChannelId, UserId};
use crate::model::{Timestamp, User};
use crate::naming::open_numbers;
use crate::{Extra, Nullable, scalar};

/// The one content type all clients take; a charset behind it makes some treat the body as text.
pub const CONTENT_TYPE: &str = "application/json";

open_numbers! {
    /// What went wrong, in an [`ApiError`].
    ApiErrorCode: u32 {
        /// See the message and the HTTP status.
        General = 0 => "general error",
        /// No such channel, or not to be seen.
        UnknownChannel = 10003 => "unknown channel",
        /// No such guild, or not to be seen.
        UnknownGuild = 10004 => "unknown guild",
        /// Not a member of the guild.
        UnknownMember = 10007 => "unknown member",
        /// The channel has no such overwrite.
        UnknownOverwrite = 10009 => "unknown permission overwrite",
        /// Not banned.
        UnknownBan = 10026 => "unknown ban",
        /// No such invite, or no longer good.
        UnknownInvite = 10006 => "unknown invite",
        /// No such message.
        UnknownMessage = 10008 => "unknown message",
        /// No such role.
        UnknownRole = 10011 => "unknown role",
        /// No such token.
        UnknownToken = 10012 => "unknown token",
        /// No such user.
        UnknownUser = 10013 => "unknown user",
        /// The user is in no room.
        UnknownVoiceState = 10065 => "unknown voice state",
        /// The stage is not live.
        UnknownStageInstance = 10067 => "unknown stage instance",
        /// No such application.
        UnknownApplication = 10002 => "unknown application",
        /// Nobody can answer by this token.
        UnknownWebhook = 10015 => "unknown webhook",
        /// No such interaction, or its time is over.
        UnknownInteraction = 10062 => "unknown interaction",
        /// No such command.
        UnknownCommand = 10063 => "unknown application command",
        /// Not for bots.
        BotsNotAllowed = 20001 => "bots cannot use this endpoint",
        /// For bots alone.
        OnlyBots = 20002 => "only bots can use this endpoint",
        /// The channel lets an account write only now and then.
        SlowMode = 20016 => "this action cannot be performed due to slowmode rate limit",
        /// Too many requests on this resource.
        RateLimited = 20028 => "rate limited",
        /// In as many guilds as one account may be.
        TooManyGuilds = 30001 => "maximum number of guilds reached",
        /// As many roles as a guild may have.
        TooManyRoles = 30005 => "maximum number of guild roles reached",
        /// As many channels as a guild may have.
        TooManyChannels = 30013 => "maximum number of guild channels reached",
        /// The guild has as many invites as it may.
        TooManyInvites = 30016 => "maximum number of invites reached",
        /// Switched off on this server.
        FeatureDisabled = 40006 => "this feature has been temporarily disabled server-side",
        /// Banned from this guild.
        BannedFromGuild = 40007 => "the user is banned from this guild",
        /// The target is in no room.
        NotConnectedToVoice = 40032 => "target user is not connected to voice",
        /// A group holds no more people.
        TooManyRecipients = 30007 => "maximum number of recipients reached",
        /// An application holds no more commands.
        TooManyCommands = 30032 => "maximum number of application commands reached",
        /// The interaction has its answer.
        AlreadyAcknowledged = 40060 => "interaction has already been acknowledged",
        /// Not to be seen.
        MissingAccess = 50001 => "missing access",
        /// Not possible in a private channel.
        NotInPrivateChannel = 50003 => "cannot execute action on a DM channel",
        /// Somebody else wrote it.
        NotTheAuthor = 50005 => "cannot edit a message authored by another user",
        /// There is nothing in it.
        EmptyMessage = 50006 => "cannot send an empty message",
        /// Nobody can write to this account.
        CannotMessageUser = 50007 => "cannot send messages to this user",
        /// Nothing is written in such a channel.
        NotATextChannel = 50008 => "cannot send messages in a non-text channel",
        /// Between two and a hundred at once.
        BulkDeleteCount = 50016 => "provided too few or too many messages to delete",
        /// Nobody wrote it.
        SystemMessage = 50021 => "cannot execute action on a system message",
        /// The token's time is over.
        InvalidWebhookToken = 50027 => "invalid webhook token provided",
        /// Not somebody of the group.
        InvalidRecipient = 50033 => "invalid recipient(s)",
        /// More than two weeks old.
        TooOldToDelete = 50034 => "a message provided was too old to bulk delete",
        /// Not possible in this kind of channel.
        WrongChannelKind = 50024 => "cannot execute action on this channel type",
        /// Not permitted.
        MissingPermissions = 50013 => "missing permissions",
        /// A role that cannot be dealt with like this: everybody's own, or one that an application owns.
        InvalidRole = 50028 => "invalid role",
        /// The body has wrong fields; `errors` says which.
        InvalidFormBody = 50035 => "invalid form body",
        /// The address names a version of the API that is not served.
        InvalidApiVersion = 50041 => "invalid API version",
        /// Owners cannot leave, they delete or hand over.
        InvalidGuild = 50055 => "invalid guild",
        /// The body is not JSON.
        InvalidJson = 50109 => "the request body contains invalid JSON",
        /// Muted, deafened or suppressed, so no effects.
        CannotSendEffects = 50167 => "cannot send voice effects while muted, deafened or suppressed",
        /// Live already.
        StageAlreadyOpen = 150_006 => "the stage is already open",
        /// Nobody of those who were named could be banned.
        CannotBanUsers = 500_000 => "failed to ban users",
    }
}

/// The body of every answer with an error status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApiError {
    /// For people.
    pub message: String,
    /// For programs.
    pub code: ApiErrorCode,
    /// Which fields, for [`ApiErrorCode::InvalidFormBody`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ApiError {
    /// An error with a message for people.
    #[must_use]
    pub fn new(code: ApiErrorCode, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code,
            errors: None,
            extra: Extra::new(),
        }
    }
}

/// The body of an answer 429.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RateLimited {
    /// For people.
    pub message: String,
    /// Seconds.
    pub retry_after: f64,
    /// Whether it holds for all requests.
    #[serde(default)]
    pub global: bool,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /gateway`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GatewayUrl {
    /// `ws://` or `wss://`, host and port.
    pub url: String,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How many sessions a bot may still begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionStartLimit {
    /// Per day.
    pub total: u32,
    /// Left.
    pub remaining: u32,
    /// Milliseconds until they are all there again.
    pub reset_after: u64,
    /// How many at once, in five seconds.
    pub max_concurrency: u32,
}

/// `GET /gateway/bot`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GatewayBot {
    /// `ws://` or `wss://`, host and port.
    pub url: String,
    /// How many shards would be good.
    pub shards: u32,
    /// How many sessions may still begin.
    pub session_start_limit: SessionStartLimit,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /oauth2/applications/@me`, with all that client libraries ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Application {
    /// Which.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// Hash of the picture.
    #[serde(default)]
    pub icon: Option<String>,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// Whether anybody may add it.
    #[serde(default)]
    pub bot_public: bool,
    /// Whether adding it needs the long way.
    #[serde(default)]
    pub bot_require_code_grant: bool,
    /// Whose it is.
    #[serde(default)]
    pub owner: Option<User>,
    /// The team it belongs to.
    #[serde(default)]
    pub team: Option<Value>,
    /// Hex; proves interactions over HTTP.
    #[serde(default)]
    pub verify_key: String,
    /// Marks.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub flags: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /channels/{c}/call`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ringable {
    /// Whether the other side may be rung.
    pub ringable: bool,
}

/// `PATCH /channels/{c}/call`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchCall {
    /// Where its voice server should stand.
    #[serde(default)]
    pub region: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /channels/{c}/call/ring`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RingRequest {
    /// Whom to ring; null or absent rings all others.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub recipients: Nullable<Vec<UserId>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /channels/{c}/call/stop-ringing`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StopRinging {
    /// Whom to ring no more; null or absent is oneself: declining.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub recipients: Nullable<Vec<UserId>>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `PATCH /guilds/{g}/voice-states/@me` and `/{user}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchVoiceState {
    /// The stage.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub channel_id: Nullable<ChannelId>,
    /// Whether listener or speaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress: Option<bool>,
    /// Raises the hand; null takes it down.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub request_to_speak_timestamp: Nullable<Timestamp>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /users/@me/channels`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateDm {
    /// With whom, in the form of user accounts; two and more make a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<UserId>>,
    /// With whom, in the form of bots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_id: Option<UserId>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl CreateDm {
    /// With whom, in either form.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        self.recipients
            .clone()
            .unwrap_or_else(|| self.recipient_id.into_iter().collect())
    }
}

/// `POST /channels/{c}/messages/{m}/ack`, and its answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AckMessage {
    /// Null.
    #[serde(default)]
    pub token: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `PUT /channels/{c}/voice-status`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VoiceStatus {
    /// The status line; null takes it away.
    #[serde(default)]
    pub status: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

//! Guilds and roles.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Channel, Member, Permissions, StageInstance, Timestamp, VoiceState};
use crate::ids::{ApplicationId, ChannelId, GuildId, RoleId, UserId};
use crate::{Extra, Nullable, scalar};

/// The colours of a role, as 24-bit RGB.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoleColors {
    /// The first, or the only one.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub primary_color: u32,
    /// The second of a gradient.
    #[serde(default)]
    pub secondary_color: Option<u32>,
    /// The third of a gradient.
    #[serde(default)]
    pub tertiary_color: Option<u32>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Role {
    /// Which; that of @everyone is the guild's.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// 24-bit RGB.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub color: u32,
    /// The same, with gradients.
    #[serde(default)]
    pub colors: RoleColors,
    /// Whether its members stand apart in the list.
    #[serde(default)]
    pub hoist: bool,
    /// Hash of the picture.
    #[serde(default)]
    pub icon: Option<String>,
    /// A character as picture.
    #[serde(default)]
    pub unicode_emoji: Option<String>,
    /// Place in the order.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub position: i32,
    /// What it grants.
    pub permissions: Permissions,
    /// Whether an integration owns it.
    #[serde(default)]
    pub managed: bool,
    /// Whether it may be notified.
    #[serde(default)]
    pub mentionable: bool,
    /// Marks.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub flags: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Role {
    /// A role that grants `permissions`.
    #[must_use]
    pub fn new(id: RoleId, name: impl Into<String>, permissions: Permissions) -> Self {
        Self {
            id,
            name: name.into(),
            color: 0,
            colors: RoleColors::default(),
            hoist: false,
            icon: None,
            unicode_emoji: None,
            position: 0,
            permissions,
            managed: false,
            mentionable: false,
            flags: 0,
            extra: Extra::new(),
        }
    }

    /// The role every member has.
    #[must_use]
    pub fn everyone(guild: GuildId, permissions: Permissions) -> Self {
        Self::new(RoleId(guild.0), "@everyone", permissions)
    }
}

/// A guild that is not there: a stub in READY, or the payload of GUILD_DELETE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnavailableGuild {
    /// Which.
    pub id: GuildId,
    /// True: it will come (back). Absent in GUILD_DELETE: the user is no member any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl UnavailableGuild {
    /// The stub in a bot's READY.
    #[must_use]
    pub fn stub(id: GuildId) -> Self {
        Self {
            id,
            unavailable: Some(true),
            extra: Extra::new(),
        }
    }
}

/// A guild in READY: whole for user accounts, a stub for bots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ReadyGuild {
    /// Whole.
    Whole(Box<Guild>),
    /// A stub; GUILD_CREATE follows. The split layout of user accounts lands here too.
    Unavailable(UnavailableGuild),
}

impl ReadyGuild {
    /// Which.
    #[must_use]
    pub fn id(&self) -> GuildId {
        match self {
            Self::Whole(guild) => guild.id,
            Self::Unavailable(guild) => guild.id,
        }
    }
}

/// A guild with all that is in it; the payload of GUILD_CREATE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Guild {
    /// Which.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Hash of the picture.
    #[serde(default)]
    pub icon: Option<String>,
    /// Hash of the invitation's background.
    #[serde(default)]
    pub splash: Option<String>,
    /// Hash of the background where guilds are listed.
    #[serde(default)]
    pub discovery_splash: Option<String>,
    /// Who owns it.
    pub owner_id: UserId,
    /// Has no meaning any more; `deprecated`.
    #[serde(default)]
    pub region: Option<String>,
    /// Where idle members are moved.
    #[serde(default)]
    pub afk_channel_id: Option<ChannelId>,
    /// Seconds until they are.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub afk_timeout: u32,
    /// 0–4.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub verification_level: u8,
    /// 0 all messages, 1 mentions.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub default_message_notifications: u8,
    /// 0–2.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub explicit_content_filter: u8,
    /// Whether moderators need a second factor, 0 or 1.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub mfa_level: u8,
    /// 0–3.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub nsfw_level: u8,
    /// Names of features.
    #[serde(default)]
    pub features: Vec<String>,
    /// Own emoji.
    #[serde(default)]
    pub emojis: Vec<Value>,
    /// Own stickers.
    #[serde(default)]
    pub stickers: Vec<Value>,
    /// The application that made it.
    #[serde(default)]
    pub application_id: Option<ApplicationId>,
    /// Where notices are written.
    #[serde(default)]
    pub system_channel_id: Option<ChannelId>,
    /// Which notices are not written.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub system_channel_flags: u64,
    /// Where the rules stand.
    #[serde(default)]
    pub rules_channel_id: Option<ChannelId>,
    /// Where moderators get notices.
    #[serde(default)]
    pub public_updates_channel_id: Option<ChannelId>,
    /// Where moderators get warnings.
    #[serde(default)]
    pub safety_alerts_channel_id: Option<ChannelId>,
    /// A chosen invitation code.
    #[serde(default)]
    pub vanity_url_code: Option<String>,
    /// What it is about.
    #[serde(default)]
    pub description: Option<String>,
    /// Hash of the banner.
    #[serde(default)]
    pub banner: Option<String>,
    /// 0–3.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub premium_tier: u8,
    /// How many support it.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub premium_subscription_count: Option<u32>,
    /// Whether that is shown.
    #[serde(default)]
    pub premium_progress_bar_enabled: bool,
    /// Language, such as `en-US`.
    #[serde(default)]
    pub preferred_locale: String,
    /// How many members it may have.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub max_members: Option<u64>,
    /// How many presences it may have; null is no limit.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub max_presences: Option<u64>,
    /// How many may have the camera on in one channel.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub max_video_channel_users: Option<u32>,
    /// The same for stages.
    #[serde(default, deserialize_with = "scalar::optional_whole")]
    pub max_stage_video_channel_users: Option<u32>,
    /// Since when the receiver is a member.
    #[serde(default)]
    pub joined_at: Option<Timestamp>,
    /// Whether `members` is not the whole list.
    #[serde(default)]
    pub large: bool,
    /// Whether it is not there.
    #[serde(default)]
    pub unavailable: bool,
    /// How many members it has.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub member_count: u64,
    /// All roles, @everyone among them.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// At least the receiver and everyone in a room.
    #[serde(default)]
    pub members: Vec<Member>,
    /// The channels the receiver sees.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// Threads.
    #[serde(default)]
    pub threads: Vec<Value>,
    /// Presences.
    #[serde(default)]
    pub presences: Vec<Value>,
    /// Who is in a room; without `guild_id` and `member`.
    #[serde(default)]
    pub voice_states: Vec<VoiceState>,
    /// Stages that are live.
    #[serde(default)]
    pub stage_instances: Vec<StageInstance>,
    /// Events to come.
    #[serde(default)]
    pub guild_scheduled_events: Vec<Value>,
    /// Sounds.
    #[serde(default)]
    pub soundboard_sounds: Vec<Value>,
    /// The user-account layout's other half; absent in the plain layout.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub properties: Nullable<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Guild {
    /// A guild with nobody and nothing in it, but every field strict clients ask for. Add the @everyone role.
    #[must_use]
    pub fn new(id: GuildId, name: impl Into<String>, owner_id: UserId, joined_at: Timestamp) -> Self {
        Self {
            id,
            name: name.into(),
            icon: None,
            splash: None,
            discovery_splash: None,
            owner_id,
            region: Some("deprecated".to_owned()),
            afk_channel_id: None,
            afk_timeout: 300,
            verification_level: 0,
            default_message_notifications: 0,
            explicit_content_filter: 0,
            mfa_level: 0,
            nsfw_level: 0,
            features: Vec::new(),
            emojis: Vec::new(),
            stickers: Vec::new(),
            application_id: None,
            system_channel_id: None,
            system_channel_flags: 0,
            rules_channel_id: None,
            public_updates_channel_id: None,
            safety_alerts_channel_id: None,
            vanity_url_code: None,
            description: None,
            banner: None,
            premium_tier: 0,
            premium_subscription_count: Some(0),
            premium_progress_bar_enabled: false,
            preferred_locale: "en-US".to_owned(),
            max_members: Some(500_000),
            max_presences: None,
            max_video_channel_users: Some(25),
            max_stage_video_channel_users: Some(50),
            joined_at: Some(joined_at),
            large: false,
            unavailable: false,
            member_count: 0,
            roles: Vec::new(),
            members: Vec::new(),
            channels: Vec::new(),
            threads: Vec::new(),
            presences: Vec::new(),
            voice_states: Vec::new(),
            stage_instances: Vec::new(),
            guild_scheduled_events: Vec::new(),
            soundboard_sounds: Vec::new(),
            properties: Nullable::Absent,
            extra: Extra::new(),
        }
    }
}

/// A guild without what is in it: the payload of GUILD_UPDATE and of answers about the guild itself.
///
/// Clients replace what they know by the lists that a guild object holds, so here those must not stand.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct GuildProfile(pub Guild);

/// The fields of a guild object that only GUILD_CREATE has.
const CONTENTS: [&str; 13] = [
    "joined_at",
    "large",
    "unavailable",
    "member_count",
    "members",
    "channels",
    "threads",
    "presences",
    "voice_states",
    "stage_instances",
    "guild_scheduled_events",
    "soundboard_sounds",
    "properties",
];

impl Serialize for GuildProfile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serde_json::to_value(&self.0).map_err(serde::ser::Error::custom)?;
        if let Some(fields) = whole.as_object_mut() {
            fields.retain(|name, _| !CONTENTS.contains(&name.as_str()));
        }
        whole.serialize(serializer)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for GuildProfile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GuildProfile".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = Guild::json_schema(generator);
        let is_content = |name: &str| CONTENTS.contains(&name);
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.retain(|name, _| !is_content(name));
        }
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|name| !name.as_str().is_some_and(is_content));
        }
        schema
    }
}

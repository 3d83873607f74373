//! The payload of READY.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Channel, ReadyGuild, User};
use crate::gateway::Capabilities;
use crate::ids::ApplicationId;
use crate::{Extra, scalar};

/// The application behind a bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartialApplication {
    /// Which.
    pub id: ApplicationId,
    /// Marks.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub flags: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

fn empty_object() -> Value {
    json!({})
}

/// What a session begins with (gateway protocol, sections 3.2 and 3.4).
///
/// The many further fields of user accounts go into `extra`; [`ReadyPayload::add_account_fields`] puts them there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadyPayload {
    /// The Gateway version spoken.
    #[serde(deserialize_with = "scalar::whole")]
    pub v: u8,
    /// The own account.
    pub user: User,
    /// Guilds: stubs for bots, whole for user accounts.
    #[serde(default)]
    pub guilds: Vec<ReadyGuild>,
    /// Names the session; repeated in voice states.
    pub session_id: String,
    /// Where to resume: the outside name of the server, with its port.
    #[serde(default)]
    pub resume_gateway_url: String,
    /// For bots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<PartialApplication>,
    /// Number and count of shards, as in Identify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<[u32; 2]>,
    /// `normal`.
    #[serde(default)]
    pub session_type: String,
    /// Private channels and groups; none for bots.
    #[serde(default)]
    pub private_channels: Vec<Channel>,
    /// Nothing.
    #[serde(default = "empty_object")]
    pub user_settings: Value,
    /// Friends and blocked users.
    #[serde(default)]
    pub relationships: Vec<Value>,
    /// Presences of friends.
    #[serde(default)]
    pub presences: Vec<Value>,
    /// Region names, nearest first.
    #[serde(default)]
    pub geo_ordered_rtc_regions: Vec<String>,
    /// Nothing.
    #[serde(default = "empty_object")]
    pub auth: Value,
    /// Names of servers passed.
    #[serde(default, rename = "_trace")]
    pub trace: Vec<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ReadyPayload {
    /// A READY with no guilds and no private channels.
    #[must_use]
    pub fn new(
        v: u8,
        user: User,
        session_id: impl Into<String>,
        resume_gateway_url: impl Into<String>,
    ) -> Self {
        Self {
            v,
            user,
            guilds: Vec::new(),
            session_id: session_id.into(),
            resume_gateway_url: resume_gateway_url.into(),
            application: None,
            shard: None,
            session_type: "normal".to_owned(),
            private_channels: Vec::new(),
            user_settings: empty_object(),
            relationships: Vec::new(),
            presences: Vec::new(),
            geo_ordered_rtc_regions: Vec::new(),
            auth: empty_object(),
            trace: Vec::new(),
            extra: Extra::new(),
        }
    }

    /// Adds the fields user accounts get (section 3.4), in the form that their client's `capabilities` ask for;
    /// `static_client_session_id` is a UUID.
    pub fn add_account_fields(
        &mut self,
        static_client_session_id: &str,
        users: &[User],
        capabilities: Capabilities,
    ) {
        let list = |versioned| {
            if capabilities.contains(versioned) {
                json!({"entries": [], "partial": false, "version": 0})
            } else {
                json!([])
            }
        };
        if !capabilities.contains(Capabilities::LAZY_USER_NOTES) {
            self.extra.insert("notes", json!({}));
        }
        let fields = [
            ("read_state", list(Capabilities::VERSIONED_READ_STATES)),
            (
                "user_guild_settings",
                list(Capabilities::VERSIONED_USER_GUILD_SETTINGS),
            ),
            ("merged_members", json!([])),
            ("users", json!(users)),
            ("sessions", json!([])),
            ("user_settings_proto", json!("")),
            ("static_client_session_id", json!(static_client_session_id)),
            ("analytics_token", json!("")),
            ("connected_accounts", json!([])),
            ("consents", json!({})),
            ("country_code", json!("ZZ")),
            ("experiments", json!([])),
            ("guild_experiments", json!([])),
            ("auth_session_id_hash", json!("")),
            ("api_code_version", json!(1)),
        ];
        for (name, value) in fields {
            self.extra.insert(name, value);
        }
    }
}

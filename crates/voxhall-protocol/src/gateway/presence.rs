//! Presences: what PRESENCE_UPDATE says, and what stands wherever presences are listed.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{GuildId, UserId};
use crate::naming::open_texts;
use crate::{Extra, scalar};

open_texts! {
    /// How available somebody is.
    Status {
        /// There.
        Online => "online",
        /// There, but away from the keyboard.
        Idle => "idle",
        /// There, but not to be disturbed.
        Dnd => "dnd",
        /// There, but shown to others as offline. Only clients say it.
        Invisible => "invisible",
        /// Not there.
        Offline => "offline",
    }
}

impl Status {
    /// Whether others see somebody of this status as being there.
    #[must_use]
    pub const fn is_visible(&self) -> bool {
        !matches!(self, Self::Invisible | Self::Offline)
    }
}

/// On which kinds of client somebody is, and with which status; absent for those on which nobody is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClientStatus {
    /// Programs for desktops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desktop: Option<Status>,
    /// Programs for telephones and tablets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Status>,
    /// Browsers, and bots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Status>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How available somebody is, and what they are doing. As an event it is PRESENCE_UPDATE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// Whose; often only the id is there.
    pub user: Value,
    /// Where; absent for friends, and where it follows from the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// How available.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<Status>,
    /// What they are doing.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub activities: Option<Vec<Value>>,
    /// On which kinds of client.
    #[serde(
        default,
        deserialize_with = "scalar::if_it_fits",
        skip_serializing_if = "Option::is_none"
    )]
    pub client_status: Option<ClientStatus>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Presence {
    /// The presence of somebody by id.
    #[must_use]
    pub fn new(user: UserId, status: Status, activities: Vec<Value>, client_status: ClientStatus) -> Self {
        Self {
            user: json!({"id": user}),
            guild_id: None,
            status: Some(status),
            activities: Some(activities),
            client_status: Some(client_status),
            extra: Extra::new(),
        }
    }
}

//! Signing up, signing in and out, and the own account.

use serde::{Deserialize, Serialize};

use crate::ids::{GuildId, UserId};
use crate::model::{Permissions, User};
use crate::{Extra, Nullable, Password, Token, scalar};

/// `POST /auth/register`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Register {
    /// The unique name.
    pub username: String,
    /// The name shown, if another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_name: Option<String>,
    /// Where mail goes; another name to sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What to sign in with from now on.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub password: Password,
    /// The code of an invite: a guild's, or one to sign up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
    /// Whether the terms of the service are agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<bool>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The answer to [`Register`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Registered {
    /// Logs in from now on.
    pub token: Token,
    /// The new account.
    pub user_id: UserId,
    /// Whether the address must be verified first.
    #[serde(default)]
    pub show_verification_form: bool,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `POST /auth/login`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Login {
    /// The name or the mail address; older clients call it `email`.
    #[serde(alias = "email")]
    pub login: String,
    /// The password.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub password: Password,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The answer to [`Login`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedIn {
    /// Whose account it is.
    pub user_id: UserId,
    /// Logs in from now on.
    pub token: Token,
    /// How the client is set up.
    pub user_settings: LoginSettings,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The settings that a client wants before its first session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginSettings {
    /// The language.
    pub locale: String,
    /// The colours.
    pub theme: String,
}

impl Default for LoginSettings {
    fn default() -> Self {
        Self {
            locale: "en-US".to_owned(),
            theme: "dark".to_owned(),
        }
    }
}

/// `PATCH /users/@me`. What is absent stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchUser {
    /// The unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The name shown; null for the unique one.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub global_name: Nullable<String>,
    /// The picture as a data URI; null takes it away.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub avatar: Nullable<String>,
    /// Where mail goes.
    #[serde(default, skip_serializing_if = "Nullable::is_absent")]
    pub email: Nullable<String>,
    /// The password of now; needed for changes of name, address and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub password: Option<Password>,
    /// The password from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub new_password: Option<Password>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The answer to [`PatchUser`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchedUser {
    /// The account.
    #[serde(flatten)]
    pub user: User,
    /// The token from now on, where the password was changed: all others are revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// A guild in `GET /users/@me/guilds`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnGuild {
    /// Which.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Hash of the picture.
    #[serde(default)]
    pub icon: Option<String>,
    /// Hash of the banner.
    #[serde(default)]
    pub banner: Option<String>,
    /// Whether the caller owns it.
    #[serde(default)]
    pub owner: bool,
    /// What the caller may do in it.
    pub permissions: Permissions,
    /// What it can.
    #[serde(default)]
    pub features: Vec<String>,
    /// Members, where asked for.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub approximate_member_count: Option<u64>,
    /// Members who are online, where asked for.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub approximate_presence_count: Option<u64>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

//! The bodies of requests about streams (gateway protocol, section 9.3).

use serde::{Deserialize, Serialize};

use crate::Extra;

/// `POST /streams/{key}/preview`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutStreamPreview {
    /// The picture, as `data:image/jpeg;base64,…` or `data:image/png;base64,…`.
    pub thumbnail: String,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `GET /streams/{key}/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamPreview {
    /// Where the picture is.
    pub url: String,
}

/// `PATCH /streams/{key}/stream`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PatchStream {
    /// Where its voice server should stand; null is anywhere.
    #[serde(default)]
    pub region: Option<String>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

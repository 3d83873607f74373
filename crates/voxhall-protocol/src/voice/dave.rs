//! The shapes of the DAVE messages (voice-gateway protocol, sections 6.21–6.31). The MLS inside stays opaque here.

use serde::{Deserialize, Serialize};

use crate::{Extra, scalar};

/// Op 21: get ready to switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DavePrepareTransition {
    /// The version to switch to; 0 is no end-to-end encryption.
    #[serde(deserialize_with = "scalar::whole")]
    pub protocol_version: u16,
    /// Names the transition; 0 executes at once.
    #[serde(deserialize_with = "scalar::whole")]
    pub transition_id: u16,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Ops 22, 23 and 31: a transition, by its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaveTransition {
    /// Names the transition.
    #[serde(deserialize_with = "scalar::whole")]
    pub transition_id: u16,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

impl DaveTransition {
    /// The transition with this number.
    #[must_use]
    pub fn new(transition_id: u16) -> Self {
        Self {
            transition_id,
            extra: Extra::new(),
        }
    }
}

/// Op 24: a new epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DavePrepareEpoch {
    /// The version of the epoch.
    #[serde(deserialize_with = "scalar::whole")]
    pub protocol_version: u16,
    /// The epoch; 1 is a new group, for which the client sends a new key package.
    #[serde(deserialize_with = "scalar::whole")]
    pub epoch: u64,
    /// Sometimes there.
    #[serde(
        default,
        deserialize_with = "scalar::optional_whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub transition_id: Option<u16>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Ops 29 and 30: MLS bytes that belong to a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MlsTransition {
    /// Names the transition.
    pub transition_id: u16,
    /// A commit (op 29) or a Welcome (op 30).
    pub message: Vec<u8>,
}

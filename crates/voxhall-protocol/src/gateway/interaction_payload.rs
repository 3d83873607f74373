//! What becomes of interactions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Extra;
use crate::ids::{ChannelId, InteractionId};
use crate::model::{CommandChoice, Interaction};

/// INTERACTION_CREATE: what an application gets, or what tells an account that its own interaction begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InteractionCreate {
    /// To the application.
    Whole(Box<Interaction>),
    /// To the account.
    Begun(InteractionOutcome),
}

/// INTERACTION_SUCCESS and INTERACTION_FAILURE, for the account that began it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InteractionOutcome {
    /// Which.
    pub id: InteractionId,
    /// What the client called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// INTERACTION_MODAL_CREATE: a form to fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InteractionModal {
    /// Of which interaction; also names the form when it is sent.
    pub id: InteractionId,
    /// Where.
    pub channel_id: ChannelId,
    /// What the client called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Value>,
    /// What the application calls it.
    pub custom_id: String,
    /// What stands above it.
    pub title: String,
    /// Its fields.
    pub components: Vec<Value>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE: values for the option that is being typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutocompleteResponse {
    /// What the client called the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Value>,
    /// The values.
    pub choices: Vec<CommandChoice>,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

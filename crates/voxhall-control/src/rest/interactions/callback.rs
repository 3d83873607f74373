//! The first answer of an application to an interaction. The token in the address is all it needs.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use voxhall_protocol::gateway::{AutocompleteResponse, Event, InteractionModal};
use voxhall_protocol::ids::InteractionId;
use voxhall_protocol::model::{CommandChoice, InteractionKind, Message, MessageFlags};
use voxhall_protocol::rest::{
    ApiErrorCode, CallbackInteraction, CallbackResource, CreateMessage, EditMessage, InteractionCallback,
    InteractionCallbackKind as Kind, InteractionResponse,
};
use voxhall_protocol::{Extra, Token};

use super::super::commands::check_choice;
use super::super::form::{Fault, Form};
use super::super::messages::edited;
use super::super::reply::{Answer, Asked, Body, Failure, Named, Perhaps, read_field};
use super::super::route::{Routes, post};
use super::super::switch::Switch;
use super::{answer, form};
use crate::clock;
use crate::control::Core;
use crate::directory::StoredMessage;
use crate::interactions::{FirstAnswer, Refusal, Running};

/// The most values that are offered for an option.
const MOST_CHOICES: usize = 25;

pub(super) fn api() -> Routes {
    Routes::new("interactions").route(
        "/interactions/{interaction}/{token}/callback",
        post(callback, "Answers an interaction, for the first time"),
    )
}

/// What the application wants to hear.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct Wanted {
    /// Whether it is told what came of the answer.
    with_response: Option<Switch>,
}

/// A checked answer.
#[derive(Debug)]
enum Plan {
    /// A message, or one that is still being written.
    Message(StoredMessage),
    /// The message of the component is left as it is for now.
    LaterUpdate,
    /// The changed message of the component.
    Update(StoredMessage),
    Choices(Vec<CommandChoice>),
    Form(Value),
}

async fn callback(
    State(core): State<Arc<Core>>,
    Named((id, token)): Named<(InteractionId, Token)>,
    Asked(wanted): Asked<Wanted>,
    Body(response): Body<InteractionResponse>,
) -> Answer<Perhaps<InteractionCallback>> {
    let running = core
        .interactions
        .desk()
        .waiting(id, &token, clock::now())
        .cloned()
        .map_err(refused)?;
    let kind = response.kind;
    let plan = plan(&core, &running, response).await?;
    let acknowledged = core.interactions.desk().acknowledge(id, &token, clock::now());
    acknowledged.map_err(refused)?;
    core.interactions.changed.notify_one();
    let message = carry_out(&core, &running, plan).await?;
    let told = wanted.with_response.is_some_and(Switch::is_on);
    Ok(Perhaps(told.then(|| report(&running, kind, message))))
}

fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Unknown => Failure::unknown(ApiErrorCode::UnknownInteraction),
        Refusal::Acknowledged => Failure::bad_request(ApiErrorCode::AlreadyAcknowledged),
    }
}

/// Whether an interaction can be answered like this.
fn fits(running: &Running, kind: Kind) -> bool {
    match kind {
        Kind::Message | Kind::DeferredMessage => running.kind != InteractionKind::Autocomplete,
        Kind::DeferredUpdate | Kind::UpdateMessage => running.source.is_some(),
        Kind::Autocomplete => running.kind == InteractionKind::Autocomplete,
        Kind::Modal => matches!(
            running.kind,
            InteractionKind::ApplicationCommand | InteractionKind::MessageComponent
        ),
        Kind::Pong | Kind::Other(_) => false,
    }
}

async fn plan(core: &Core, running: &Running, response: InteractionResponse) -> Answer<Plan> {
    if !fits(running, response.kind) {
        return Err(Failure::invalid_field(
            "type",
            "this interaction cannot be answered like this",
        ));
    }
    let data = response.data.unwrap_or_else(|| Value::Object(Default::default()));
    match response.kind {
        Kind::Message => {
            let request: CreateMessage = read_field("data", &data)?;
            Ok(Plan::Message(
                answer::composed(core, running, None, request).await?,
            ))
        }
        Kind::DeferredMessage => {
            let request: CreateMessage = read_field("data", &data)?;
            let flags = request.flags.unwrap_or_default();
            let mut message = answer::blank(core, running, None, flags).await?;
            message.details.flags |= MessageFlags::LOADING;
            Ok(Plan::Message(message))
        }
        Kind::DeferredUpdate => Ok(Plan::LaterUpdate),
        Kind::UpdateMessage => {
            let request: EditMessage = read_field("data", &data)?;
            let source = match running.source {
                Some(id) => core.message_for(running.user, running.channel, id).await?,
                None => None,
            };
            let source = source.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownMessage))?;
            Ok(Plan::Update(edited(core, source, request)?))
        }
        Kind::Autocomplete => choices(running, &data).map(Plan::Choices),
        Kind::Modal => {
            let mut checked = Form::default();
            form::check(&mut checked, &data);
            checked.finish()?;
            Ok(Plan::Form(data))
        }
        Kind::Pong | Kind::Other(_) => Err(Failure::invalid_field("type", "nobody has asked")),
    }
}

fn choices(running: &Running, data: &Value) -> Answer<Vec<CommandChoice>> {
    let choices: Vec<CommandChoice> = read_field("data.choices", &data["choices"])?;
    let mut form = Form::default();
    if choices.len() > MOST_CHOICES {
        form.fault("data.choices", &Fault::Length(0..=MOST_CHOICES));
    }
    if let Some(kind) = running.completes {
        for (index, choice) in choices.iter().enumerate() {
            check_choice(&mut form, &format!("data.choices.{index}"), choice, kind);
        }
    }
    form.finish()?;
    Ok(choices)
}

/// Does what was planned, and tells the account. Gives the message that came of it.
async fn carry_out(core: &Core, running: &Running, plan: Plan) -> Answer<Option<Message>> {
    let mut first = FirstAnswer::default();
    let mut shown = None;
    match plan {
        Plan::Message(message) => {
            first.deferred = message.details.flags.contains(MessageFlags::LOADING);
            let message = core.post_answer(running, message).await?;
            first.original = Some(message.id);
            shown = Some(message);
        }
        Plan::LaterUpdate => first.original = running.source,
        Plan::Update(message) => {
            first.original = running.source;
            shown = Some(core.put_back(running, message).await?);
        }
        Plan::Choices(choices) => {
            let offered = AutocompleteResponse {
                nonce: running.nonce.clone(),
                choices,
                extra: Extra::new(),
            };
            core.tell_invoker(running, &Event::AutocompleteResponse(offered));
            return Ok(None);
        }
        Plan::Form(form) => first.form = Some(form),
    }
    let form = first.form.clone();
    core.interactions.desk().note_first(running.id, first);
    if let Some(form) = form {
        core.tell_invoker(running, &Event::InteractionModalCreate(modal(running, &form)));
    }
    core.tell_success(running);
    Ok(shown)
}

fn modal(running: &Running, form: &Value) -> InteractionModal {
    let text = |name: &str| form[name].as_str().unwrap_or_default().to_owned();
    let mut extra = Extra::new();
    extra.insert("application_id", running.application.to_string());
    InteractionModal {
        id: running.id,
        channel_id: running.channel,
        nonce: running.nonce.clone(),
        custom_id: text("custom_id"),
        title: text("title"),
        components: form["components"].as_array().cloned().unwrap_or_default(),
        extra,
    }
}

fn report(running: &Running, kind: Kind, message: Option<Message>) -> InteractionCallback {
    let has = |flag: MessageFlags| message.as_ref().map(|message| message.flags.contains(flag));
    InteractionCallback {
        interaction: CallbackInteraction {
            id: running.id,
            kind: running.kind,
            response_message_id: message.as_ref().map(|message| message.id),
            response_message_loading: has(MessageFlags::LOADING),
            response_message_ephemeral: has(MessageFlags::EPHEMERAL),
        },
        resource: Some(CallbackResource {
            kind,
            message: message.map(Box::new),
        }),
    }
}

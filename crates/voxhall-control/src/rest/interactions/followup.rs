//! What an application does with its answers, and those that follow the first, while the token is good.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use voxhall_protocol::ids::{ApplicationId, MessageId};
use voxhall_protocol::model::Message;
use voxhall_protocol::rest::{ApiErrorCode, CreateMessage, EditMessage};
use voxhall_protocol::{Nullable, Token};

use super::super::messages::edited;
use super::super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::super::route::{Routes, get, post};
use super::answer;
use crate::clock;
use crate::control::Core;
use crate::directory::StoredMessage;
use crate::interactions::{FirstAnswer, Running};

/// The name of the first answer's message.
const ORIGINAL: &str = "@original";

pub(super) fn api() -> Routes {
    Routes::new("interactions")
        .route(
            "/webhooks/{webhook}/{token}",
            post(
                follow,
                "Writes a message after the first answer to an interaction",
            ),
        )
        .route(
            "/webhooks/{webhook}/{token}/messages/{message}",
            get(
                single,
                "Gives an answer to an interaction; `@original` is the first",
            )
            .patch(edit, "Edits an answer to an interaction")
            .delete(delete, "Deletes an answer to an interaction"),
        )
}

/// The interaction that a token answers, which was answered before.
fn answered(core: &Core, application: ApplicationId, token: &Token) -> Answer<(Running, FirstAnswer)> {
    let desk = core.interactions.desk();
    let found = desk.find(token, clock::now());
    let (running, first) =
        found.ok_or_else(|| Failure::new(StatusCode::UNAUTHORIZED, ApiErrorCode::InvalidWebhookToken))?;
    match first {
        Some(first) if running.application == application => Ok((running.clone(), first.clone())),
        _ => Err(Failure::unknown(ApiErrorCode::UnknownWebhook)),
    }
}

/// A message that the token made.
async fn made(core: &Core, running: &Running, first: &FirstAnswer, named: &str) -> Answer<StoredMessage> {
    let unknown = || Failure::unknown(ApiErrorCode::UnknownMessage);
    let id = match named {
        ORIGINAL => first.original.ok_or_else(unknown)?,
        id => id
            .parse::<MessageId>()
            .map_err(|_| Failure::invalid_field("message_id", "give an id, or @original"))?,
    };
    if !core.interactions.desk().made(running.id, id) {
        return Err(unknown());
    }
    let message = core.message_for(running.user, running.channel, id).await?;
    message.ok_or_else(unknown)
}

async fn follow(
    State(core): State<Arc<Core>>,
    Named((application, token)): Named<(ApplicationId, Token)>,
    Body(request): Body<CreateMessage>,
) -> Answer<Json<Message>> {
    let (running, first) = answered(&core, application, &token)?;
    if first.deferred {
        // What comes first after "thinking" is what was thought of.
        let thinking = made(&core, &running, &first, ORIGINAL).await?;
        return rewrite(&core, &running, thinking, as_edit(request))
            .await
            .map(Json);
    }
    let message = answer::composed(&core, &running, first.original, request).await?;
    let shown = core.post_answer(&running, message).await?;
    core.interactions.desk().note_message(running.id, shown.id);
    Ok(Json(shown))
}

/// A request for a message as one that fills a message which is there.
fn as_edit(request: CreateMessage) -> EditMessage {
    EditMessage {
        content: Nullable::from(request.content),
        embeds: Nullable::from(request.embeds),
        components: Nullable::from(request.components),
        allowed_mentions: request.allowed_mentions,
        flags: request.flags,
        attachments: request.attachments,
        extra: request.extra,
    }
}

async fn rewrite(
    core: &Core,
    running: &Running,
    before: StoredMessage,
    request: EditMessage,
) -> Answer<Message> {
    let id = before.id;
    let shown = core.put_back(running, edited(core, before, request)?).await?;
    core.interactions.desk().note_written(running.id, id);
    Ok(shown)
}

async fn single(
    State(core): State<Arc<Core>>,
    Named((application, token, named)): Named<(ApplicationId, Token, String)>,
) -> Answer<Json<Message>> {
    let (running, first) = answered(&core, application, &token)?;
    let message = made(&core, &running, &first, &named).await?;
    Ok(Json(core.shown(&message).await?))
}

async fn edit(
    State(core): State<Arc<Core>>,
    Named((application, token, named)): Named<(ApplicationId, Token, String)>,
    Body(request): Body<EditMessage>,
) -> Answer<Json<Message>> {
    let (running, first) = answered(&core, application, &token)?;
    let message = made(&core, &running, &first, &named).await?;
    rewrite(&core, &running, message, request).await.map(Json)
}

async fn delete(
    State(core): State<Arc<Core>>,
    Named((application, token, named)): Named<(ApplicationId, Token, String)>,
) -> Answer<Done> {
    let (running, first) = answered(&core, application, &token)?;
    let message = made(&core, &running, &first, &named).await?;
    core.take_back(&running, &message).await?;
    core.interactions.desk().note_written(running.id, message.id);
    Ok(Done)
}

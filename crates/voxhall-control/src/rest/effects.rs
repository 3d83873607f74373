//! Animations and sounds for the people in a room (gateway-and-calls, sections 8 and 9.3).

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, Value};
use voxhall_protocol::gateway::{Event, VoiceChannelEffect};
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Caller;
use super::reply::{Answer, Body, Done, Failure, Named};
use super::route::{Routes, post};
use super::shape::{EMOJI, Field, Shape};
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::Home;
use crate::gateway::outgoing::Outgoing;

/// What an effect consists of; everything else that a client sends is left out.
static EFFECT: Shape = Shape::Object(&[
    Field::new("emoji", Shape::Object(EMOJI)),
    Field::new("animation_type", Shape::Number(u8::MAX as u64)),
    Field::new("animation_id", Shape::Number(u32::MAX as u64)),
]);

/// What a sound consists of.
static SOUND: Shape = Shape::Object(&[
    Field::required("sound_id", Shape::Id),
    Field::new("sound_volume", Shape::Share),
]);

pub(super) fn api() -> Routes {
    Routes::new("voice")
        .route(
            "/channels/{channel}/voice-channel-effects",
            post(effect, "Shows an animation to the people in a room"),
        )
        .route(
            "/channels/{channel}/send-soundboard-sound",
            post(sound, "Plays a sound to the people in a room"),
        )
}

async fn effect(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Body(body): Body<Map<String, Value>>,
) -> Answer<Done> {
    send(&core, &caller, channel, body, &EFFECT)
}

async fn sound(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Body(body): Body<Map<String, Value>>,
) -> Answer<Done> {
    send(&core, &caller, channel, body, &SOUND)
}

fn send(
    core: &Core,
    caller: &Caller,
    channel_id: ChannelId,
    body: Map<String, Value>,
    shape: &Shape,
) -> Answer<Done> {
    let mut body = Value::Object(body);
    shape.check("", &body)?;
    shape.strip(&mut body);
    let world = core.directory.read();
    let Home::Guild(guild_id) = caller.sees(&world, channel_id)? else {
        return Err(Failure::bad_request(ApiErrorCode::WrongChannelKind));
    };
    let view = core.calls.view();
    let own = view.room(channel_id).find(|record| record.user_id == caller.id());
    let own = own.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))?;
    if own.mute || own.deaf || own.suppress || own.self_deaf {
        return Err(Failure::bad_request(ApiErrorCode::CannotSendEffects));
    }
    let kept = match body {
        Value::Object(kept) => kept,
        _ => Map::new(),
    };
    let event = Event::VoiceChannelEffectSend(VoiceChannelEffect {
        channel_id,
        guild_id,
        user_id: caller.id(),
        extra: kept.into_iter().collect(),
    });
    for record in view.room(channel_id) {
        let audience = Audience::Session(record.session_id.clone());
        core.hub
            .deliver(&world, Dispatch::now(audience, Outgoing::to_all(&event)));
    }
    Ok(Done)
}

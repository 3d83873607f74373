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
use crate::calls::reaction::{Audience, Dispatch};
use crate::control::Core;
use crate::directory::Home;
use crate::gateway::outgoing::Outgoing;

/// What an effect consists of; everything else that a client sends is left out.
const EFFECT_FIELDS: [&str; 3] = ["emoji", "animation_type", "animation_id"];

/// What a sound consists of.
const SOUND_FIELDS: [&str; 2] = ["sound_id", "sound_volume"];

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
    send(&core, &caller, channel, body, &EFFECT_FIELDS)
}

async fn sound(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(channel): Named<ChannelId>,
    Body(body): Body<Map<String, Value>>,
) -> Answer<Done> {
    if !body
        .get("sound_id")
        .is_some_and(|id| id.is_string() || id.is_u64())
    {
        return Err(Failure::invalid_field("sound_id", "name the sound"));
    }
    send(&core, &caller, channel, body, &SOUND_FIELDS)
}

fn send(
    core: &Core,
    caller: &Caller,
    channel_id: ChannelId,
    body: Map<String, Value>,
    fields: &[&str],
) -> Answer<Done> {
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
    let kept = body
        .into_iter()
        .filter(|(name, _)| fields.contains(&name.as_str()));
    let event = Event::VoiceChannelEffectSend(VoiceChannelEffect {
        channel_id,
        guild_id,
        user_id: caller.id(),
        extra: kept.collect(),
    });
    for record in view.room(channel_id) {
        let audience = Audience::Session(record.session_id.clone());
        core.hub
            .deliver(&world, Dispatch::now(audience, Outgoing::to_all(&event)));
    }
    Ok(Done)
}

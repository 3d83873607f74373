//! Ringing and the region of private calls (gateway-and-calls, section 6.4).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::rest::{ApiErrorCode, PatchCall, RingRequest, Ringable, StopRinging};

use super::caller::Caller;
use super::reply::{Answer, Body, Done, Failure, Json, Named};
use super::route::{Routes, get, post};
use crate::calls::moderation::Rung;
use crate::control::Core;
use crate::directory::{Home, PrivateChannel};

pub(super) fn api() -> Routes {
    Routes::new("calls")
        .route(
            "/channels/{channel}/call",
            get(ringable, "Says whether the others can be rung")
                .patch(change_region, "Moves a running call to another region"),
        )
        .route(
            "/channels/{channel}/call/ring",
            post(ring, "Rings people of a running call"),
        )
        .route(
            "/channels/{channel}/call/stop-ringing",
            post(stop_ringing, "Stops ringing people, or declines"),
        )
}

/// The private channel, if the caller is one of its people.
fn private(core: &Core, caller: &Caller, channel: ChannelId) -> Answer<PrivateChannel> {
    caller.person()?;
    let world = core.directory.read();
    match caller.sees(&world, channel)? {
        Home::Private => {
            let channel = world.private(channel).cloned();
            channel.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownChannel))
        }
        Home::Guild(_) => Err(Failure::bad_request(ApiErrorCode::WrongChannelKind)),
    }
}

/// The same where a call must be running.
fn running(core: &Core, caller: &Caller, channel: ChannelId) -> Answer<PrivateChannel> {
    let private = private(core, caller, channel)?;
    match core.calls.view().call(channel) {
        Some(_) => Ok(private),
        None => {
            let failure = Failure::with_message(StatusCode::NOT_FOUND, ApiErrorCode::General, "Unknown Call");
            Err(failure)
        }
    }
}

fn all_recipients(channel: &PrivateChannel, users: &[UserId]) -> Answer<()> {
    if users.iter().all(|user| channel.recipients.contains(user)) {
        Ok(())
    } else {
        Err(Failure::invalid_field(
            "recipients",
            "name people of this channel",
        ))
    }
}

async fn ringable(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
) -> Answer<Json<Ringable>> {
    private(&core, &caller, id)?;
    // There are neither friends nor blocks here: whoever shares a private channel may ring.
    Ok(Json(Ringable { ringable: true }))
}

async fn change_region(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
    Body(request): Body<PatchCall>,
) -> Answer<Done> {
    running(&core, &caller, id)?;
    let region = request.region.as_deref();
    if region.is_some_and(|region| core.config.regions.iter().all(|known| known.id != region)) {
        return Err(Failure::invalid_field("region", "there is no such region"));
    }
    core.calls.act(|facts| facts.change_region(id, region)).await?;
    Ok(Done)
}

async fn ring(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
    Body(request): Body<RingRequest>,
) -> Answer<Done> {
    let channel = running(&core, &caller, id)?;
    let rung = match request.recipients.into_value() {
        Some(users) => {
            all_recipients(&channel, &users)?;
            Rung::Only(users)
        }
        None => Rung::AllOthersThan(caller.id()),
    };
    core.calls
        .act(|facts| facts.ring(facts.view.call(id)?, &rung))
        .await?;
    Ok(Done)
}

async fn stop_ringing(
    State(core): State<Arc<Core>>,
    caller: Caller,
    Named(id): Named<ChannelId>,
    Body(request): Body<StopRinging>,
) -> Answer<Done> {
    let channel = running(&core, &caller, id)?;
    let users = request
        .recipients
        .into_value()
        .unwrap_or_else(|| vec![caller.id()]);
    all_recipients(&channel, &users)?;
    core.calls
        .act(|facts| facts.stop_ringing(facts.view.call(id)?, &users))
        .await?;
    Ok(Done)
}

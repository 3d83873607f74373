//! Faults of the main Gateway and of tokens.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_protocol::ids::UserId;

use super::{App, Close, LONGEST_DELAY_MS, Span, Times, known, millis, once, order, span};
use crate::gateway::faults::{Fate, Until};
use crate::rest::caller::Operator;
use crate::rest::reply::{Answer, Body, Done, Failure, Named};
use crate::rest::route::{Methods, Routes, post, put};

/// What can be done to the sockets of an account.
pub(super) fn api() -> Routes {
    Routes::new("faults of the main Gateway")
        .route(
            "/heartbeats",
            put(withhold_acks, "Answers no heartbeat").delete(answer, "Answers heartbeats again"),
        )
        .route("/resume", put(refuse_resumes, "Refuses the next resumes (op 9)"))
        .route("/close", post(close, "Closes the sockets of the main Gateway"))
        .route(
            "/dispatches/{name}",
            put(divert, "Drops or delays the next dispatches of a name")
                .delete(restore, "Lets them pass again"),
        )
}

/// What can be done to the tokens of an account.
pub(super) fn token() -> Methods {
    put(expire_token, "Takes the account's tokens for wrong")
        .delete(accept_token, "Takes them for right again")
}

/// What becomes of dispatches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Diversion {
    /// How much later they come; without it they never do.
    delay_ms: Option<u64>,
    #[serde(default = "once")]
    times: u32,
}

async fn withhold_acks(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Body(wanted): Body<Span>,
) -> Answer<Done> {
    known(&core, user)?;
    let until = Until::after(span(wanted.for_ms)?);
    core.hub.faults.withhold_acks(user, Some(until));
    Ok(Done)
}

async fn answer(State(core): App, _: Operator, Named(user): Named<UserId>) -> Answer<Done> {
    known(&core, user)?;
    core.hub.faults.withhold_acks(user, None);
    Ok(Done)
}

async fn refuse_resumes(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Body(Times { times }): Body<Times>,
) -> Answer<Done> {
    known(&core, user)?;
    core.hub.faults.refuse_resumes(user, times);
    Ok(Done)
}

async fn close(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Body(wanted): Body<Close>,
) -> Answer<Done> {
    known(&core, user)?;
    let order = order(wanted)?;
    for cell in core.hub.sessions(user) {
        cell.seat().order_close(order.clone());
    }
    Ok(Done)
}

async fn divert(
    State(core): App,
    _: Operator,
    Named((user, name)): Named<(UserId, String)>,
    Body(wanted): Body<Diversion>,
) -> Answer<Done> {
    known(&core, user)?;
    if wanted.times == 0 {
        return Err(Failure::invalid_field("times", "give 1 or more"));
    }
    let fate = match wanted.delay_ms {
        Some(delay) => Fate::Delayed(millis("delay_ms", delay, LONGEST_DELAY_MS)?),
        None => Fate::Dropped,
    };
    core.hub.faults.divert(user, name, Some((fate, wanted.times)));
    Ok(Done)
}

async fn restore(
    State(core): App,
    _: Operator,
    Named((user, name)): Named<(UserId, String)>,
) -> Answer<Done> {
    known(&core, user)?;
    core.hub.faults.divert(user, name, None);
    Ok(Done)
}

async fn expire_token(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Body(wanted): Body<Span>,
) -> Answer<Done> {
    known(&core, user)?;
    let until = Until::after(span(wanted.for_ms)?);
    core.hub.faults.expire_token(user, Some(until));
    Ok(Done)
}

async fn accept_token(State(core): App, _: Operator, Named(user): Named<UserId>) -> Answer<Done> {
    known(&core, user)?;
    core.hub.faults.expire_token(user, None);
    Ok(Done)
}

//! Faults of voice connections: datagrams, sockets, servers.

use std::time::Duration;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use voxhall_live::{Bottleneck, FaultKind, FaultRecord, Impairment, VoiceRecord};
use voxhall_protocol::gateway::StreamKey;
use voxhall_protocol::ids::{GuildId, UserId};
use voxhall_protocol::rest::ApiErrorCode;

use super::{App, Close, LONGEST_DELAY_MS, LONGEST_MS, Span, Times, known, millis, order, span};
use crate::calls::faults::{self, Place};
use crate::calls::streams::id_of;
use crate::control::Core;
use crate::gateway::faults::CloseOrder;
use crate::rest::caller::Operator;
use crate::rest::reply::{Answer, Asked, Body, Done, Failure, Named};
use crate::rest::route::{Routes, post, put};

/// The narrowest bottleneck: less lets hardly a datagram pass.
const LEAST_BITS_PER_SECOND: u32 = 1000;
/// The queue before a bottleneck if nobody says, in milliseconds: that of a home router.
const QUEUE_MS: u64 = 200;
/// How long a voice server is away if nobody says.
const AWAY_MS: u64 = 1000;

/// What can be done to voice connections.
pub(super) fn api() -> Routes {
    Routes::new("faults of voice")
        .route(
            "/datagrams",
            put(impair, "Loses, delays, doubles, damages datagrams")
                .delete(heal, "Lets datagrams pass again"),
        )
        .route(
            "/heartbeats",
            put(withhold_voice_acks, "Answers no heartbeat").delete(answer_voice, "Answers heartbeats again"),
        )
        .route(
            "/resume",
            put(refuse_voice_resumes, "Refuses the next resumes (4006)"),
        )
        .route("/close", post(close_voice, "Closes the voice socket"))
        .route(
            "/move",
            post(change_server, "Sends the client to another voice server"),
        )
        .route(
            "/away",
            post(take_server, "Takes the voice server away for a time"),
        )
        .route("/expire", post(expire_ticket, "Lets the voice token die (4006)"))
        .route(
            "/crash",
            post(crash, "Crashes the media worker that carries the call"),
        )
}

/// Which of a client's connections is meant.
#[derive(Debug, Deserialize, JsonSchema)]
struct Which {
    /// The guild of the room; only needed for who is in several.
    guild_id: Option<GuildId>,
    /// A stream that the client shows or watches, instead of a room.
    stream_key: Option<StreamKey>,
}

/// Which way datagrams go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Ways {
    /// From the client.
    Up,
    /// To the client.
    Down,
    /// Both.
    #[default]
    Both,
}

impl Ways {
    fn kinds(self) -> &'static [FaultKind] {
        match self {
            Self::Up => &[FaultKind::Upstream],
            Self::Down => &[FaultKind::Downstream],
            Self::Both => &[FaultKind::Upstream, FaultKind::Downstream],
        }
    }
}

/// What happens to datagrams.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Datagrams {
    #[serde(default)]
    direction: Ways,
    /// Per cent that are lost.
    #[serde(default)]
    drop: f64,
    /// Per cent that come twice.
    #[serde(default)]
    duplicate: f64,
    /// Per cent of which a bit is turned over.
    #[serde(default)]
    corrupt: f64,
    /// How much later all of them come.
    #[serde(default)]
    delay_ms: u64,
    /// How much later than that they come at most.
    #[serde(default)]
    jitter_ms: u64,
    /// Bits that pass in a second, at least 1000; without it, as many as there are.
    bits_per_second: Option<u32>,
    /// How long a datagram waits for those before it at most, where not all of them pass; one that would wait longer is
    /// lost.
    #[serde(default = "usual_queue")]
    queue_ms: u64,
    /// The same seed hits the same datagrams.
    #[serde(default)]
    seed: u64,
    /// For how long; until it is taken back if nothing is said.
    for_ms: Option<u64>,
}

impl Datagrams {
    fn impairment(&self) -> Answer<Impairment> {
        Ok(Impairment {
            drop: share("drop", self.drop)?,
            duplicate: share("duplicate", self.duplicate)?,
            corrupt: share("corrupt", self.corrupt)?,
            delay: millis("delay_ms", self.delay_ms, LONGEST_DELAY_MS)?,
            jitter: millis("jitter_ms", self.jitter_ms, LONGEST_DELAY_MS)?,
            bottleneck: self.bottleneck()?,
            seed: self.seed,
        })
    }

    fn bottleneck(&self) -> Answer<Option<Bottleneck>> {
        let Some(bits_per_second) = self.bits_per_second else {
            return Ok(None);
        };
        if bits_per_second < LEAST_BITS_PER_SECOND {
            return Err(Failure::invalid_field("bits_per_second", "give at least 1000"));
        }
        let queue = millis("queue_ms", self.queue_ms, LONGEST_DELAY_MS)?;
        Ok(Some(Bottleneck {
            bits_per_second,
            queue,
        }))
    }
}

/// Which way is clear again.
#[derive(Debug, Deserialize, JsonSchema)]
struct Healed {
    guild_id: Option<GuildId>,
    stream_key: Option<StreamKey>,
    #[serde(default)]
    direction: Ways,
}

/// Where to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Move {
    /// `host:port` of another name of the same server; without one, another node takes the call if there is one.
    endpoint: Option<String>,
}

const fn usual_queue() -> u64 {
    QUEUE_MS
}

async fn impair(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
    Body(wanted): Body<Datagrams>,
) -> Answer<Done> {
    let (place, time) = (place(&core, user, &which)?, span(wanted.for_ms)?);
    let fault = FaultRecord::Datagrams(wanted.impairment()?);
    for kind in wanted.direction.kinds() {
        core.calls.set_fault(&place, *kind, &fault, time).await?;
    }
    Ok(Done)
}

async fn heal(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(healed): Asked<Healed>,
) -> Answer<Done> {
    let which = Which {
        guild_id: healed.guild_id,
        stream_key: healed.stream_key,
    };
    let place = place(&core, user, &which)?;
    for kind in healed.direction.kinds() {
        core.calls.end_fault(&place, *kind).await?;
    }
    Ok(Done)
}

async fn withhold_voice_acks(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
    Body(wanted): Body<Span>,
) -> Answer<Done> {
    let time = span(wanted.for_ms)?;
    strike(
        &core,
        user,
        &which,
        FaultKind::HeartbeatAcks,
        &FaultRecord::HeartbeatAcks,
        time,
    )
    .await
}

async fn answer_voice(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
) -> Answer<Done> {
    let place = place(&core, user, &which)?;
    core.calls.end_fault(&place, FaultKind::HeartbeatAcks).await?;
    Ok(Done)
}

async fn refuse_voice_resumes(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
    Body(Times { times }): Body<Times>,
) -> Answer<Done> {
    strike(
        &core,
        user,
        &which,
        FaultKind::Resume,
        &FaultRecord::Resume { times },
        None,
    )
    .await
}

async fn close_voice(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
    Body(wanted): Body<Close>,
) -> Answer<Done> {
    let CloseOrder { code, reason } = order(wanted)?;
    let fault = FaultRecord::Socket { code, reason };
    strike(&core, user, &which, FaultKind::Socket, &fault, None).await
}

async fn crash(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
) -> Answer<Done> {
    strike(&core, user, &which, FaultKind::Worker, &FaultRecord::Worker, None).await
}

async fn change_server(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
    Body(wanted): Body<Move>,
) -> Answer<Done> {
    let record = voice(&core, user, &which)?;
    let endpoint = wanted.endpoint.as_deref();
    core.calls
        .act(|facts| facts.change_server(&record, endpoint))
        .await?;
    Ok(Done)
}

async fn take_server(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
    Body(wanted): Body<Span>,
) -> Answer<Done> {
    let away = millis("for_ms", wanted.for_ms.unwrap_or(AWAY_MS), LONGEST_MS)?;
    let (record, place) = (voice(&core, user, &which)?, place(&core, user, &which)?);
    let told = faults::server_gone(&core.calls.view(), &place);
    core.calls.act(|facts| facts.take_server(&record)).await?;
    if let Some(told) = told {
        core.hub.deliver(&core.directory.read(), told);
    }
    tokio::spawn(async move {
        tokio::time::sleep(away).await;
        let given = core
            .calls
            .act(|facts| facts.still_unconnected(place.channel, user))
            .await;
        if let Err(error) = given {
            tracing::error!(%error, %user, "a voice server that was taken away cannot be given back");
        }
    });
    Ok(Done)
}

async fn expire_ticket(
    State(core): App,
    _: Operator,
    Named(user): Named<UserId>,
    Asked(which): Asked<Which>,
) -> Answer<Done> {
    let record = voice(&core, user, &which)?;
    core.calls.act(|facts| facts.expire_ticket(&record)).await?;
    Ok(Done)
}

/// Writes a fault for the node that carries the client's call.
async fn strike(
    core: &Core,
    user: UserId,
    which: &Which,
    kind: FaultKind,
    fault: &FaultRecord,
    time: Option<Duration>,
) -> Answer<Done> {
    let place = place(core, user, which)?;
    core.calls.set_fault(&place, kind, fault, time).await?;
    Ok(Done)
}

/// The voice state that is meant.
fn voice(core: &Core, user: UserId, which: &Which) -> Answer<VoiceRecord> {
    known(core, user)?;
    if which.stream_key.is_some() {
        return Err(Failure::invalid_field(
            "stream_key",
            "streams know no such fault; their owner moves them with PATCH /streams/{key}/stream",
        ));
    }
    let view = core.calls.view();
    let mut meant = view
        .voices_of(user)
        .filter(|record| which.guild_id.is_none() || record.guild_id == which.guild_id);
    let record = meant
        .next()
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))?;
    if meant.next().is_some() {
        return Err(Failure::invalid_field(
            "guild_id",
            "the client is in several guilds; name one",
        ));
    }
    Ok(record.clone())
}

fn place(core: &Core, user: UserId, which: &Which) -> Answer<Place> {
    if let Some(key) = which.stream_key {
        known(core, user)?;
        let view = core.calls.view();
        let stream = view.stream(id_of(key)).filter(|stream| stream.key() == key);
        let stream = stream.filter(|stream| stream.people().any(|person| person == user));
        let stream = stream.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))?;
        return Ok(Place::in_stream(stream, user));
    }
    let record = voice(core, user, which)?;
    let place = Place::of(&core.calls.view(), &record);
    place.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))
}

fn share(field: &str, per_cent: f64) -> Answer<f64> {
    if (0.0..=100.0).contains(&per_cent) {
        Ok(per_cent / 100.0)
    } else {
        Err(Failure::invalid_field(field, "give a percentage from 0 to 100"))
    }
}

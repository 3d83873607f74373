//! Faults for those who test a bot, below `/dev`. Served by a development server alone, to its operator.
//!
//! A fault of voice belongs to the room that the bot is in; whoever is in several guilds is named with `guild_id`. A
//! fault of the main Gateway belongs to the account, all its sessions included.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxhall_live::{Bottleneck, FaultKind, FaultRecord, Impairment, LinkState, VoiceRecord};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Operator;
use super::reply::{Answer, Asked, Body, Done, Failure, Json, Named};
use super::route::{Routes, delete, get, post, put};
use crate::calls::faults::{self, Place};
use crate::control::Core;
use crate::gateway::faults::{CloseOrder, Fate, Until};

/// The longest time that a request may name, in milliseconds: an hour.
const LONGEST_MS: u64 = 3_600_000;
/// The longest delay of datagrams and dispatches, in milliseconds.
const LONGEST_DELAY_MS: u64 = 60_000;
/// The narrowest bottleneck: less lets hardly a datagram pass.
const LEAST_BITS_PER_SECOND: u32 = 1000;
/// The queue before a bottleneck if nobody says, in milliseconds: that of a home router.
const QUEUE_MS: u64 = 200;
/// The most bytes of a close frame's reason (RFC 6455, section 5.5).
const LONGEST_REASON: usize = 123;
/// How long a voice server is away if nobody says.
const AWAY_MS: u64 = 1000;

/// The routes.
pub(super) fn api() -> Routes {
    let voice = Routes::new("faults of voice")
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
        );
    let gateway = Routes::new("faults of the main Gateway")
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
        );
    Routes::new("faults")
        .route("/users/{user}", get(client, "Tells where a client is connected"))
        .route(
            "/users/{user}/token",
            put(expire_token, "Takes the account's tokens for wrong")
                .delete(accept_token, "Takes them for right again"),
        )
        .route(
            "/users/{user}/faults",
            delete(clear, "Ends all faults of a client"),
        )
        .nest("/users/{user}/voice", voice)
        .nest("/users/{user}/gateway", gateway)
}

/// Which of a client's rooms is meant.
#[derive(Debug, Deserialize, JsonSchema)]
struct Which {
    /// The guild of the room; only needed for who is in several.
    guild_id: Option<GuildId>,
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
    #[serde(default)]
    direction: Ways,
}

/// For how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Span {
    /// Until it is taken back if nothing is said.
    for_ms: Option<u64>,
}

/// How often.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Times {
    #[serde(default = "once")]
    times: u32,
}

/// How a socket is closed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Close {
    /// Without one, the connection breaks without a close frame.
    code: Option<u16>,
    #[serde(default)]
    reason: String,
}

/// Where to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Move {
    /// `host:port` of another name of the same server; without one, another node takes the call if there is one.
    endpoint: Option<String>,
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

const fn once() -> u32 {
    1
}

const fn usual_queue() -> u64 {
    QUEUE_MS
}

/// Where a client is connected.
#[derive(Debug, Serialize, JsonSchema)]
struct Client {
    /// Its sessions on the main Gateway.
    sessions: Vec<GatewaySession>,
    /// Its rooms.
    voice: Vec<VoiceConnection>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct GatewaySession {
    session_id: String,
    /// Whether a socket has it; otherwise it waits to be resumed.
    connected: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct VoiceConnection {
    guild_id: Option<GuildId>,
    channel_id: Option<ChannelId>,
    session_id: String,
    /// Where the client was told to connect; `null` while it has no voice server.
    endpoint: Option<String>,
    /// `connected`, `detached` (waits to be resumed), `gone`, or `null` before it came.
    link: Option<&'static str>,
}

type App = State<Arc<Core>>;

async fn client(State(core): App, _: Operator, Named(user): Named<UserId>) -> Answer<Json<Client>> {
    known(&core, user)?;
    let sessions = core.hub.sessions(user).into_iter().map(|cell| GatewaySession {
        session_id: cell.id.clone(),
        connected: cell.is_attached(),
    });
    let view = core.calls.view();
    let voice = view.voices_of(user).map(|record| {
        let place = Place::of(&view, record);
        let ticket = place
            .as_ref()
            .and_then(|place| view.ticket(&place.node, place.channel, user));
        let link = place
            .as_ref()
            .and_then(|place| view.link_state(&place.node, place.channel, user));
        VoiceConnection {
            guild_id: record.guild_id,
            channel_id: record.channel_id,
            session_id: record.session_id.clone(),
            endpoint: ticket.map(|ticket| ticket.endpoint.clone()),
            link: link.map(link_name),
        }
    });
    Ok(Json(Client {
        sessions: sessions.collect(),
        voice: voice.collect(),
    }))
}

const fn link_name(state: LinkState) -> &'static str {
    match state {
        LinkState::Connected => "connected",
        LinkState::Detached => "detached",
        LinkState::Gone => "gone",
    }
}

async fn clear(State(core): App, _: Operator, Named(user): Named<UserId>) -> Answer<Done> {
    known(&core, user)?;
    core.hub.faults.clear(user);
    core.calls.end_faults_of(user).await?;
    Ok(Done)
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

fn known(core: &Core, user: UserId) -> Answer<()> {
    let known = core.directory.read().user(user).is_some();
    known
        .then_some(())
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownUser))
}

/// The voice state that is meant.
fn voice(core: &Core, user: UserId, which: &Which) -> Answer<VoiceRecord> {
    known(core, user)?;
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
    let record = voice(core, user, which)?;
    let place = Place::of(&core.calls.view(), &record);
    place.ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownVoiceState))
}

fn order(wanted: Close) -> Answer<CloseOrder> {
    let Close { code, reason } = wanted;
    // 1005, 1006 and 1015 never stand in a frame (RFC 6455, section 7.4); a connection without one is what they mean.
    let sendable = code.is_none_or(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
    if !sendable {
        return Err(Failure::invalid_field(
            "code",
            "no close frame can carry this code; leave it out to break the connection without a frame",
        ));
    }
    if reason.len() > LONGEST_REASON {
        return Err(Failure::invalid_field("reason", "give at most 123 bytes"));
    }
    Ok(CloseOrder { code, reason })
}

fn span(for_ms: Option<u64>) -> Answer<Option<Duration>> {
    for_ms.map(|time| millis("for_ms", time, LONGEST_MS)).transpose()
}

fn millis(field: &str, given: u64, most: u64) -> Answer<Duration> {
    if given > most {
        let message = format!("give at most {most} ms");
        return Err(Failure::invalid_field(field, &message));
    }
    Ok(Duration::from_millis(given))
}

fn share(field: &str, per_cent: f64) -> Answer<f64> {
    if (0.0..=100.0).contains(&per_cent) {
        Ok(per_cent / 100.0)
    } else {
        Err(Failure::invalid_field(field, "give a percentage from 0 to 100"))
    }
}

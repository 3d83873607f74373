//! Faults for those who test a bot, below `/dev`. Served by a development server alone, to its operator.
//!
//! A fault of voice belongs to the room that the bot is in, whoever is in several guilds is named with `guild_id`, or to a
//! stream that it takes part in, if one is named. A fault of the main Gateway belongs to the account, all its sessions
//! included.

mod gateway;
mod voice;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxhall_live::LinkState;
use voxhall_protocol::gateway::StreamKey;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::rest::ApiErrorCode;

use super::caller::Operator;
use super::reply::{Answer, Done, Failure, Json, Named};
use super::route::{Routes, delete, get};
use crate::calls::faults::Place;
use crate::calls::view::LiveView;
use crate::control::Core;
use crate::gateway::faults::CloseOrder;

/// The longest time that a request may name, in milliseconds: an hour.
const LONGEST_MS: u64 = 3_600_000;
/// The longest delay of datagrams and dispatches, in milliseconds.
const LONGEST_DELAY_MS: u64 = 60_000;
/// The most bytes of a close frame's reason (RFC 6455, section 5.5).
const LONGEST_REASON: usize = 123;

/// The routes.
pub(super) fn api() -> Routes {
    Routes::new("faults")
        .route("/users/{user}", get(client, "Tells where a client is connected"))
        .route("/users/{user}/token", gateway::token())
        .route(
            "/users/{user}/faults",
            delete(clear, "Ends all faults of a client"),
        )
        .nest("/users/{user}/voice", voice::api())
        .nest("/users/{user}/gateway", gateway::api())
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

const fn once() -> u32 {
    1
}

/// Where a client is connected.
#[derive(Debug, Serialize, JsonSchema)]
struct Client {
    /// Its sessions on the main Gateway.
    sessions: Vec<GatewaySession>,
    /// Its rooms.
    voice: Vec<VoiceConnection>,
    /// The streams that it shows or watches.
    streams: Vec<StreamConnection>,
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

#[derive(Debug, Serialize, JsonSchema)]
struct StreamConnection {
    stream_key: StreamKey,
    /// Where the client was told to connect.
    endpoint: Option<String>,
    /// As in a room.
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
        let (endpoint, link) = connection(&view, Place::of(&view, record));
        VoiceConnection {
            guild_id: record.guild_id,
            channel_id: record.channel_id,
            session_id: record.session_id.clone(),
            endpoint,
            link,
        }
    });
    let streams = view
        .streams()
        .filter(|stream| stream.people().any(|person| person == user));
    let streams = streams.map(|stream| {
        let (endpoint, link) = connection(&view, Some(Place::in_stream(stream, user)));
        StreamConnection {
            stream_key: stream.key(),
            endpoint,
            link,
        }
    });
    Ok(Json(Client {
        sessions: sessions.collect(),
        voice: voice.collect(),
        streams: streams.collect(),
    }))
}

/// Where somebody was told to connect, and how that stands.
fn connection(view: &LiveView, place: Option<Place>) -> (Option<String>, Option<&'static str>) {
    let Some(Place { node, channel, user }) = place else {
        return (None, None);
    };
    let endpoint = view
        .ticket(&node, channel, user)
        .map(|ticket| ticket.endpoint.clone());
    let link = view.link_state(&node, channel, user).map(link_name);
    (endpoint, link)
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

fn known(core: &Core, user: UserId) -> Answer<()> {
    let known = core.directory.read().user(user).is_some();
    known
        .then_some(())
        .ok_or_else(|| Failure::unknown(ApiErrorCode::UnknownUser))
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

//! Where the Gateway is, and the Gateway itself.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;
use voxhall_edge::Peer;
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::MAX_CLIENT_MESSAGE;
use voxhall_protocol::model::VoiceRegion;
use voxhall_protocol::rest::{GatewayBot, GatewayUrl, SessionStartLimit};

use super::caller::Caller;
use super::reply::Json;
use super::route::{Routes, get};
use crate::clock;
use crate::config::Region;
use crate::control::Core;
use crate::gateway::compression::Compression;
use crate::gateway::driver;
use crate::gateway::socket::Dialect;

/// What the API version is where the client names none.
const DEFAULT_VERSION: u8 = 10;

/// Guilds that a bot is advised to have on one shard.
const GUILDS_PER_SHARD: usize = 1000;

/// Bytes of a socket's read buffer. Clients' messages are small, and there are thousands of sockets.
const READ_BUFFER: usize = 4 << 10;

/// The longest message that is read at all: some more than the protocol allows, so that what is a little too long
/// gets the protocol's own close code.
const LONGEST_MESSAGE: usize = MAX_CLIENT_MESSAGE * 4;

pub(super) fn api() -> Routes {
    Routes::new("gateway")
        .route("/gateway", get(gateway, "Says where the Gateway is"))
        .route(
            "/gateway/bot",
            get(gateway_bot, "Says where the Gateway is and how to log in to it"),
        )
        .route("/voice/regions", get(regions, "Lists the voice regions"))
        .route(
            "/soundboard-default-sounds",
            get(default_sounds, "Lists the sounds that everybody has"),
        )
}

pub(super) fn socket() -> Routes {
    Routes::new("gateway")
        .socket("/", connect, "The Gateway")
        .socket("/gateway", connect, "The Gateway")
        .socket("/gateway/", connect, "The Gateway")
}

/// The outside address of the Gateway, as this client knows the server.
pub(crate) struct OutsideUrl(String);

impl OutsideUrl {
    /// The outside address of REST, without a slash at the end.
    pub(super) fn over_http(&self) -> String {
        // `ws` and `wss` begin alike.
        format!("http{}", self.0.strip_prefix("ws").unwrap_or(&self.0))
    }
}

impl FromRequestParts<Arc<Core>> for OutsideUrl {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Self::Rejection> {
        if let Some(url) = &core.config.public_api {
            return Ok(Self(as_websocket(url)));
        }
        let tls = parts.extensions.get::<Peer>().is_some_and(|peer| peer.tls);
        let scheme = if tls { "wss" } else { "ws" };
        let from_header = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = from_header.or_else(|| parts.uri.authority().map(|it| it.as_str()));
        Ok(Self(format!("{scheme}://{}", authority.unwrap_or("localhost"))))
    }
}

/// `http(s)://…` as `ws(s)://…`, without a slash at the end: clients append `/?v=…`.
fn as_websocket(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.split_once("://") {
        Some(("https" | "wss", rest)) => format!("wss://{rest}"),
        Some((_, rest)) => format!("ws://{rest}"),
        None => format!("wss://{url}"),
    }
}

async fn gateway(OutsideUrl(url): OutsideUrl) -> Json<GatewayUrl> {
    Json(GatewayUrl {
        url,
        extra: Extra::new(),
    })
}

async fn gateway_bot(
    State(core): State<Arc<Core>>,
    caller: Caller,
    OutsideUrl(url): OutsideUrl,
) -> Json<GatewayBot> {
    let limits = &core.config.limits;
    let left = core.identifies.left(clock::now(), limits, caller.id());
    let guilds = core.directory.read().guilds_of(caller.id()).count();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Json(GatewayBot {
        url,
        shards: number(guilds.div_ceil(GUILDS_PER_SHARD).max(1)),
        session_start_limit: SessionStartLimit {
            total: number(limits.session_starts),
            remaining: number(left.remaining),
            reset_after: u64::try_from(left.reset_after.as_millis()).unwrap_or(u64::MAX),
            max_concurrency: u32::try_from(limits.max_concurrency).unwrap_or(u32::MAX),
        },
        extra: Extra::new(),
    })
}

async fn regions(State(core): State<Arc<Core>>, _: Caller) -> Json<Vec<VoiceRegion>> {
    Json(voice_regions(&core.config.regions))
}

/// The regions on offer; the first is the best for everybody.
pub(super) fn voice_regions(regions: &[Region]) -> Vec<VoiceRegion> {
    let rendered = regions.iter().enumerate().map(|(index, region)| VoiceRegion {
        optimal: index == 0,
        ..VoiceRegion::new(region.id.clone(), region.name.clone())
    });
    rendered.collect()
}

async fn default_sounds(_: Caller) -> Json<Vec<Value>> {
    Json(Vec::new())
}

async fn connect(
    State(core): State<Arc<Core>>,
    OutsideUrl(gateway_url): OutsideUrl,
    Query(query): Query<HashMap<String, String>>,
    peer: Option<Extension<Peer>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE);
    let address = peer.map(|Extension(peer)| peer.address);
    match dialect(&query, gateway_url) {
        Some(dialect) => upgrade.on_upgrade(move |socket| driver::serve(core, socket, dialect, address)),
        None => upgrade.on_upgrade(move |socket| driver::refuse(socket, address)),
    }
}

/// How the client wants to be spoken to; `None` if nobody here can.
fn dialect(query: &HashMap<String, String>, gateway_url: String) -> Option<Dialect> {
    let version = match query.get("v").map(|text| text.parse()) {
        None => DEFAULT_VERSION,
        Some(Ok(version @ 9..=10)) => version,
        Some(_) => return None,
    };
    let encoding = query.get("encoding").map_or("json", String::as_str);
    let compression = query.get("compress").map_or("", String::as_str);
    (encoding == "json").then(|| Dialect {
        version,
        compression: Compression::from_query(compression),
        gateway_url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Option<Dialect> {
        let query = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        dialect(&query, "ws://here".to_owned())
    }

    #[test]
    fn the_query_decides_how_the_client_is_spoken_to() {
        let of = |pairs| asked(pairs).map(|it| (it.version, it.compression));
        assert_eq!(of(&[]), Some((10, Compression::Plain)));
        assert_eq!(
            of(&[("encoding", "json"), ("v", "9")]),
            Some((9, Compression::Plain))
        );
        assert_eq!(
            of(&[("compress", "zlib-stream"), ("v", "10")]),
            Some((10, Compression::ZlibStream))
        );
        assert_eq!(
            of(&[("compress", "zstd-stream")]),
            Some((10, Compression::ZstdStream))
        );
        for refused in [("encoding", "etf"), ("v", "5"), ("v", "11"), ("v", "ten")] {
            assert_eq!(asked(&[refused]), None, "{refused:?}");
        }
    }

    #[test]
    fn addresses_are_handed_out_in_the_shape_clients_append_to() {
        assert_eq!(as_websocket("https://voice.lan:8443/"), "wss://voice.lan:8443");
        assert_eq!(as_websocket("http://voice.lan"), "ws://voice.lan");
        assert_eq!(as_websocket("voice.lan"), "wss://voice.lan");
    }
}

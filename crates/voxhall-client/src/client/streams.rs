//! Go Live streams: one more voice connection each, beside that of the room in which they are shown.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{
    ClientMessage, Event, StreamCreated, StreamDelete, StreamDeleteReason, StreamKey, StreamServerUpdate,
    StreamSetPaused,
};
use voxhall_protocol::ids::{ChannelId, ServerId, UserId};

use super::VoiceClient;
use crate::connection::{Reason, Room, StreamRoom};
use crate::video::{VideoKind, VideoOptions};
use crate::{ConnectionConfig, Error, GatewayRequest, VoiceConnection};

/// Events that may wait while the server is asked for a stream.
const EVENTS: usize = 256;

/// The streams that were asked for.
#[derive(Default)]
pub(super) struct Streams(HashMap<StreamKey, Stream>);

#[derive(Default)]
struct Stream {
    /// From STREAM_CREATE on.
    connection: Option<VoiceConnection>,
    /// Who waits until it is known where to connect.
    waiting: Vec<oneshot::Sender<Result<VoiceConnection, StreamDeleteReason>>>,
}

/// What a connection to a stream is made of.
pub(super) struct Ground<'a> {
    pub(super) user: UserId,
    pub(super) session_id: &'a str,
    pub(super) config: &'a ConnectionConfig,
    pub(super) requests: &'a mpsc::UnboundedSender<GatewayRequest>,
}

impl VoiceClient {
    /// Goes live in the room of a connection, and waits until media can flow. The stream is a voice connection of its
    /// own, beside the room's, which must stay: what is played on it is the sound of what is shown. To
    /// [`leave`](VoiceConnection::leave) it ends the stream.
    ///
    /// If it is live there already, that connection is given.
    ///
    /// # Errors
    /// [`Error::NotInRoom`] without a connection to `room`, [`Error::StreamRefused`] with the server's reason,
    /// [`Error::NoAnswer`], [`Error::Ended`] for everything later.
    pub async fn go_live(&self, room: Room) -> Result<VoiceConnection, Error> {
        let channel = self.connection(room).and_then(|connection| connection.channel());
        let channel = channel.ok_or(Error::NotInRoom)?;
        self.take_part(StreamKey::new(room.guild(), channel, self.user.id))
            .await
    }

    /// Watches somebody's stream in a room that this account is connected to, and waits until media can flow. Who
    /// streams, voice states tell by `self_stream`.
    ///
    /// # Errors
    /// As [`go_live`](Self::go_live).
    pub async fn watch(&self, stream: StreamKey) -> Result<VoiceConnection, Error> {
        let room = match stream.guild() {
            Some(guild) => Room::Guild(guild),
            None => Room::Call(stream.channel()),
        };
        let channel = self.connection(room).and_then(|connection| connection.channel());
        if channel != Some(stream.channel()) {
            return Err(Error::NotInRoom);
        }
        self.take_part(stream).await
    }

    /// Watches somebody's stream as soon as there is one, now or whenever it begins. To wait no longer, drop the future.
    ///
    /// # Errors
    /// As [`watch`](Self::watch), but not because nobody streams there; [`Error::GatewayGone`] if that can no longer be
    /// told.
    pub async fn watch_when_live(&self, stream: StreamKey) -> Result<VoiceConnection, Error> {
        // From before the first try on: what begins behind it must not be missed.
        let mut events = self.events(EVENTS);
        loop {
            let missed = events.missed();
            match self.watch(stream).await {
                Err(Error::StreamRefused {
                    reason: StreamDeleteReason::StreamEnded,
                    ..
                }) => {}
                watched => return watched,
            }
            loop {
                let event = events.recv().await.ok_or(Error::GatewayGone)?;
                if goes_live(&event, stream) || events.missed() != missed {
                    break;
                }
            }
        }
    }

    /// The connection to a stream that this account shows or watches, unless it has ended.
    #[must_use]
    pub fn stream(&self, stream: StreamKey) -> Option<VoiceConnection> {
        self.shared.known.lock().streams.connection(stream)
    }

    /// Tells the viewers of the own stream that nothing is sent for now, or that it goes on.
    pub fn pause_stream(&self, stream: StreamKey, paused: bool) {
        let request = StreamSetPaused {
            stream_key: stream.into(),
            paused,
            extra: Extra::new(),
        };
        self.gateway.send(ClientMessage::StreamSetPaused(request));
    }

    async fn take_part(&self, key: StreamKey) -> Result<VoiceConnection, Error> {
        if let Some(connection) = self.stream(key).filter(|it| it.state().has_media()) {
            return Ok(connection);
        }
        let answer = self.shared.known.lock().streams.ask(key);
        self.ask_for(key, true);
        let waited = self.voice.join_timeout;
        let Ok(answer) = tokio::time::timeout(waited, answer).await else {
            // Whatever the server makes of it later, nobody wants it any more.
            self.shared.known.lock().streams.forget(key);
            self.ask_for(key, false);
            let channel = key.channel();
            return Err(Error::NoAnswer { channel, waited });
        };
        // Nobody is left to answer if the login is gone, or a new session began.
        let connection = answer
            .map_err(|_| Error::Ended(Reason::GatewaySessionLost))?
            .map_err(|reason| refused(key, reason))?;
        connection.connected().await?;
        Ok(connection)
    }

    /// Sends what begins or ends the part that is taken in a stream, behind what connections have sent before.
    fn ask_for(&self, key: StreamKey, enters: bool) {
        let room = StreamRoom {
            key,
            // Which server it is, only the answer tells.
            server: ServerId(0),
            own: key.owner() == self.user.id,
        };
        let request = GatewayRequest {
            room: Room::Stream(room),
            channel: enters.then_some(key.channel()),
            self_mute: false,
            self_deaf: false,
        };
        // Without a Gateway nobody answers, and that is noticed.
        let _ = self.requests.send(request);
    }
}

impl Streams {
    fn ask(&mut self, key: StreamKey) -> oneshot::Receiver<Result<VoiceConnection, StreamDeleteReason>> {
        let (waiting, answer) = oneshot::channel();
        self.0.entry(key).or_default().waiting.push(waiting);
        answer
    }

    fn forget(&mut self, key: StreamKey) {
        if let Some(connection) = self.0.remove(&key).and_then(|stream| stream.connection) {
            connection.room_gone(Reason::Requested);
        }
    }

    fn connection(&mut self, key: StreamKey) -> Option<VoiceConnection> {
        let stream = self.0.get_mut(&key)?;
        stream
            .connection
            .take_if(|connection| connection.state().is_final());
        if stream.connection.is_none() && stream.waiting.is_empty() {
            self.0.remove(&key);
            return None;
        }
        stream.connection.clone()
    }

    /// STREAM_CREATE. It also comes again to who asks again.
    pub(super) fn created(&mut self, created: &StreamCreated, ground: &Ground<'_>) {
        let Some(stream) = self.0.get_mut(&created.stream_key) else {
            return;
        };
        let room = Room::Stream(StreamRoom {
            key: created.stream_key,
            server: created.rtc_server_id,
            own: created.stream_key.owner() == ground.user,
        });
        let kept = stream
            .connection
            .as_ref()
            .is_some_and(|connection| connection.room() == room && !connection.state().is_final());
        if kept {
            return;
        }
        let requests = Some(ground.requests.clone());
        let own = created.stream_key.owner() == ground.user;
        let config = stream_config(ground.config, own);
        let connection = VoiceConnection::idle(ground.user, room, config, requests);
        let channel = created
            .rtc_channel_id
            .unwrap_or(ChannelId(created.rtc_server_id.0));
        connection.voice_state(ground.session_id.to_owned(), Some(channel));
        if let Some(before) = stream.connection.replace(connection) {
            before.room_gone(Reason::Removed);
        }
    }

    /// STREAM_SERVER_UPDATE.
    pub(super) fn server(&mut self, update: &StreamServerUpdate) {
        let Some(stream) = self.0.get_mut(&update.stream_key) else {
            return;
        };
        let Some(connection) = &stream.connection else {
            return;
        };
        connection.voice_server(update.token.clone(), update.endpoint.clone());
        if update.endpoint.is_some() {
            for waiting in stream.waiting.drain(..) {
                // Who has gone meanwhile wants no answer.
                let _ = waiting.send(Ok(connection.clone()));
            }
        }
    }

    /// STREAM_DELETE.
    pub(super) fn deleted(&mut self, deleted: &StreamDelete) {
        let Some(key) = deleted.stream_key.key() else {
            return;
        };
        let Some(stream) = self.0.get_mut(&key) else {
            return;
        };
        let reason = match (&deleted.reason, deleted.unavailable) {
            (Some(reason), _) => reason.clone(),
            (None, Some(true)) => StreamDeleteReason::Other("unavailable".to_owned()),
            (None, _) => StreamDeleteReason::StreamEnded,
        };
        if let Some(connection) = stream.connection.take() {
            connection.room_gone(Reason::StreamEnded(reason.clone()));
        }
        if reason == StreamDeleteReason::UserRequested && !stream.waiting.is_empty() {
            // That answers an earlier leave; who waits has asked anew behind it.
            return;
        }
        for waiting in self.0.remove(&key).into_iter().flat_map(|stream| stream.waiting) {
            // Who has gone meanwhile wants no answer.
            let _ = waiting.send(Err(reason.clone()));
        }
    }

    /// The main Gateway has a new session, which takes part in no stream.
    pub(super) fn session_lost(&mut self) {
        for connection in self.drain() {
            connection.room_gone(Reason::GatewaySessionLost);
        }
    }

    /// Nobody will answer any more.
    pub(super) fn closed(&mut self) {
        for stream in self.0.values_mut() {
            stream.waiting.clear();
        }
    }

    /// All connections; nothing is left.
    pub(super) fn drain(&mut self) -> Vec<VoiceConnection> {
        let streams = self.0.drain();
        streams.filter_map(|(_, stream)| stream.connection).collect()
    }
}

/// How a stream's connection is made: its owner shows a screen, everybody else only watches, whatever the room's own
/// connection does with video.
fn stream_config(voice: &ConnectionConfig, own: bool) -> ConnectionConfig {
    let video = voice.video.clone().unwrap_or_else(VideoOptions::watch_only);
    let show = own.then_some(VideoKind::Screen);
    ConnectionConfig {
        video: Some(VideoOptions { show, ..video }),
        ..voice.clone()
    }
}

/// Whether an event tells that the owner of a stream is live in its room.
fn goes_live(event: &Event, stream: StreamKey) -> bool {
    let Event::VoiceStateUpdate(state) = event else {
        return false;
    };
    state.self_stream == Some(true)
        && (state.user_id, state.channel_id) == (stream.owner(), Some(stream.channel()))
}

fn refused(stream: StreamKey, reason: StreamDeleteReason) -> Error {
    let advice = match &reason {
        StreamDeleteReason::InvalidChannel => "join its room first, with this login",
        StreamDeleteReason::Unauthorized => {
            "streaming needs STREAM in the channel, and a speaker's place in a stage"
        }
        StreamDeleteReason::StreamFull => "wait until somebody leaves, or have the limit raised",
        StreamDeleteReason::StreamEnded => "nobody streams there now",
        _ => "try again; the server's log says more",
    };
    Error::StreamRefused {
        stream,
        reason,
        advice,
    }
}

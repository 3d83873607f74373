//! What clients of a session ask for about streams (ops 18 to 22; gateway-and-calls, section 8).

use std::sync::Arc;

use voxhall_protocol::gateway::{StreamCreate, StreamKey, StreamName, StreamScope, StreamSetPaused};

use super::commands::actor;
use super::hub::SessionCell;
use super::outgoing::Outgoing;
use crate::Error;
use crate::calls::stream_events::{created, refused};
use crate::calls::streams::{StreamRefusal, id_of};
use crate::control::Core;

impl Core {
    /// Op 18.
    pub(super) async fn stream_create(&self, cell: &SessionCell, request: &StreamCreate) {
        let (channel, owner) = (request.channel_id, cell.profile.user);
        let guild = match (&request.scope, request.guild_id.value()) {
            (StreamScope::Guild, Some(guild)) => Some(*guild),
            (StreamScope::Call, _) => None,
            (scope, _) => {
                let named = StreamName::Other(format!("{scope}:{channel}:{owner}"));
                return refuse(cell, named, StreamRefusal::NoKey);
            }
        };
        let key = StreamKey::new(guild, channel, owner);
        self.tell_again(cell, key);
        let region = request.preferred_region.value().map(String::as_str);
        let actor = actor(cell);
        let begun = self
            .calls
            .act_or_refuse(|facts| facts.create_stream(actor, guild, channel, region))
            .await;
        conclude(cell, key, begun);
    }

    /// Op 20.
    pub(super) async fn stream_watch(&self, cell: &SessionCell, name: &StreamName) {
        let Some(key) = readable(cell, name) else { return };
        self.tell_again(cell, key);
        let actor = actor(cell);
        let watched = self
            .calls
            .act_or_refuse(|facts| facts.watch_stream(actor, key))
            .await;
        conclude(cell, key, watched);
    }

    /// Op 19.
    pub(super) async fn stream_delete(&self, cell: &SessionCell, name: &StreamName) {
        let Some(key) = readable(cell, name) else { return };
        let actor = actor(cell);
        let deleted = self.calls.act(|facts| facts.delete_stream(actor, key)).await;
        note(cell, key, deleted);
    }

    /// Op 21.
    pub(super) async fn stream_ping(&self, cell: &SessionCell, name: &StreamName) {
        let Some(key) = readable(cell, name) else { return };
        let actor = actor(cell);
        let pinged = self.calls.act(|facts| facts.ping_stream(actor, key)).await;
        note(cell, key, pinged);
    }

    /// Op 22.
    pub(super) async fn stream_set_paused(&self, cell: &SessionCell, request: &StreamSetPaused) {
        let Some(key) = readable(cell, &request.stream_key) else {
            return;
        };
        let actor = actor(cell);
        let paused = self
            .calls
            .act(|facts| facts.pause_stream(actor, key, request.paused))
            .await;
        note(cell, key, paused);
    }

    /// Whoever asks for a stream that it takes part in already is told of it once more.
    fn tell_again(&self, cell: &SessionCell, key: StreamKey) {
        let view = self.calls.view();
        let known = view
            .stream(id_of(key))
            .filter(|stream| stream.key() == key && stream.sessions().any(|session| session == cell.id));
        if let Some(stream) = known {
            cell.push(Arc::new(Outgoing::to_all(&created(stream))));
        }
    }
}

/// The key that a client names; who names none is told so.
fn readable(cell: &SessionCell, name: &StreamName) -> Option<StreamKey> {
    let key = name.key();
    if key.is_none() {
        refuse(cell, name.clone(), StreamRefusal::NoKey);
    }
    key
}

fn refuse(cell: &SessionCell, name: StreamName, refusal: StreamRefusal) {
    tracing::info!(user = %cell.profile.user, stream = %name, reason = %refusal, "a stream is refused");
    cell.push(Arc::new(Outgoing::to_all(&refused(name, refusal))));
}

fn conclude(cell: &SessionCell, key: StreamKey, outcome: Result<Result<(), StreamRefusal>, Error>) {
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => refuse(cell, key.into(), refusal),
        Err(error) => fail(cell, key, &error),
    }
}

fn note(cell: &SessionCell, key: StreamKey, outcome: Result<bool, Error>) {
    match outcome {
        Ok(true) => {}
        Ok(false) => tracing::debug!(user = %cell.profile.user, stream = %key, "a stream stays as it is"),
        Err(error) => fail(cell, key, &error),
    }
}

fn fail(cell: &SessionCell, key: StreamKey, error: &Error) {
    tracing::error!(%error, user = %cell.profile.user, stream = %key, "what a client asks of a stream cannot be done");
}

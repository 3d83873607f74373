//! All the ways in which a stream ends, or a viewer leaves it, without being asked to.

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_control::{GuildSettings, Limits};
use voxhall_live::TicketEnd;
use voxhall_protocol::model::{ChannelKind, Permissions};
use voxhall_switchboard::{Change, Switchboard};

use super::{
    about, beside, go_live, key_in, live, moderate, next, record, silent, stream_key, tickets, watching,
};
use crate::harness::{Client, GUILD, PRIVATE, Server, TURBULENCE, VOICE, assert_contains, pass, settle};

/// A stream with a viewer.
struct Shown {
    server: Server,
    owner: Client,
    viewer: Client,
    viewer_id: String,
    room: voxhall_protocol::ids::ChannelId,
}

async fn shown() -> Shown {
    shown_with(Limits::dev()).await
}

async fn shown_with(limits: Limits) -> Shown {
    let server = Server::with_limits(limits).await;
    let mut owner = live(&server).await;
    let (viewer, viewer_id) = watching(&server, "viewer").await;
    next(&mut owner, "STREAM_UPDATE").await;
    let room = record(&server, VOICE[0], TURBULENCE)
        .await
        .unwrap()
        .rtc_channel_id;
    assert_eq!(tickets(&server, room).await, 2);
    Shown {
        server,
        owner,
        viewer,
        viewer_id,
        room,
    }
}

impl Shown {
    /// The stream is over: both are told, and nothing is left of it.
    async fn is_over(&mut self, for_owner: &str) {
        let told = |reason: &str| json!({"stream_key": stream_key(), "reason": reason});
        assert_eq!(next(&mut self.owner, "STREAM_DELETE").await, told(for_owner));
        self.is_over_for_viewer().await;
    }

    async fn is_over_for_viewer(&mut self) {
        let ended = json!({"stream_key": stream_key(), "reason": "stream_ended"});
        assert_eq!(next(&mut self.viewer, "STREAM_DELETE").await, ended);
        assert!(record(&self.server, VOICE[0], TURBULENCE).await.is_none());
        assert_eq!(tickets(&self.server, self.room).await, 0);
    }

    /// The viewer is out, the stream goes on.
    async fn goes_on_alone(&mut self) {
        let update = next(&mut self.owner, "STREAM_UPDATE").await;
        assert_eq!(update["viewer_ids"], json!([]));
        let stream = record(&self.server, VOICE[0], TURBULENCE).await.unwrap();
        assert!(stream.viewers.is_empty());
        assert_eq!(tickets(&self.server, self.room).await, 1);
    }

    async fn member(&self, user: &str, change: Value) {
        moderate(
            &self.server,
            "PATCH",
            &format!("/guilds/{GUILD}/members/{user}"),
            change,
        )
        .await;
    }
}

#[tokio::test]
async fn the_owner_leaves_the_room() {
    let mut shown = shown().await;
    let mut watch = shown.server.board.watch("ticket.").await.unwrap();
    while watch.next().await != Some(Change::SnapshotEnd) {}
    shown.owner.voice(None, None).await;
    shown.is_over("stream_ended").await;
    let mut ends = Vec::new();
    let stream_tickets = format!("ticket.local.{}.", shown.room);
    while let Some(change) = watch.try_next() {
        if let Change::Put(entry) = change
            && entry.key.starts_with(&stream_tickets)
        {
            use voxhall_live::Record as _;
            let ticket = voxhall_live::TicketRecord::decode(&entry.key, &entry.value).unwrap();
            ends.push(ticket.ended);
        }
    }
    assert_eq!(ends, [Some(TicketEnd::CallTerminated); 2], "4022 for everybody");
}

#[tokio::test]
async fn the_owner_goes_to_another_room() {
    let mut shown = shown().await;
    shown.owner.voice(Some(GUILD), Some(VOICE[1])).await;
    let state = shown.owner.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&state["channel_id"], state.get("self_stream")),
        (&json!(VOICE[1]), None)
    );
    shown.is_over("stream_ended").await;
}

#[tokio::test]
async fn the_owner_takes_a_private_call() {
    let mut shown = shown().await;
    shown.owner.voice(None, Some(PRIVATE)).await;
    shown.is_over("stream_ended").await;
}

#[tokio::test]
async fn a_moderator_moves_or_disconnects_the_owner() {
    for change in [json!({"channel_id": VOICE[1]}), json!({"channel_id": null})] {
        let mut shown = shown().await;
        shown.member(TURBULENCE, change).await;
        shown.is_over("stream_ended").await;
    }
}

#[tokio::test]
async fn the_owner_is_kicked() {
    let mut shown = shown().await;
    moderate(
        &shown.server,
        "DELETE",
        &format!("/guilds/{GUILD}/members/{TURBULENCE}"),
        Value::Null,
    )
    .await;
    shown.is_over("stream_ended").await;
}

#[tokio::test]
async fn the_owner_loses_the_right_to_stream() {
    let mut shown = shown().await;
    let deny = json!({"type": 1, "allow": "0", "deny": Permissions::STREAM.bits().to_string()});
    let path = format!("/channels/{}/permissions/{TURBULENCE}", VOICE[0]);
    moderate(&shown.server, "PUT", &path, deny).await;
    let state = next(&mut shown.owner, "VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&state["channel_id"], state.get("self_stream")),
        (&json!(VOICE[0]), None)
    );
    shown.is_over("unauthorized").await;
}

#[tokio::test]
async fn the_owner_is_timed_out() {
    let mut shown = shown().await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let until = voxhall_protocol::model::Timestamp::from_unix_ms(now.as_millis() as u64 + 3_600_000);
    shown
        .member(TURBULENCE, json!({"communication_disabled_until": until}))
        .await;
    shown.is_over("unauthorized").await;
}

#[tokio::test]
async fn the_channel_or_the_guild_is_deleted() {
    for path in [format!("/channels/{}", VOICE[0]), format!("/guilds/{GUILD}")] {
        let mut shown = shown().await;
        moderate(&shown.server, "DELETE", &path, Value::Null).await;
        shown.is_over("stream_ended").await;
        silent(&mut shown.owner).await;
        silent(&mut shown.viewer).await;
    }
}

#[tokio::test]
async fn the_owners_session_ends() {
    let shown = shown().await;
    let Shown {
        owner,
        mut viewer,
        server,
        room,
        ..
    } = shown;
    owner.close(1000).await;
    let ended = json!({"stream_key": stream_key(), "reason": "stream_ended"});
    assert_eq!(next(&mut viewer, "STREAM_DELETE").await, ended);
    assert!(record(&server, VOICE[0], TURBULENCE).await.is_none());
    assert_eq!(tickets(&server, room).await, 0);
}

#[tokio::test]
async fn the_owner_vanishes_and_is_missed_only_after_the_resume_window() {
    let limits = Limits {
        // The clients of these tests send no heartbeats.
        heartbeat_interval: Duration::from_secs(36_000),
        ..Limits::dev()
    };
    let Shown {
        owner,
        mut viewer,
        server,
        ..
    } = shown_with(limits).await;
    drop(owner);
    pass(Duration::from_secs(55)).await;
    silent(&mut viewer).await;
    assert!(record(&server, VOICE[0], TURBULENCE).await.is_some());
    pass(Duration::from_secs(10)).await;
    assert_eq!(next(&mut viewer, "STREAM_DELETE").await["reason"], "stream_ended");
}

#[tokio::test]
async fn another_session_takes_the_owners_place() {
    let mut shown = shown().await;
    let (mut second, _) = shown.server.person("turbulence").await;
    second.voice(Some(GUILD), Some(VOICE[0])).await;
    let state = second.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(state.get("self_stream"), None);
    shown.is_over("stream_ended").await;
    go_live(&mut second, VOICE[0]).await;
    next(&mut second, "STREAM_CREATE").await;
}

#[tokio::test]
async fn a_viewer_leaves_the_room() {
    let mut shown = shown().await;
    shown.viewer.voice(Some(GUILD), None).await;
    let told = json!({"stream_key": stream_key(), "reason": "stream_ended"});
    assert_eq!(next(&mut shown.viewer, "STREAM_DELETE").await, told);
    shown.goes_on_alone().await;
}

#[tokio::test]
async fn a_viewer_is_moved_disconnected_or_kicked() {
    for change in [json!({"channel_id": VOICE[1]}), json!({"channel_id": null})] {
        let mut shown = shown().await;
        let viewer = shown.viewer_id.clone();
        shown.member(&viewer, change).await;
        assert_eq!(
            next(&mut shown.viewer, "STREAM_DELETE").await["reason"],
            "stream_ended"
        );
        shown.goes_on_alone().await;
    }
    let mut shown = shown().await;
    let path = format!("/guilds/{GUILD}/members/{}", shown.viewer_id);
    moderate(&shown.server, "DELETE", &path, Value::Null).await;
    shown.goes_on_alone().await;
}

#[tokio::test]
async fn a_viewer_may_no_longer_see_the_room() {
    let mut shown = shown().await;
    let deny = json!({"type": 1, "allow": "0", "deny": Permissions::VIEW_CHANNEL.bits().to_string()});
    let path = format!("/channels/{}/permissions/{}", VOICE[0], shown.viewer_id);
    moderate(&shown.server, "PUT", &path, deny).await;
    assert_eq!(
        next(&mut shown.viewer, "STREAM_DELETE").await["reason"],
        "stream_ended"
    );
    shown.goes_on_alone().await;
}

#[tokio::test]
async fn what_moderators_take_away_is_taken_from_streams_as_well() {
    let shown = shown().await;
    let permissions = |user: String| {
        let server = &shown.server;
        let room = shown.room;
        async move {
            settle().await;
            server
                .ticket(room, user.parse().unwrap())
                .await
                .unwrap()
                .permissions
        }
    };
    shown.member(TURBULENCE, json!({"mute": true})).await;
    let owner = permissions(TURBULENCE.to_owned()).await;
    assert!(
        !owner.speak && owner.video,
        "its sound is gone, its picture stays"
    );
    shown.member(&shown.viewer_id, json!({"deaf": true})).await;
    let viewer = permissions(shown.viewer_id.clone()).await;
    assert!(!viewer.hear && !viewer.see && !viewer.video);
    shown.member(&shown.viewer_id, json!({"deaf": false})).await;
    assert!(permissions(shown.viewer_id.clone()).await.see);
}

#[tokio::test]
async fn a_muted_microphone_does_not_silence_what_is_shown() {
    let mut shown = shown().await;
    shown.owner.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    let state = next(&mut shown.owner, "VOICE_STATE_UPDATE").await;
    assert_contains(&state, &json!({"self_mute": true, "self_stream": true}));
    settle().await;
    let user = TURBULENCE.parse().unwrap();
    let of_call = shown
        .server
        .ticket(VOICE[0].parse().unwrap(), user)
        .await
        .unwrap();
    let of_stream = shown.server.ticket(shown.room, user).await.unwrap();
    assert!(!of_call.permissions.speak && of_stream.permissions.speak);
}

#[tokio::test]
async fn in_a_stage_speakers_stream_and_the_audience_does_not() {
    let server = Server::start().await;
    let guild = GUILD.parse().unwrap();
    let stage = server
        .directory
        .create_channel(guild, None, ChannelKind::GuildStage, "Stage")
        .await
        .unwrap()
        .to_string();
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(Some(GUILD), Some(&stage)).await;
    next(&mut turbulence, "VOICE_SERVER_UPDATE").await;
    let key = key_in(&stage, TURBULENCE);
    go_live(&mut turbulence, &stage).await;
    let refused = next(&mut turbulence, "STREAM_DELETE").await;
    assert_eq!(refused, json!({"stream_key": key, "reason": "unauthorized"}));
    let state = format!("/guilds/{GUILD}/voice-states/{TURBULENCE}");
    let own = format!("/api/v10/guilds/{GUILD}/voice-states/@me");
    let place = json!({"channel_id": stage, "suppress": false});
    moderate(&server, "PATCH", &state, place.clone()).await;
    let (status, answer) = server
        .ask("PATCH", &own, &server.token("turbulence"), place)
        .await;
    assert_eq!(status, 204, "{answer}");
    go_live(&mut turbulence, &stage).await;
    next(&mut turbulence, "STREAM_CREATE").await;
    moderate(
        &server,
        "PATCH",
        &state,
        json!({"channel_id": stage, "suppress": true}),
    )
    .await;
    let ended = next(&mut turbulence, "STREAM_DELETE").await;
    assert_eq!(ended, json!({"stream_key": key, "reason": "unauthorized"}));
    assert!(record(&server, &stage, TURBULENCE).await.is_none());
}

#[tokio::test]
async fn whoever_streams_or_watches_is_not_idle_and_nobody_streams_among_the_idle() {
    let limits = Limits {
        // The clients of these tests send no heartbeats.
        heartbeat_interval: Duration::from_secs(36_000),
        ..Limits::dev()
    };
    let server = Server::with_limits(limits).await;
    let settings = GuildSettings {
        afk_channel_id: Some(VOICE[1].parse().unwrap()),
        afk_timeout: 60,
        ..GuildSettings::default()
    };
    let guild = GUILD.parse().unwrap();
    server
        .directory
        .put_guild_settings(guild, settings)
        .await
        .unwrap();
    let mut owner = live(&server).await;
    let (mut viewer, viewer_id) = watching(&server, "viewer").await;
    let (_idle, idle_id) = beside(&server, "idle").await;
    let room = async |user: &str| {
        let path = format!("/api/v10/guilds/{GUILD}/voice-states/{user}");
        let (_, state) = server.ask("GET", &path, &server.token("Exp"), Value::Null).await;
        state["channel_id"].clone()
    };
    let wait = async || {
        for _ in 0..30 {
            pass(Duration::from_secs(5)).await;
        }
    };
    wait().await;
    assert_eq!(room(&idle_id).await, VOICE[1]);
    assert_eq!([room(TURBULENCE).await, room(&viewer_id).await], [VOICE[0]; 2]);
    about(&mut viewer, 19, &stream_key()).await;
    next(&mut viewer, "STREAM_DELETE").await;
    wait().await;
    assert_eq!(room(&viewer_id).await, VOICE[1]);
    assert_eq!(room(TURBULENCE).await, VOICE[0]);
    owner.voice(Some(GUILD), Some(VOICE[1])).await;
    next(&mut owner, "STREAM_DELETE").await;
    go_live(&mut owner, VOICE[1]).await;
    let refused = next(&mut owner, "STREAM_DELETE").await;
    assert_eq!(refused["reason"], "unauthorized");
}

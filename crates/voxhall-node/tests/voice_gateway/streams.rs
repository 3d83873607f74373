//! Streams beside calls: one session's two connections, and who may publish on which.

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_live::{LinkState, TicketEnd, TicketRecord};
use voxhall_node::core::{ConnectionId, Input, TicketKey};
use voxhall_protocol::gateway::StreamKey;
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_sfu::{Command, RoomId};

use crate::webrtc::CHROME;
use crate::world::{ALICE, BOB, CHANNEL, GUILD, World, select, session_id, ticket};

/// The room of its own that ALICE's stream has, and its server.
const STREAM: ChannelId = ChannelId(77);
const SERVER: u64 = 78;

fn stream_token(user: UserId) -> String {
    format!("stream{}", user.0)
}

/// What control writes for somebody on ALICE's stream in [`CHANNEL`].
fn stream_ticket(user: UserId) -> TicketRecord {
    let owns = user == ALICE;
    let mut record = ticket(user, STREAM);
    record.token = stream_token(user).into();
    record.server_id = SERVER;
    record.guild_id = None;
    record.stream = Some(StreamKey::new(Some(GuildId(GUILD)), CHANNEL, ALICE));
    record.permissions.speak = owns;
    record.permissions.video = owns;
    record
}

fn identify(user: UserId) -> Value {
    json!({
        "server_id": SERVER.to_string(), "channel_id": STREAM, "user_id": user, "session_id": session_id(user),
        "token": stream_token(user), "video": true, "streams": [{"type": "screen", "rid": "100", "quality": 100}]
    })
}

/// The whole handshake on the stream; gives Ready.
fn enter(world: &mut World, user: UserId) -> (ConnectionId, Value) {
    enter_with(world, user, select())
}

fn enter_with(world: &mut World, user: UserId, select: Value) -> (ConnectionId, Value) {
    world.input(Input::Ticket(Box::new(stream_ticket(user))));
    let connection = world.open("9");
    world.send(connection, 0, identify(user));
    let ready = world.received(connection).remove(1);
    world.send(connection, 1, select);
    assert_eq!(world.close_code(connection), None);
    (connection, ready["d"].clone())
}

#[test]
fn one_session_has_a_call_and_a_stream_side_by_side() {
    let mut world = World::new();
    let bob = world.join("9", BOB);
    let call = world.join("9", ALICE);
    let (stream, ready) = enter(&mut world, ALICE);
    assert_eq!(ready["experiments"], json!(["fixed_keyframe_interval"]));
    assert_eq!(
        ready["streams"][0]["type"], "video",
        "a screen is a video like others"
    );
    assert_eq!(
        world.ops(bob),
        [0_u64; 0],
        "the people of the call hear nothing of it"
    );
    assert_eq!(world.ops(call), [0_u64; 0]);
    let rooms: Vec<RoomId> = world
        .commands
        .iter()
        .filter_map(|(_, command)| match command {
            Command::AddMember { room, .. } => Some(*room),
            _ => None,
        })
        .collect();
    assert_eq!(rooms, [RoomId(STREAM.0)]);

    for (lost, server, channel, token) in [
        (stream, SERVER, STREAM, stream_token(ALICE)),
        (call, GUILD, CHANNEL, crate::world::token(ALICE)),
    ] {
        world.lose(lost);
        let again = world.open("9");
        let resume = json!({
            "server_id": server.to_string(), "channel_id": channel, "session_id": session_id(ALICE),
            "token": token, "seq_ack": 0,
        });
        let mixed = world.open("9");
        let mut wrong = resume.clone();
        wrong["server_id"] = json!("1");
        world.send(mixed, 7, wrong);
        assert_eq!(
            world.close_code(mixed),
            Some(4006),
            "the token of one opens no other"
        );
        world.send(again, 7, resume);
        assert_eq!(world.ops(again)[..2], [8, 9]);
        assert_eq!(world.close_code(again), None);
    }
}

#[test]
fn only_the_owner_publishes_on_a_stream() {
    let mut world = World::new();
    let (owner, ready) = enter(&mut world, ALICE);
    let (viewer, own) = enter(&mut world, BOB);
    world.forget();
    let said = |ready: &Value| {
        let layer = &ready["streams"][0];
        let (ssrc, rtx) = (layer["ssrc"].clone(), layer["rtx_ssrc"].clone());
        json!({"audio_ssrc": ready["ssrc"], "video_ssrc": ssrc, "rtx_ssrc": rtx, "streams": [{
            "type": "screen", "rid": "100", "quality": 100, "ssrc": ssrc, "rtx_ssrc": rtx, "active": true,
        }]})
    };
    world.send(viewer, 5, json!({"speaking": 2, "delay": 0, "ssrc": own["ssrc"]}));
    world.send(viewer, 12, said(&own));
    assert_eq!(world.ops(owner), [0_u64; 0]);
    assert!(world.commands.is_empty(), "{:?}", world.commands);
    assert_eq!(world.close_code(viewer), None, "it is ignored, not punished");

    world.send(
        owner,
        5,
        json!({"speaking": 2, "delay": 0, "ssrc": ready["ssrc"]}),
    );
    world.send(owner, 12, said(&ready));
    let told = world.received(viewer);
    assert_eq!((&told[0]["op"], &told[1]["op"]), (&json!(5), &json!(12)));
    assert_eq!(told[0]["d"]["speaking"], 2);
    assert_eq!(told[1]["d"]["video_ssrc"], ready["streams"][0]["ssrc"]);
    assert!(
        matches!(&world.commands[..], [(_, Command::Publish { video, .. })] if video.layers.len() == 1),
        "{:?}",
        world.commands
    );
}

#[test]
fn a_stream_that_ends_leaves_the_call_alone() {
    let mut world = World::new();
    let call = world.join("9", ALICE);
    let (owner, _) = enter(&mut world, ALICE);
    let (viewer, _) = enter(&mut world, BOB);
    world.forget();
    for user in [ALICE, BOB] {
        let mut ended = stream_ticket(user);
        ended.ended = Some(TicketEnd::CallTerminated);
        world.input(Input::Ticket(Box::new(ended)));
        world.input(Input::TicketDeleted(TicketKey {
            channel: STREAM,
            user,
        }));
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(world.close_code(owner), Some(4022));
    assert_eq!(world.close_code(viewer), Some(4022));
    assert_eq!(world.close_code(call), None);
    let of_call = TicketKey {
        channel: CHANNEL,
        user: ALICE,
    };
    assert!(
        world
            .links
            .iter()
            .all(|(key, state)| *key != of_call && *state != Some(LinkState::Connected)),
        "{:?}",
        world.links
    );
}

#[test]
fn nor_does_a_browser_that_watches_name_sources_of_its_own() {
    let mut world = World::new();
    let (owner, _) = enter(&mut world, ALICE);
    let browser = json!({"protocol": "webrtc", "data": CHROME, "codecs": [
        {"name": "opus", "type": "audio", "priority": 1000, "payload_type": 111},
        {"name": "H264", "type": "video", "priority": 1000, "payload_type": 102, "rtx_payload_type": 121},
    ]});
    let (viewer, _) = enter_with(&mut world, BOB, browser);
    world.forget();
    world.send(
        viewer,
        5,
        json!({"speaking": 1, "delay": 0, "ssrc": 1_331_704_490}),
    );
    let camera = json!({"audio_ssrc": 1_331_704_490, "video_ssrc": 5000, "rtx_ssrc": 5001, "streams": [{
        "type": "video", "rid": "100", "quality": 100, "ssrc": 5000, "rtx_ssrc": 5001, "active": true,
    }]});
    world.send(viewer, 12, camera);
    assert!(world.commands.is_empty(), "{:?}", world.commands);
    assert_eq!(world.ops(owner), [0_u64; 0]);
    assert_eq!(world.close_code(viewer), None);
}

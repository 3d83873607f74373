//! Going live, watching, pausing and stopping; and what is refused.

use serde_json::{Value, json};
use voxhall_control::Limits;
use voxhall_protocol::model::Permissions;

use super::{
    about, beside, go_live, key_in, live, next, record, silent, stream_key, stream_ticket, watching,
};
use crate::harness::{EXP, GUILD, PRIVATE, Server, TEXT, TURBULENCE, VOICE, assert_contains};

#[tokio::test]
async fn the_owner_is_told_where_to_send_and_the_room_that_it_streams() {
    let server = Server::start().await;
    let (mut owner, ready) = server.person("turbulence").await;
    let mut other = server.bot("other").await;
    owner.voice(Some(GUILD), Some(VOICE[0])).await;
    owner.several(2).await;
    other.expect("VOICE_STATE_UPDATE").await;
    go_live(&mut owner, VOICE[0]).await;
    let told = owner.several(3).await;
    assert_eq!(
        crate::harness::names(&told),
        ["STREAM_CREATE", "VOICE_STATE_UPDATE", "STREAM_SERVER_UPDATE"]
    );
    let (created, state, server_update) = (&told[0].1, &told[1].1, &told[2].1);
    assert_contains(
        created,
        &json!({"stream_key": stream_key(), "viewer_ids": [], "paused": false, "region": "rotterdam"}),
    );
    let [server_id, channel_id] = ["rtc_server_id", "rtc_channel_id"]
        .map(|name| created[name].as_str().unwrap().parse::<u64>().unwrap());
    assert_eq!(server_id, channel_id + 1);
    assert_contains(
        server_update,
        &json!({"stream_key": stream_key(), "guild_id": null, "endpoint": "127.0.0.1:4433"}),
    );
    assert_eq!(server_update["token"].as_str().unwrap().len(), 16);
    assert_eq!(state["self_stream"], true);
    assert_eq!(other.expect("VOICE_STATE_UPDATE").await["self_stream"], true);
    silent(&mut other).await;

    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    let ticket = stream_ticket(&server, &stream, TURBULENCE).await.unwrap();
    assert_eq!(
        ticket.session_id, ready["session_id"],
        "the session of its voice state"
    );
    assert_eq!((ticket.server_id, ticket.channel_id.0), (server_id, channel_id));
    assert!(ticket.permissions.speak && ticket.permissions.video);
    let own = server
        .ticket(VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap())
        .await;
    assert_ne!(own.unwrap().token, ticket.token, "the call goes on beside it");
}

#[tokio::test]
async fn a_viewer_is_told_the_same_two_and_everybody_who_takes_part_who_watches() {
    let server = Server::start().await;
    let mut owner = live(&server).await;
    let (mut first, first_id) = watching(&server, "first").await;
    let update = next(&mut owner, "STREAM_UPDATE").await;
    assert_eq!(
        update,
        json!({"stream_key": stream_key(), "region": "rotterdam", "viewer_ids": [first_id], "paused": false})
    );
    let (mut second, second_id) = beside(&server, "second").await;
    about(&mut second, 20, &stream_key()).await;
    let both = json!([first_id, second_id]);
    let created = next(&mut second, "STREAM_CREATE").await;
    assert_eq!(created["viewer_ids"], both);
    assert_eq!(second.expect("STREAM_UPDATE").await["viewer_ids"], both);
    let where_to = second.expect("STREAM_SERVER_UPDATE").await;
    assert_eq!(where_to["endpoint"], "127.0.0.1:4433");
    for told in [&mut owner, &mut first] {
        assert_eq!(next(told, "STREAM_UPDATE").await["viewer_ids"], both);
    }

    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    let ticket = stream_ticket(&server, &stream, &second_id).await.unwrap();
    assert_eq!(ticket.token.expose(), where_to["token"].as_str().unwrap());
    assert!(
        !ticket.permissions.speak && !ticket.permissions.video,
        "viewers publish nothing"
    );
    assert!(ticket.permissions.hear && ticket.permissions.see);

    about(&mut first, 19, &stream_key()).await;
    let gone = next(&mut first, "STREAM_DELETE").await;
    assert_eq!(
        gone,
        json!({"stream_key": stream_key(), "reason": "user_requested"})
    );
    for told in [&mut owner, &mut second] {
        assert_eq!(
            next(told, "STREAM_UPDATE").await["viewer_ids"],
            json!([second_id])
        );
    }
    assert!(stream_ticket(&server, &stream, &first_id).await.is_none());
    silent(&mut first).await;
}

#[tokio::test]
async fn the_owner_ends_it() {
    let server = Server::start().await;
    let mut owner = live(&server).await;
    let (mut viewer, _) = watching(&server, "viewer").await;
    next(&mut owner, "STREAM_UPDATE").await;
    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    about(&mut owner, 19, &stream_key()).await;
    assert_eq!(
        owner.expect("STREAM_DELETE").await,
        json!({"stream_key": stream_key(), "reason": "user_requested"})
    );
    assert_eq!(owner.expect("VOICE_STATE_UPDATE").await.get("self_stream"), None);
    assert_eq!(
        next(&mut viewer, "STREAM_DELETE").await,
        json!({"stream_key": stream_key(), "reason": "stream_ended"})
    );
    assert_eq!(
        next(&mut viewer, "VOICE_STATE_UPDATE").await["channel_id"],
        VOICE[0]
    );
    assert_eq!(super::tickets(&server, stream.rtc_channel_id).await, 0);
    assert!(record(&server, VOICE[0], TURBULENCE).await.is_none());

    go_live(&mut owner, VOICE[0]).await;
    let again = owner.expect("STREAM_CREATE").await;
    assert_ne!(
        again["rtc_channel_id"],
        stream.rtc_channel_id.to_string(),
        "it is another stream"
    );
    about(&mut viewer, 19, &stream_key()).await;
    silent(&mut viewer).await;
}

#[tokio::test]
async fn pausing_comes_in_the_same_breath_as_going_live() {
    let server = Server::start().await;
    let (mut owner, _) = server.person("turbulence").await;
    owner.voice(Some(GUILD), Some(VOICE[0])).await;
    owner.several(2).await;
    go_live(&mut owner, VOICE[0]).await;
    let pause = |paused| json!({"op": 22, "d": {"stream_key": stream_key(), "paused": paused}});
    owner.send(pause(true)).await;
    let update = next(&mut owner, "STREAM_UPDATE").await;
    assert_contains(
        &update,
        &json!({"stream_key": stream_key(), "paused": true, "viewer_ids": []}),
    );
    let (mut viewer, _) = beside(&server, "viewer").await;
    about(&mut viewer, 20, &stream_key()).await;
    assert_eq!(next(&mut viewer, "STREAM_CREATE").await["paused"], true);
    viewer.send(pause(false)).await;
    viewer
        .send(json!({"op": 22, "d": {"stream_key": "guild:1", "paused": false}}))
        .await;
    assert_eq!(
        next(&mut viewer, "STREAM_DELETE").await,
        json!({"stream_key": "guild:1", "reason": "parse_failed"})
    );
    assert!(
        record(&server, VOICE[0], TURBULENCE).await.unwrap().paused,
        "viewers pause nothing"
    );
    owner.send(pause(false)).await;
    next(&mut viewer, "STREAM_UPDATE").await;
    assert!(!record(&server, VOICE[0], TURBULENCE).await.unwrap().paused);
}

#[tokio::test]
async fn in_a_private_call() {
    let server = Server::start().await;
    let (mut owner, _) = server.person("turbulence").await;
    let (mut viewer, _) = server.person("Exp").await;
    let mut outsider = server.bot("outsider").await;
    owner.voice(None, Some(PRIVATE)).await;
    next(&mut owner, "VOICE_SERVER_UPDATE").await;
    viewer.voice(None, Some(PRIVATE)).await;
    next(&mut viewer, "VOICE_SERVER_UPDATE").await;
    owner
        .send(json!({"op": 18, "d": {"type": "call", "channel_id": PRIVATE}}))
        .await;
    let key = format!("call:{PRIVATE}:{TURBULENCE}");
    assert_eq!(next(&mut owner, "STREAM_CREATE").await["stream_key"], key);
    assert_eq!(next(&mut viewer, "VOICE_STATE_UPDATE").await["self_stream"], true);
    about(&mut viewer, 20, &key).await;
    assert_eq!(
        next(&mut viewer, "STREAM_CREATE").await["viewer_ids"],
        json!([EXP])
    );
    about(&mut outsider, 20, &key).await;
    assert_contains(
        &next(&mut outsider, "STREAM_DELETE").await,
        &json!({"stream_key": key, "reason": "invalid_channel"}),
    );
}

/// The reason with which the next stream is refused.
async fn refusal(client: &mut crate::harness::Client) -> (String, Value) {
    let refused = next(client, "STREAM_DELETE").await;
    (
        refused["stream_key"].as_str().unwrap().to_owned(),
        refused["reason"].clone(),
    )
}

#[tokio::test]
async fn whoever_is_not_in_the_room_gets_no_stream_there() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let wrong = |scope: &str, guild: Option<&str>, channel: &str| json!({"op": 18, "d": {"type": scope, "guild_id": guild, "channel_id": channel}});
    // In no room.
    go_live(&mut turbulence, VOICE[0]).await;
    assert_eq!(
        refusal(&mut turbulence).await,
        (stream_key(), json!("invalid_channel"))
    );
    turbulence.voice(Some(GUILD), Some(VOICE[0])).await;
    next(&mut turbulence, "VOICE_SERVER_UPDATE").await;
    // In another room, in another guild, of another kind, of no kind.
    let call = format!("call:{}:{TURBULENCE}", VOICE[0]);
    for (request, key, reason) in [
        (
            wrong("guild", Some(GUILD), VOICE[1]),
            key_in(VOICE[1], TURBULENCE),
            "invalid_channel",
        ),
        (
            wrong("guild", Some(GUILD), TEXT),
            key_in(TEXT, TURBULENCE),
            "invalid_channel",
        ),
        (
            wrong("guild", Some("5"), VOICE[0]),
            format!("guild:5:{}:{TURBULENCE}", VOICE[0]),
            "invalid_channel",
        ),
        (wrong("call", None, VOICE[0]), call.clone(), "invalid_channel"),
        (
            wrong("guild", None, VOICE[0]),
            format!("guild:{}:{TURBULENCE}", VOICE[0]),
            "parse_failed",
        ),
        (
            wrong("lobby", None, VOICE[0]),
            format!("lobby:{}:{TURBULENCE}", VOICE[0]),
            "parse_failed",
        ),
    ] {
        turbulence.send(request).await;
        assert_eq!(refusal(&mut turbulence).await, (key, json!(reason)));
    }
    assert!(record(&server, VOICE[0], TURBULENCE).await.is_none());

    go_live(&mut turbulence, VOICE[0]).await;
    next(&mut turbulence, "STREAM_CREATE").await;
    // Another session of the same account is not the one in the room.
    let (mut elsewhere, _) = server.person("turbulence").await;
    go_live(&mut elsewhere, VOICE[0]).await;
    assert_eq!(
        refusal(&mut elsewhere).await,
        (stream_key(), json!("invalid_channel"))
    );
    about(&mut elsewhere, 19, &stream_key()).await;
    silent(&mut elsewhere).await;
    assert!(record(&server, VOICE[0], TURBULENCE).await.is_some());

    let (mut viewer, id) = beside(&server, "viewer").await;
    for (key, reason) in [
        (key_in(VOICE[0], &id), "stream_ended"),
        (key_in(VOICE[1], TURBULENCE), "invalid_channel"),
        (call, "invalid_channel"),
        (format!("guild:5:{}:{TURBULENCE}", VOICE[0]), "invalid_channel"),
        ("nonsense".to_owned(), "parse_failed"),
        (String::new(), "parse_failed"),
    ] {
        about(&mut viewer, 20, &key).await;
        assert_eq!(refusal(&mut viewer).await, (key, json!(reason)));
    }
    let mut outside = server.bot("outside").await;
    about(&mut outside, 20, &stream_key()).await;
    assert_eq!(
        refusal(&mut outside).await,
        (stream_key(), json!("invalid_channel"))
    );
}

#[tokio::test]
async fn streaming_needs_the_right_to() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    next(&mut client, "VOICE_SERVER_UPDATE").await;
    let deny = json!({"type": 0, "allow": "0", "deny": Permissions::STREAM.bits().to_string()});
    let path = format!("/channels/{}/permissions/{GUILD}", VOICE[0]);
    super::moderate(&server, "PUT", &path, deny).await;
    go_live(&mut client, VOICE[0]).await;
    assert_eq!(refusal(&mut client).await, (stream_key(), json!("unauthorized")));
    super::moderate(&server, "DELETE", &path, Value::Null).await;
    go_live(&mut client, VOICE[0]).await;
    next(&mut client, "STREAM_CREATE").await;
}

#[tokio::test]
async fn a_stream_has_so_many_viewers_and_a_room_so_many_streams() {
    let server = Server::with_limits(Limits {
        stream_viewers: 1,
        ..Limits::dev()
    })
    .await;
    let _owner = live(&server).await;
    let (mut first, _) = watching(&server, "first").await;
    let (mut second, _) = beside(&server, "second").await;
    about(&mut second, 20, &stream_key()).await;
    assert_eq!(refusal(&mut second).await, (stream_key(), json!("stream_full")));
    about(&mut first, 19, &stream_key()).await;
    next(&mut first, "STREAM_DELETE").await;
    about(&mut second, 20, &stream_key()).await;
    next(&mut second, "STREAM_CREATE").await;

    // 25 streams; the guild's owner has one more.
    for number in 1..25 {
        let (mut bot, id) = beside(&server, &format!("streamer {number}")).await;
        go_live(&mut bot, VOICE[0]).await;
        assert_eq!(
            next(&mut bot, "STREAM_CREATE").await["stream_key"],
            key_in(VOICE[0], &id)
        );
    }
    let (mut late, id) = beside(&server, "late").await;
    go_live(&mut late, VOICE[0]).await;
    assert_eq!(
        refusal(&mut late).await,
        (key_in(VOICE[0], &id), json!("stream_full"))
    );
    let (mut exp, _) = server.person("Exp").await;
    exp.voice(Some(GUILD), Some(VOICE[0])).await;
    next(&mut exp, "VOICE_SERVER_UPDATE").await;
    go_live(&mut exp, VOICE[0]).await;
    assert_eq!(
        next(&mut exp, "STREAM_CREATE").await["stream_key"],
        key_in(VOICE[0], EXP)
    );
}

#[tokio::test]
async fn what_is_malformed_beyond_its_key_closes_the_socket() {
    let server = Server::start().await;
    for message in [
        json!({"op": 18, "d": {"type": "guild"}}),
        json!({"op": 20, "d": {"stream_key": 5}}),
        json!({"op": 22, "d": {"stream_key": "call:1:2"}}),
        json!({"op": 19, "d": null}),
    ] {
        let mut client = server.bot("careless").await;
        client.send(message).await;
        assert_eq!(client.close_code().await, 4002);
    }
}

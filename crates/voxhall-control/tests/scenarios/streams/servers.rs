//! Where a stream stands: asking again, lost nodes, other regions.

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_control::Limits;
use voxhall_live::LinkState;

use super::{
    about, beside, go_live, link, live, local, next, record, silent, stream_key, stream_ticket, watching,
};
use crate::harness::{GUILD, Server, TURBULENCE, VOICE, assert_contains, pass, settle};

#[tokio::test]
async fn asking_again_is_answered_with_a_new_way_only_if_the_old_one_is_lost() {
    let limits = Limits {
        heartbeat_interval: Duration::from_secs(36_000),
        ..Limits::dev()
    };
    let server = Server::with_limits(limits).await;
    let mut owner = live(&server).await;
    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    let token = async || stream_ticket(&server, &stream, TURBULENCE).await.unwrap().token;
    let first = token().await;
    link(&server, &stream, TURBULENCE, LinkState::Connected).await;
    for op in [18, 20] {
        if op == 18 {
            go_live(&mut owner, VOICE[0]).await;
        } else {
            about(&mut owner, op, &stream_key()).await;
        }
        let told = owner.expect("STREAM_CREATE").await;
        assert_eq!(told["rtc_channel_id"], stream.rtc_channel_id.to_string());
    }
    about(&mut owner, 21, &stream_key()).await;
    silent(&mut owner).await;
    assert_eq!(token().await, first);
    // It seems to live, and is found lost a second later.
    about(&mut owner, 20, &stream_key()).await;
    owner.expect("STREAM_CREATE").await;
    settle().await;
    link(&server, &stream, TURBULENCE, LinkState::Gone).await;
    pass(Duration::from_secs(2)).await;
    let update = owner.expect("STREAM_SERVER_UPDATE").await;
    let second = token().await;
    assert_eq!(update["token"].as_str().unwrap(), second.expose());
    assert_ne!(second, first);
    // Lost at once.
    link(&server, &stream, TURBULENCE, LinkState::Gone).await;
    about(&mut owner, 21, &stream_key()).await;
    owner.expect("STREAM_SERVER_UPDATE").await;
    link(&server, &stream, TURBULENCE, LinkState::Detached).await;
    go_live(&mut owner, VOICE[0]).await;
    owner.expect("STREAM_CREATE").await;
    owner.expect("STREAM_SERVER_UPDATE").await;

    // Strangers ask in vain.
    let (mut stranger, _) = beside(&server, "stranger").await;
    about(&mut stranger, 21, &stream_key()).await;
    silent(&mut stranger).await;
}

#[tokio::test]
async fn a_lost_node_takes_no_stream_with_it() {
    let server = Server::start().await;
    let mut owner = live(&server).await;
    let (mut viewer, viewer_id) = watching(&server, "viewer").await;
    next(&mut owner, "STREAM_UPDATE").await;
    server.add_node("spare", "spare.example:443").await;
    server.remove_node("local").await;
    for client in [&mut owner, &mut viewer] {
        let gone = next(client, "STREAM_SERVER_UPDATE").await;
        assert_contains(&gone, &json!({"stream_key": stream_key(), "endpoint": null}));
        let there = next(client, "STREAM_SERVER_UPDATE").await;
        assert_eq!(there["endpoint"], "spare.example:443");
        assert_ne!(there["token"], gone["token"]);
    }
    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    assert_ne!(stream.node, local());
    assert_eq!(stream.viewers.len(), 1);
    assert!(
        stream_ticket(&server, &stream, &viewer_id).await.is_none(),
        "nothing is left on the lost one"
    );
}

#[tokio::test]
async fn without_any_node_a_stream_waits_and_none_begins() {
    let server = Server::start().await;
    let mut owner = live(&server).await;
    let (mut viewer, _) = beside(&server, "viewer").await;
    server.remove_node("local").await;
    assert_eq!(
        next(&mut owner, "STREAM_SERVER_UPDATE").await["endpoint"],
        Value::Null
    );
    about(&mut viewer, 20, &stream_key()).await;
    next(&mut viewer, "STREAM_CREATE").await;
    go_live(&mut viewer, VOICE[0]).await;
    let refused = next(&mut viewer, "STREAM_DELETE").await;
    assert_eq!(
        (refused.get("reason"), &refused["unavailable"]),
        (None, &json!(true))
    );
    server.add_node("local", "new.example:443").await;
    for client in [&mut owner, &mut viewer] {
        let there = next(client, "STREAM_SERVER_UPDATE").await;
        assert_eq!(there["endpoint"], "new.example:443");
    }
}

#[tokio::test]
async fn the_owner_moves_it_to_another_region() {
    let server = Server::in_regions(&["rotterdam", "oslo"]).await;
    server
        .add_node_in("local", "rotterdam.example", "rotterdam")
        .await;
    server.add_node_in("north", "oslo.example", "oslo").await;
    let (mut owner, _) = server.person("turbulence").await;
    owner.voice(Some(GUILD), Some(VOICE[0])).await;
    next(&mut owner, "VOICE_SERVER_UPDATE").await;
    let wish =
        json!({"type": "guild", "guild_id": GUILD, "channel_id": VOICE[0], "preferred_region": "oslo"});
    owner.send(json!({"op": 18, "d": wish})).await;
    assert_eq!(next(&mut owner, "STREAM_CREATE").await["region"], "oslo");
    assert_eq!(
        next(&mut owner, "STREAM_SERVER_UPDATE").await["endpoint"],
        "oslo.example"
    );

    let path = format!("/api/v10/streams/{}/stream", stream_key());
    let token = server.token("turbulence");
    let (status, _) = server
        .ask("PATCH", &path, &token, json!({"region": "rotterdam"}))
        .await;
    assert_eq!(status, 204);
    assert_eq!(next(&mut owner, "STREAM_UPDATE").await["region"], "rotterdam");
    assert_eq!(
        next(&mut owner, "STREAM_SERVER_UPDATE").await["endpoint"],
        "rotterdam.example"
    );
    let stream = record(&server, VOICE[0], TURBULENCE).await.unwrap();
    assert_eq!(super::tickets(&server, stream.rtc_channel_id).await, 1);

    let refused = server
        .ask("PATCH", &path, &token, json!({"region": "atlantis"}))
        .await;
    assert_eq!((refused.0, &refused.1["code"]), (400, &json!(50035)));
    let (status, _) = server
        .ask("PATCH", &path, &server.token("Exp"), json!({"region": "oslo"}))
        .await;
    assert_eq!(status, 403);
    about(&mut owner, 19, &stream_key()).await;
    next(&mut owner, "STREAM_DELETE").await;
    let (status, answer) = server
        .ask("PATCH", &path, &token, json!({"region": "oslo"}))
        .await;
    assert_eq!((status, &answer["message"]), (404, &json!("Unknown Stream")));
}

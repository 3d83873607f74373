//! A media node dies: its calls go elsewhere.

use serde_json::{Value, json};
use voxhall_control::Limits;

use crate::harness::{EXP, GUILD, PRIVATE, Server, TURBULENCE, VOICE, names, settle};

/// A client that wants to be told of running calls when it logs in.
const AUTO_CALL_CONNECT: u64 = 1 << 12;

#[tokio::test]
async fn to_another_node() {
    let server = Server::start().await;
    let mut bot = server.bot("one").await;
    let (mut turbulence, _) = server.person("turbulence").await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.several(2).await;
    turbulence.expect("VOICE_STATE_UPDATE").await;
    turbulence.voice(None, Some(PRIVATE)).await;
    turbulence.several(4).await;
    server.add_node("spare", "spare.example:443").await;
    server.remove_node("local").await;
    let told = bot.several(2).await;
    assert_moved(&told[0], &told[1]);
    // A private call is gone meanwhile.
    let told = turbulence.several(4).await;
    assert_eq!(told[0].0, "CALL_DELETE");
    assert_eq!(told[0].1, json!({"channel_id": PRIVATE, "unavailable": true}));
    assert_eq!(told[2].0, "CALL_CREATE");
    assert_eq!(told[2].1["voice_states"][0]["user_id"], TURBULENCE);
    assert_moved(&told[1], &told[3]);
}

fn assert_moved(gone: &(String, Value), there: &(String, Value)) {
    assert_eq!(
        (&*gone.0, &*there.0),
        ("VOICE_SERVER_UPDATE", "VOICE_SERVER_UPDATE")
    );
    assert_eq!(gone.1["endpoint"], Value::Null);
    assert_eq!(there.1["endpoint"], "spare.example:443");
    assert_ne!(gone.1["token"], there.1["token"]);
}

#[tokio::test]
async fn a_private_call_is_unavailable_until_its_node_is_back() {
    let server = Server::start().await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    turbulence.voice(None, Some(PRIVATE)).await;
    turbulence.several(4).await;
    exp.several(3).await;
    let ring = format!("/api/v9/channels/{PRIVATE}/call/ring");
    server
        .request("POST", &ring, &server.token("turbulence"), "{}")
        .await;
    exp.expect("CALL_UPDATE").await;
    server.remove_node("local").await;
    assert_eq!(exp.expect("CALL_DELETE").await["unavailable"], true);
    exp.send(json!({"op": 13, "d": {"channel_id": PRIVATE}})).await;
    exp.send(json!({"op": 1, "d": null})).await;
    assert_eq!(exp.receive().await["op"], 11, "there is no call to tell of");
    let mut late = server.greet("?v=9&encoding=json").await;
    let identify = json!({"token": server.token("Exp"), "capabilities": AUTO_CALL_CONNECT, "properties": {}});
    late.send(json!({"op": 2, "d": identify})).await;
    late.expect("READY").await;
    late.send(json!({"op": 1, "d": null})).await;
    assert_eq!(late.receive().await["op"], 11, "nor to who logs in now");
    server.add_node("local", "127.0.0.1:4433").await;
    let call = exp.expect("CALL_CREATE").await;
    assert_eq!(call["ringing"], json!([EXP]));
    assert_eq!(call["voice_states"][0]["user_id"], TURBULENCE);
    assert_eq!(
        names(&turbulence.several(5).await)[1..],
        [
            "CALL_DELETE",
            "VOICE_SERVER_UPDATE",
            "CALL_CREATE",
            "VOICE_SERVER_UPDATE"
        ]
    );
}

#[tokio::test]
async fn to_one_that_comes_later() {
    let server = Server::start().await;
    let mut bot = server.bot("one").await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.several(2).await;
    server.remove_node("local").await;
    assert_eq!(bot.expect("VOICE_SERVER_UPDATE").await["endpoint"], Value::Null);
    // Flags may change meanwhile; a server is not to be had.
    bot.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    server.add_node("local", "new.example:443").await;
    assert_eq!(
        bot.expect("VOICE_SERVER_UPDATE").await["endpoint"],
        "new.example:443"
    );
}

#[tokio::test]
async fn without_any_node_nobody_joins_and_nobody_is_moved_out() {
    let server = Server::without_node(Limits::dev()).await;
    let mut bot = server.bot("early").await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    settle().await;
    server.add_node("local", "127.0.0.1:4433").await;
    bot.voice(Some(GUILD), Some(VOICE[1])).await;
    let state = bot.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(state["channel_id"], VOICE[1], "the first op 4 was refused");
}

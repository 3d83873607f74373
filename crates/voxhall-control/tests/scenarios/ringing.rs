//! Ringing in private calls (gateway-and-calls, sections 6.1 and 6.4).

use std::time::Duration;

use serde_json::json;
use voxhall_control::Limits;

use crate::harness::{Client, EXP, GUILD, PRIVATE, Server, TURBULENCE, VOICE, names, pass, settle};

async fn call(server: &Server) -> (Client, Client) {
    let (mut turbulence, _) = server.person("turbulence").await;
    let (mut exp, _) = server.person("Exp").await;
    turbulence.voice(None, Some(PRIVATE)).await;
    turbulence.several(4).await;
    exp.several(3).await;
    (turbulence, exp)
}

fn path(what: &str) -> String {
    format!("/api/v9/channels/{PRIVATE}/call{what}")
}

#[tokio::test]
async fn declining_taking_back_and_no_answer() {
    let limits = Limits {
        // The clients of this test send no heartbeats.
        heartbeat_interval: Duration::from_secs(3600),
        ..Limits::dev()
    };
    let server = Server::with_limits(limits).await;
    let (mut turbulence, mut exp) = call(&server).await;
    let (caller, called) = (server.token("turbulence"), server.token("Exp"));
    let ring = format!(r#"{{"recipients":[{EXP}]}}"#);
    let decline = [
        (&called, "{}".to_owned()),
        (&caller, ring.clone()),
        (&called, String::new()),
    ];
    for (token, body) in decline {
        assert_eq!(
            server
                .request("POST", &path("/ring"), &caller, &ring)
                .await
                .0
                .as_u16(),
            204
        );
        assert_eq!(turbulence.expect("CALL_UPDATE").await["ringing"], json!([EXP]));
        assert_eq!(
            server
                .request("POST", &path("/stop-ringing"), token, &body)
                .await
                .0
                .as_u16(),
            204
        );
        assert_eq!(turbulence.expect("CALL_UPDATE").await["ringing"], json!([]));
    }
    assert_eq!(exp.several(6).await.len(), 6, "the other side sees the same");

    server.request("POST", &path("/ring"), &caller, "{}").await;
    assert_eq!(turbulence.expect("CALL_UPDATE").await["ringing"], json!([EXP]));
    pass(Duration::from_secs(29)).await;
    // Ringing again begins the time anew and changes nothing that could be told.
    server.request("POST", &path("/ring"), &caller, "{}").await;
    settle().await;
    pass(Duration::from_secs(29)).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(turbulence.expect("CALL_UPDATE").await["ringing"], json!([]));
}

#[tokio::test]
async fn who_may_ring_whom() {
    let server = Server::start().await;
    let caller = server.token("turbulence");
    let expect = async |token: &str, method: &str, path: &str, body: &str, status: u16, code: u32| {
        let (got, _, answer) = server.request(method, path, token, body).await;
        assert_eq!(
            (got.as_u16(), &answer["code"]),
            (status, &json!(code)),
            "{method} {path} {body}: {answer}"
        );
    };
    for (method, what) in [("POST", "/ring"), ("POST", "/stop-ringing"), ("PATCH", "")] {
        expect(&caller, method, &path(what), "{}", 404, 0).await;
    }
    let (status, _, body) = server.request("GET", &path(""), &caller, "").await;
    assert_eq!((status.as_u16(), body), (200, json!({"ringable": true})));
    let _clients = call(&server).await;
    expect("Bot somebody", "POST", &path("/ring"), "{}", 403, 20001).await;
    expect(&caller, "POST", "/api/v9/channels/5/call/ring", "{}", 404, 10003).await;
    expect(
        &caller,
        "POST",
        &path("/ring"),
        r#"{"recipients":["5"]}"#,
        400,
        50035,
    )
    .await;
    expect(&caller, "POST", &path("/ring"), r#"{"recipients":5}"#, 400, 50035).await;
    expect(&caller, "POST", &path("/ring"), "{", 400, 50109).await;
    expect(
        &caller,
        "PATCH",
        &path(""),
        r#"{"region":"atlantis"}"#,
        400,
        50035,
    )
    .await;
    let in_guild = format!("/api/v9/channels/{}/call", VOICE[0]);
    expect(&caller, "GET", &in_guild, "", 400, 50024).await;
}

#[tokio::test]
async fn op_13_tells_of_a_running_call() {
    let server = Server::start().await;
    let (mut late, _) = server.person("Exp").await;
    late.send(json!({"op": 13, "d": {"channel_id": PRIVATE}})).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    turbulence.voice(None, Some(PRIVATE)).await;
    turbulence.several(4).await;
    server
        .request("POST", &path("/ring"), &server.token("turbulence"), "{}")
        .await;
    turbulence.expect("CALL_UPDATE").await;
    let before = late.several(4).await;
    assert_eq!(before[0].0, "MESSAGE_CREATE", "no answer while there was no call");
    late.send(json!({"op": 13, "d": {"channel_id": PRIVATE.parse::<u64>().unwrap()}}))
        .await;
    let call = late.expect("CALL_CREATE").await;
    assert_eq!(call["ringing"], json!([EXP]));
    assert_eq!(call["voice_states"][0]["user_id"], TURBULENCE);
    // Neither for strangers nor for bots, nor where no call can be.
    let mut bot = server.bot("stranger").await;
    bot.send(json!({"op": 13, "d": {"channel_id": PRIVATE}})).await;
    bot.send(json!({"op": 13, "d": {"channel_id": VOICE[0]}})).await;
    bot.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    bot.expect("SOUNDBOARD_SOUNDS").await;
}

#[tokio::test]
async fn a_changed_region_moves_everybody() {
    let server = Server::in_regions(&["rotterdam", "oslo"]).await;
    server
        .add_node_in("local", "rotterdam.example", "rotterdam")
        .await;
    let (mut turbulence, mut exp) = call(&server).await;
    exp.voice(None, Some(PRIVATE)).await;
    let joined = exp.several(3).await;
    assert_eq!(
        names(&joined),
        ["MESSAGE_UPDATE", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"]
    );
    turbulence.several(2).await;
    server.add_node_in("north", "oslo.example", "oslo").await;
    settle().await;
    let (channel, user) = (PRIVATE.parse().unwrap(), TURBULENCE.parse().unwrap());
    let old = server.ticket(channel, user).await.unwrap();
    let token = server.token("Exp");
    let (status, ..) = server
        .request("PATCH", &path(""), &token, r#"{"region":"oslo"}"#)
        .await;
    assert_eq!(status.as_u16(), 204);
    for client in [&mut turbulence, &mut exp] {
        assert_eq!(client.expect("CALL_UPDATE").await["region"], "oslo");
        let update = client.expect("VOICE_SERVER_UPDATE").await;
        assert_eq!(update["endpoint"], "oslo.example");
        assert_ne!(update["token"], *old.token.expose());
    }
    settle().await;
    assert!(
        server.ticket(channel, user).await.is_none(),
        "nobody connects to the old node"
    );

    // The same region once more: nothing to tell but where to connect anew.
    server
        .request("PATCH", &path(""), &token, r#"{"region":"oslo"}"#)
        .await;
    turbulence.expect("VOICE_SERVER_UPDATE").await;
}

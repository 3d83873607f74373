//! When VOICE_SERVER_UPDATE is sent and when not (gateway-and-calls, sections 4.2, 4.3 and 4.5).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use voxhall_live::{LinkState, Platform};
use voxhall_protocol::ids::UserId;

use crate::harness::{GUILD, PRIVATE, Server, TURBULENCE, VOICE, names, pass, settle};

#[tokio::test]
async fn the_state_comes_first_and_the_server_a_pause_later() {
    let server = Server::start().await;
    let mut bot = server.bot("pause").await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    let state_came = Instant::now();
    let update = bot.expect("VOICE_SERVER_UPDATE").await;
    // The server counts from its own write, a moment before the client's read.
    assert!(
        state_came.elapsed() >= Duration::from_millis(8),
        "{:?}",
        state_came.elapsed()
    );
    assert_eq!(update["endpoint"], "127.0.0.1:4433");
    assert_eq!(update["guild_id"], GUILD);
    assert!(update.get("channel_id").is_none());
    let token = update["token"].as_str().unwrap();
    assert!(token.len() == 16 && token.bytes().all(|digit| digit.is_ascii_hexdigit()));
}

#[tokio::test]
async fn the_ticket_says_on_what_kind_of_device_the_session_is() {
    let server = Server::start().await;
    let mut client = server.greet("?v=9&encoding=json").await;
    let properties = json!({"os": "Android", "browser": "Discord Android"});
    let identify = json!({"token": server.token("turbulence"), "capabilities": 0, "properties": properties});
    client.send(json!({"op": 2, "d": identify})).await;
    client.expect("READY").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.expect("VOICE_STATE_UPDATE").await;
    client.expect("VOICE_SERVER_UPDATE").await;
    let ticket = server
        .ticket(VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap())
        .await;
    assert_eq!(ticket.unwrap().platform, Platform::Mobile);
}

#[tokio::test]
async fn the_same_again_is_answered_by_whether_the_voice_connection_lives() {
    let server = Server::start().await;
    let (mut client, ready) = server.person("turbulence").await;
    assert!(ready["session_id"].is_string());
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.expect("VOICE_STATE_UPDATE").await;
    let first = client.expect("VOICE_SERVER_UPDATE").await;

    // Alive: the repetition is confirmed, flags change, no new server.
    server.link(VOICE[0], TURBULENCE, LinkState::Connected).await;
    settle().await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.expect("VOICE_STATE_UPDATE").await;
    client.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["self_mute"], true);
    client.voice_with(Some(GUILD), Some(VOICE[0]), false).await;
    client.expect("VOICE_STATE_UPDATE").await;

    // Lost: the very same op 4 brings a new token.
    for state in [LinkState::Detached, LinkState::Gone] {
        server.link(VOICE[0], TURBULENCE, state).await;
        settle().await;
        client.voice(Some(GUILD), Some(VOICE[0])).await;
        client.expect("VOICE_STATE_UPDATE").await;
        let again = client.expect("VOICE_SERVER_UPDATE").await;
        assert_ne!(again["token"], first["token"]);
        pass(Duration::from_millis(60)).await;
        let confirmed = client.expect("VOICE_STATE_UPDATE").await;
        assert_eq!(
            confirmed["channel_id"], VOICE[0],
            "some wait for a state after the server"
        );
    }
}

#[tokio::test]
async fn the_same_again_before_the_loss_is_known_is_answered_when_it_is() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.several(2).await;
    server.link(VOICE[0], TURBULENCE, LinkState::Connected).await;
    settle().await;
    // The client saw the close frame before control saw the link.
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.expect("VOICE_STATE_UPDATE").await;
    server.link(VOICE[0], TURBULENCE, LinkState::Gone).await;
    pass(Duration::from_secs(1)).await;
    client.expect("VOICE_SERVER_UPDATE").await;
    pass(Duration::from_millis(60)).await;
    client.expect("VOICE_STATE_UPDATE").await;
}

#[tokio::test]
async fn the_same_again_on_the_way_in_is_answered_only_if_nobody_arrives() {
    let server = Server::start().await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    let user = server.world.bots[0].id.to_string();
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    let first = bot.expect("VOICE_SERVER_UPDATE").await;
    // Asked again before anybody knows of a voice connection, which then turns out to be up.
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    server.link(VOICE[0], &user, LinkState::Connected).await;
    pass(Duration::from_secs(2)).await;
    bot.voice_with(Some(GUILD), Some(VOICE[0]), true).await;
    bot.expect("VOICE_STATE_UPDATE").await;

    // In another room the voice connection never comes up.
    bot.voice(Some(GUILD), Some(VOICE[1])).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    let second = bot.expect("VOICE_SERVER_UPDATE").await;
    assert_ne!(second["token"], first["token"]);
    for _ in 0..3 {
        bot.voice(Some(GUILD), Some(VOICE[1])).await;
        bot.expect("VOICE_STATE_UPDATE").await;
        pass(Duration::from_millis(300)).await;
    }
    pass(Duration::from_millis(300)).await;
    let third = bot.expect("VOICE_SERVER_UPDATE").await;
    assert_ne!(third["token"], second["token"], "asking thrice is answered once");
    pass(Duration::from_millis(60)).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    bot.voice_with(Some(GUILD), Some(VOICE[1]), true).await;
    bot.expect("VOICE_STATE_UPDATE").await;
}

#[tokio::test]
async fn op_5_brings_a_new_server_if_the_voice_connection_is_dead() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    client.voice(None, Some(PRIVATE)).await;
    client.several(3).await;
    let first = client.expect("VOICE_SERVER_UPDATE").await;
    assert_eq!(
        (&first["guild_id"], &first["channel_id"]),
        (&Value::Null, &json!(PRIVATE))
    );
    server.link(PRIVATE, TURBULENCE, LinkState::Connected).await;
    settle().await;
    client.send(json!({"op": 5, "d": null})).await;
    client.send(json!({"op": 1, "d": null})).await;
    assert_eq!(client.receive().await["op"], 11, "nothing to do");
    server.link(PRIVATE, TURBULENCE, LinkState::Gone).await;
    settle().await;
    client.send(json!({"op": 5, "d": null})).await;
    let second = client.expect("VOICE_SERVER_UPDATE").await;
    assert_ne!(second["token"], first["token"]);
}

#[tokio::test]
async fn a_move_gives_a_new_token_and_takes_the_old_one() {
    let server = Server::start().await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.expect("VOICE_STATE_UPDATE").await;
    let first = bot.expect("VOICE_SERVER_UPDATE").await;
    bot.voice(Some(GUILD), Some(VOICE[1])).await;
    let state = bot.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(state["channel_id"], VOICE[1], "no leave in between");
    let second = bot.expect("VOICE_SERVER_UPDATE").await;
    assert_eq!(second["endpoint"], first["endpoint"]);
    assert_ne!(second["token"], first["token"]);

    let user: UserId = server.world.bots[0].id;
    let old = VOICE[0].parse().unwrap();
    assert!(server.ticket(old, user).await.is_none());
    assert!(server.ticket(VOICE[1].parse().unwrap(), user).await.is_some());
}

#[tokio::test]
async fn a_person_is_in_one_room_in_all_and_a_bot_in_one_per_guild() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.expect("VOICE_STATE_UPDATE").await;
    client.expect("VOICE_SERVER_UPDATE").await;
    client.voice(None, Some(PRIVATE)).await;
    let events = client.several(5).await;
    let expected = [
        "VOICE_STATE_UPDATE",
        "MESSAGE_CREATE",
        "CALL_CREATE",
        "VOICE_STATE_UPDATE",
        "VOICE_SERVER_UPDATE",
    ];
    assert_eq!(names(&events), expected);
    assert_eq!(
        (&events[0].1["guild_id"], &events[0].1["channel_id"]),
        (&json!(GUILD), &Value::Null)
    );
    assert_eq!(
        (&events[3].1["guild_id"], &events[3].1["channel_id"]),
        (&Value::Null, &json!(PRIVATE))
    );

    let other = server
        .directory
        .create_guild(None, "Other", server.world.users[1].id)
        .await
        .unwrap();
    let kind = voxhall_protocol::model::ChannelKind::GuildVoice;
    let room = server
        .directory
        .create_channel(other, None, kind, "Elsewhere")
        .await
        .unwrap();
    let bot_id = server.world.bots[0].id;
    server.directory.add_member(other, bot_id).await.unwrap();
    let mut bot = server.bot(&server.token("minstrel")).await;
    bot.expect("GUILD_CREATE").await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    bot.several(2).await;
    bot.voice(Some(&other.to_string()), Some(&room.to_string())).await;
    assert_eq!(
        names(&bot.several(2).await),
        ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"]
    );
    assert!(server.ticket(VOICE[0].parse().unwrap(), bot_id).await.is_some());
    assert!(server.ticket(room, bot_id).await.is_some());
}

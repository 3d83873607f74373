//! A media node dies: its calls go elsewhere.

use serde_json::Value;
use voxhall_control::Limits;

use crate::harness::{GUILD, PRIVATE, Server, VOICE, names, settle};

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
    for client in [&mut bot, &mut turbulence] {
        let events = client.several(2).await;
        assert_eq!(names(&events), ["VOICE_SERVER_UPDATE", "VOICE_SERVER_UPDATE"]);
        assert_eq!(events[0].1["endpoint"], Value::Null);
        assert_eq!(events[1].1["endpoint"], "spare.example:443");
        assert_ne!(events[0].1["token"], events[1].1["token"]);
    }
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

//! READY and GUILD_CREATE for both kinds of account, and the shapes in which clients send.

use serde_json::{Value, json};

use crate::harness::{EXP, GUILD, INTENTS, PRIVATE, Server, TEXT, TURBULENCE, VOICE, assert_contains};

/// What serenity and twilight refuse a guild without (client-compat, section 2).
const GUILD_FIELDS: [&str; 40] = [
    "id",
    "name",
    "icon",
    "splash",
    "discovery_splash",
    "owner_id",
    "region",
    "afk_channel_id",
    "afk_timeout",
    "verification_level",
    "default_message_notifications",
    "explicit_content_filter",
    "mfa_level",
    "nsfw_level",
    "features",
    "emojis",
    "stickers",
    "application_id",
    "system_channel_id",
    "system_channel_flags",
    "rules_channel_id",
    "public_updates_channel_id",
    "vanity_url_code",
    "description",
    "banner",
    "premium_tier",
    "premium_progress_bar_enabled",
    "preferred_locale",
    "joined_at",
    "large",
    "member_count",
    "roles",
    "members",
    "channels",
    "threads",
    "presences",
    "voice_states",
    "stage_instances",
    "guild_scheduled_events",
    "unavailable",
];

fn identify(token: &str) -> Value {
    json!({"op": 2, "d": {"token": token, "intents": INTENTS, "properties": {"os": "linux"}}})
}

#[tokio::test]
async fn a_bot_gets_a_whole_guild() {
    let server = Server::start().await;
    let mut bot = server.greet("?v=10&encoding=json").await;
    bot.send(identify(&server.token("minstrel"))).await;
    let ready = bot.expect("READY").await;
    assert_contains(
        &ready,
        &json!({
            "v": 10, "guilds": [{"id": GUILD, "unavailable": true}], "private_channels": [],
            "resume_gateway_url": "ws://voice.example:8443", "user": {"username": "minstrel", "bot": true},
            "application": {"flags": 0}, "geo_ordered_rtc_regions": ["rotterdam"],
        }),
    );
    assert_eq!(ready["session_id"].as_str().unwrap().len(), 32);
    assert!(ready.get("shard").is_none(), "only echoed");
    let guild = bot.expect("GUILD_CREATE").await;
    for field in GUILD_FIELDS {
        assert!(guild.get(field).is_some(), "{field} is missing");
    }
    assert_contains(
        &guild["roles"][0],
        &json!({
            "id": GUILD, "name": "@everyone", "colors": {"primary_color": 0}, "managed": false, "hoist": false,
        }),
    );
    assert!(
        guild["roles"][0]["permissions"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .is_ok()
    );
    let ids: Vec<&str> = guild["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|channel| channel["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [TEXT, VOICE[0], VOICE[1]]);
    assert_eq!(
        guild["members"].as_array().unwrap().len(),
        1,
        "itself, since nobody is in a room"
    );
    assert_eq!(guild["member_count"], 4);
    assert_eq!(guild["large"], true);
}

#[tokio::test]
async fn a_guild_holds_everyone_who_is_in_a_room() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    exp.voice(Some(GUILD), Some(VOICE[0])).await;
    exp.expect("VOICE_STATE_UPDATE").await;
    let mut bot = server.greet("?v=10").await;
    bot.send(identify(&format!("Bot {}", server.token("scribe"))))
        .await;
    bot.expect("READY").await;
    let guild = bot.expect("GUILD_CREATE").await;
    assert_contains(
        &guild["voice_states"],
        &json!([{"user_id": EXP, "channel_id": VOICE[0]}]),
    );
    assert!(guild["voice_states"][0].get("guild_id").is_none());
    assert!(guild["voice_states"][0].get("member").is_none());
    let members = guild["members"].as_array().unwrap();
    assert!(members.iter().any(|member| member["user"]["id"] == EXP));
}

#[tokio::test]
async fn a_person_gets_guilds_and_private_channels_in_ready() {
    let server = Server::start().await;
    let (_, ready) = server.person("turbulence").await;
    assert_contains(
        &ready,
        &json!({
            "v": 9,
            "user": {"id": TURBULENCE, "username": "turbulence", "discriminator": "0485", "avatar": null, "bot": false},
            "guilds": [{"id": GUILD, "unavailable": false}],
            "private_channels": [{"id": PRIVATE, "type": 1, "recipients": [{"id": EXP, "discriminator": "7856"}]}],
            "read_state": [], "user_guild_settings": [], "relationships": [], "country_code": "ZZ",
            "sessions": [{"session_id": ready["session_id"], "active": true}],
        "sessions": [{"session_id": ready["session_id"], "active": true}],
        }),
    );
    assert!(ready.get("application").is_none());
    assert_eq!(ready["static_client_session_id"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn capabilities_bring_a_supplement_and_running_calls() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    exp.voice(None, Some(PRIVATE)).await;
    exp.several(3).await;
    let mut client = server.greet("?v=9&encoding=json").await;
    // What discord.py-self says, less the split layout: versioned lists, supplement, automatic call connect.
    let data = json!({"token": server.token("turbulence"), "capabilities": 22525, "properties": {}});
    client.send(json!({"op": 2, "d": data})).await;
    let ready = client.expect("READY").await;
    assert_contains(
        &ready,
        &json!({
        "read_state": {"entries": [], "partial": false}, "private_channels": [{"recipient_ids": [EXP]}],
                }),
    );
    assert!(ready.get("notes").is_none(), "they come when they are asked for");
    let users = ready["users"].as_array().unwrap();
    assert!(users.iter().any(|user| user["id"] == EXP));
    let supplement = client.expect("READY_SUPPLEMENTAL").await;
    assert_contains(
        &supplement,
        &json!({
            "guilds": [{"id": GUILD, "voice_states": []}], "lazy_private_channels": [],
            "merged_presences": {"guilds": [[{"user_id": EXP, "status": "online"}]], "friends": []},
        }),
    );
    let others = supplement["merged_members"][0].as_array().unwrap();
    assert_eq!(others.len(), 3, "all but oneself, who stands in READY");
    assert!(
        others
            .iter()
            .all(|member| member["user_id"].is_string() && member.get("user").is_none())
    );
    assert_contains(&ready["merged_members"], &json!([[{"user_id": TURBULENCE}]]));
    let call = client.expect("CALL_CREATE").await;
    assert_contains(
        &call,
        &json!({"channel_id": PRIVATE, "ringing": [], "voice_states": [{"user_id": EXP}]}),
    );
}

#[tokio::test]
async fn integers_binary_frames_and_any_order_of_keys_are_taken() {
    let server = Server::start().await;
    let mut bot = server.greet("?encoding=json&v=10").await;
    // A heartbeat may come before everything else.
    bot.send_binary(br#"{"op":1,"d":null}"#).await;
    assert_eq!(bot.receive().await["op"], 11);
    let token = server.token("minstrel");
    let text = format!(
        r#"{{"d":{{"compress":true,"intents":{INTENTS},"token":"Bot {token}","x":1}},"op":2,"y":2}}"#
    );
    bot.send_binary(text.as_bytes()).await;
    bot.expect("READY").await;
    bot.expect("GUILD_CREATE").await;
    let channel = VOICE[0];
    let join = format!(
        r#"{{"d":{{"self_deaf":false,"self_mute":true,"channel_id":{channel},"guild_id":{GUILD}}},"op":4}}"#
    );
    bot.send_binary(join.as_bytes()).await;
    let state = bot.expect("VOICE_STATE_UPDATE").await;
    assert_contains(
        &state,
        &json!({"channel_id": channel, "guild_id": GUILD, "self_mute": true}),
    );
    bot.send_text(r#"{"op":40,"d":{"seq":3,"qos":{"ver":1}}}"#).await;
    loop {
        if bot.receive().await["op"] == 11 {
            break;
        }
    }
}

#[tokio::test]
async fn an_unknown_token_becomes_one_bot() {
    let server = Server::start().await;
    let (first, second) = tokio::join!(
        server.request("GET", "/api/v10/users/@me", "Bot fresh-token", ""),
        server.request("GET", "/api/v10/users/@me", "fresh-token", ""),
    );
    assert_eq!(first.2["id"], second.2["id"]);
    let mut bot = server.bot("fresh-token").await;
    bot.voice(Some(GUILD), Some(VOICE[0])).await;
    let state = bot.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(state["user_id"], first.2["id"]);
    let other = server
        .request("GET", "/api/v10/users/@me", "Bot another", "")
        .await;
    assert_ne!(other.2["id"], first.2["id"]);
}

#[tokio::test]
async fn shards_share_the_guilds_among_them() {
    let server = Server::start().await;
    let number = (GUILD.parse::<u64>().unwrap() >> 22) % 2;
    for shard in [number, 1 - number] {
        let mut bot = server.greet("?v=10").await;
        let token = server.token("minstrel");
        let data = json!({"token": token, "intents": INTENTS, "properties": {}, "shard": [shard, 2]});
        bot.send(json!({"op": 2, "d": data})).await;
        let ready = bot.expect("READY").await;
        assert_eq!(ready["shard"], json!([shard, 2]));
        assert_eq!(
            ready["guilds"].as_array().unwrap().len(),
            usize::from(shard == number)
        );
    }
}

#[tokio::test]
async fn members_are_sent_to_those_who_ask() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    let guild: u64 = GUILD.parse().unwrap();
    let data = json!({"guild_id": [guild], "query": "", "limit": 0, "presences": true, "nonce": "n1"});
    client.send(json!({"op": 8, "d": data})).await;
    let chunk = client.expect("GUILD_MEMBERS_CHUNK").await;
    assert_contains(
        &chunk,
        &json!({"guild_id": GUILD, "chunk_index": 0, "chunk_count": 1, "nonce": "n1"}),
    );
    assert_eq!(chunk["members"].as_array().unwrap().len(), 4);

    let (mut client, _) = server.person("Exp").await;
    let data = json!({"guild_id": GUILD, "user_ids": [TURBULENCE, "1"]});
    client.send(json!({"op": 8, "d": data})).await;
    let chunk = client.expect("GUILD_MEMBERS_CHUNK").await;
    assert_contains(
        &chunk,
        &json!({"members": [{"user": {"id": TURBULENCE}}], "not_found": ["1"]}),
    );
}

#[tokio::test]
async fn the_smaller_questions_are_answered() {
    let server = Server::start().await;
    let (mut client, _) = server.person("turbulence").await;
    client
        .send(json!({"op": 31, "d": {"guild_ids": [GUILD, "5"]}}))
        .await;
    let sounds = client.expect("SOUNDBOARD_SOUNDS").await;
    assert_contains(&sounds, &json!({"guild_id": GUILD, "soundboard_sounds": []}));

    let path = format!("/api/v10/channels/{}/voice-status", VOICE[0]);
    let (status, kind, _) = server
        .request("PUT", &path, &server.token("Exp"), r#"{"status":"tea"}"#)
        .await;
    assert_eq!((status.as_u16(), kind.as_str()), (204, ""));
    let changed = client.expect("VOICE_CHANNEL_STATUS_UPDATE").await;
    assert_contains(
        &changed,
        &json!({"id": VOICE[0], "guild_id": GUILD, "status": "tea"}),
    );
    client.send(json!({"op": 36, "d": {"guild_id": GUILD}})).await;
    let statuses = client.expect("CHANNEL_STATUSES").await;
    assert_contains(
        &statuses,
        &json!({"guild_id": GUILD, "channels": [{"id": VOICE[0], "status": "tea"}]}),
    );

    client.voice(Some(GUILD), Some(VOICE[1])).await;
    client.expect("VOICE_STATE_UPDATE").await;
    client.expect("VOICE_SERVER_UPDATE").await;
    client
        .send(json!({"op": 43, "d": {"guild_id": GUILD, "fields": ["voice_start_time"]}}))
        .await;
    let info = client.expect("CHANNEL_INFO").await;
    assert_eq!(info["channels"][0]["id"], VOICE[1]);
    assert!(info["channels"][0]["voice_start_time"].as_u64().unwrap() > 1_700_000_000);

    // Taken without an answer: presence, a subscription to one member, in both forms, and ops nobody needs.
    client
        .send(json!({"op": 3, "d": {"since": null, "activities": [], "status": "online", "afk": false}}))
        .await;
    client
        .send(json!({"op": 14, "d": {"guild_id": GUILD, "members": [EXP]}}))
        .await;
    client
        .send(json!({"op": 37, "d": {"subscriptions": {GUILD: {"typing": true}}}}))
        .await;
    client
        .send(json!({"op": 34, "d": {"guild_id": GUILD, "channel_ids": []}}))
        .await;
    client.send(json!({"op": 1, "d": null})).await;
    assert_eq!(client.receive().await["op"], 11);
}

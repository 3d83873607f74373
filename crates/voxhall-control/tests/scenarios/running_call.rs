//! A guild changes while people are in its rooms: what they and their media node are told, at once.

use serde_json::{Value, json};
use voxhall_live::{Record, TicketEnd, TicketRecord};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::model::Permissions;
use voxhall_switchboard::{Change, Switchboard, Watch};

use crate::harness::{Client, EXP, GUILD, Server, TURBULENCE, VOICE, assert_contains, settle};

/// Calls REST as the owner of the guild; the answer must have this status.
async fn owner(server: &Server, method: &str, path: &str, body: Value, status: u16) -> Value {
    let path = format!("/api/v10{path}");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (got, _, answer) = server.request(method, &path, &server.token("Exp"), &body).await;
    assert_eq!(got.as_u16(), status, "{method} {path}: {answer}");
    answer
}

async fn in_room(server: &Server) -> Client {
    let (mut client, _) = server.person("turbulence").await;
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.several(2).await;
    client
}

async fn ticket(server: &Server) -> Option<TicketRecord> {
    settle().await;
    let (room, user): (ChannelId, UserId) = (VOICE[0].parse().unwrap(), TURBULENCE.parse().unwrap());
    server.ticket(room, user).await
}

/// Why rights to connect end from here on.
async fn watch_tickets(server: &Server) -> Watch {
    let mut watch = server.board.watch("ticket.").await.unwrap();
    while watch.next().await != Some(Change::SnapshotEnd) {}
    watch
}

/// How the next right to connect that is deleted ended; `None` is a plain leave (4014).
async fn next_end(watch: &mut Watch) -> Option<TicketEnd> {
    let mut ended = None;
    loop {
        match watch.next().await.unwrap() {
            Change::Put(entry) => ended = TicketRecord::decode(&entry.key, &entry.value).unwrap().ended,
            Change::Delete { .. } => return ended,
            Change::SnapshotEnd => {}
        }
    }
}

fn everyone() -> String {
    format!("/guilds/{GUILD}/roles/{GUILD}")
}

fn bits(permissions: Permissions) -> String {
    permissions.bits().to_string()
}

const BASE: Permissions = Permissions::VIEW_CHANNEL.union(Permissions::CONNECT);

#[tokio::test]
async fn a_role_that_loses_and_regains_the_right_to_speak() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let silent = json!({"permissions": bits(BASE)});
    owner(&server, "PATCH", &everyone(), silent, 200).await;
    assert_eq!(client.expect("GUILD_ROLE_UPDATE").await["role"]["id"], GUILD);
    assert_contains(
        &client.expect("VOICE_STATE_UPDATE").await,
        &json!({"user_id": TURBULENCE, "channel_id": VOICE[0], "suppress": true}),
    );
    let media = ticket(&server).await.unwrap().permissions;
    assert!(!media.speak && !media.video && media.hear);

    let all = BASE | Permissions::SPEAK | Permissions::STREAM | Permissions::PRIORITY_SPEAKER;
    owner(
        &server,
        "PATCH",
        &everyone(),
        json!({"permissions": bits(all)}),
        200,
    )
    .await;
    client.expect("GUILD_ROLE_UPDATE").await;
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["suppress"], false);
    let media = ticket(&server).await.unwrap().permissions;
    assert!(media.speak && media.video && media.priority);
}

#[tokio::test]
async fn an_exception_for_one_member_and_its_end() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let exception = format!("/channels/{}/permissions/{TURBULENCE}", VOICE[0]);
    let deny = json!({"type": 1, "allow": "0", "deny": bits(Permissions::SPEAK)});
    owner(&server, "PUT", &exception, deny, 204).await;
    assert_contains(
        &client.expect("CHANNEL_UPDATE").await,
        &json!({"permission_overwrites": [{"id": TURBULENCE, "type": 1, "deny": bits(Permissions::SPEAK)}]}),
    );
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["suppress"], true);
    owner(&server, "DELETE", &exception, Value::Null, 204).await;
    client.expect("CHANNEL_UPDATE").await;
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["suppress"], false);
    assert!(ticket(&server).await.unwrap().permissions.speak);
    let gone = owner(&server, "DELETE", &exception, Value::Null, 404).await;
    assert_eq!(gone["code"], 10009);
}

#[tokio::test]
async fn connect_lost_stays_and_view_lost_leaves() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let without_connect = BASE.difference(Permissions::CONNECT) | Permissions::SPEAK;
    let change = json!({"permissions": bits(without_connect)});
    owner(&server, "PATCH", &everyone(), change, 200).await;
    client.expect("GUILD_ROLE_UPDATE").await;
    // Without CONNECT nothing else holds in a voice channel, so the member listens.
    assert_contains(
        &client.expect("VOICE_STATE_UPDATE").await,
        &json!({"channel_id": VOICE[0], "suppress": true}),
    );
    let mut tickets = watch_tickets(&server).await;
    owner(&server, "PATCH", &everyone(), json!({"permissions": "0"}), 200).await;
    client.expect("GUILD_ROLE_UPDATE").await;
    for _ in 0..3 {
        client.expect("CHANNEL_DELETE").await;
    }
    assert_eq!(
        client.expect("VOICE_STATE_UPDATE").await["channel_id"],
        Value::Null
    );
    assert_eq!(next_end(&mut tickets).await, None);
}

#[tokio::test]
async fn a_time_out_silences_and_its_end_gives_the_voice_back() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let member = format!("/guilds/{GUILD}/members/{TURBULENCE}");
    let long = json!({"communication_disabled_until": "2999-01-01T00:00:00Z"});
    let refused = owner(&server, "PATCH", &member, long, 400).await;
    assert_eq!(refused["code"], 50035);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let until = voxhall_protocol::model::Timestamp::from_unix_ms(now.as_millis() as u64 + 3_600_000);
    let change = json!({"communication_disabled_until": until});
    let changed = owner(&server, "PATCH", &member, change, 200).await;
    assert_eq!(changed["communication_disabled_until"], json!(until));
    client.expect("GUILD_MEMBER_UPDATE").await;
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["suppress"], true);
    let media = ticket(&server).await.unwrap().permissions;
    assert!(!media.speak && !media.video);
    // Whoever is timed out does nothing else either.
    let nick = json!({"nick": "x"}).to_string();
    let own = format!("/api/v10/guilds/{GUILD}/members/@me");
    let token = server.token("turbulence");
    assert_eq!(server.request("PATCH", &own, &token, &nick).await.0.as_u16(), 403);

    let end = json!({"communication_disabled_until": null});
    owner(&server, "PATCH", &member, end, 200).await;
    client.expect("GUILD_MEMBER_UPDATE").await;
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["suppress"], false);
}

#[tokio::test]
async fn a_channel_deleted_under_a_call() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let mut watcher = server.bot("watcher").await;
    let mut tickets = watch_tickets(&server).await;
    let path = format!("/channels/{}", VOICE[0]);
    let deleted = owner(&server, "DELETE", &path, Value::Null, 200).await;
    assert_eq!(deleted["id"], VOICE[0]);
    for told in [&mut client, &mut watcher] {
        assert_contains(
            &told.expect("VOICE_STATE_UPDATE").await,
            &json!({"user_id": TURBULENCE, "channel_id": null, "guild_id": GUILD, "member": {}}),
        );
        assert_eq!(told.expect("CHANNEL_DELETE").await["id"], VOICE[0]);
    }
    assert_eq!(next_end(&mut tickets).await, Some(TicketEnd::CallTerminated));
    settle().await;
    let call = server.board.get(&format!("call.{}", VOICE[0])).await.unwrap();
    assert!(call.is_none(), "the call is gone");
    client.voice(Some(GUILD), Some(VOICE[0])).await;
    client.voice(Some(GUILD), Some(VOICE[1])).await;
    assert_eq!(client.expect("VOICE_STATE_UPDATE").await["channel_id"], VOICE[1]);
}

#[tokio::test]
async fn a_guild_deleted_under_its_calls() {
    let server = Server::start().await;
    let mut client = in_room(&server).await;
    let mut watcher = server.bot("watcher").await;
    watcher.voice(Some(GUILD), Some(VOICE[1])).await;
    watcher.several(2).await;
    client.expect("VOICE_STATE_UPDATE").await;
    let mut tickets = watch_tickets(&server).await;
    owner(&server, "DELETE", &format!("/guilds/{GUILD}"), Value::Null, 204).await;
    for told in [&mut client, &mut watcher] {
        for _ in 0..2 {
            assert_eq!(told.expect("VOICE_STATE_UPDATE").await["channel_id"], Value::Null);
        }
        assert_eq!(told.expect("GUILD_DELETE").await, json!({"id": GUILD}));
    }
    for _ in 0..2 {
        assert_eq!(next_end(&mut tickets).await, Some(TicketEnd::CallTerminated));
    }
    let gone = owner(&server, "GET", &format!("/guilds/{GUILD}"), Value::Null, 404).await;
    assert_eq!(gone["code"], 10004);
}

#[tokio::test]
async fn kicked_and_banned_out_of_a_call() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    let member = format!("/guilds/{GUILD}/members/{TURBULENCE}");
    let ban = format!("/guilds/{GUILD}/bans/{TURBULENCE}");
    for banned in [false, true] {
        let mut client = in_room(&server).await;
        exp.expect("VOICE_STATE_UPDATE").await;
        let mut tickets = watch_tickets(&server).await;
        let (method, path) = if banned {
            ("PUT", &ban)
        } else {
            ("DELETE", &member)
        };
        owner(&server, method, path, Value::Null, 204).await;
        assert_eq!(
            client.expect("VOICE_STATE_UPDATE").await["channel_id"],
            Value::Null
        );
        assert_eq!(client.expect("GUILD_DELETE").await, json!({"id": GUILD}));
        assert_eq!(exp.expect("VOICE_STATE_UPDATE").await["user_id"], TURBULENCE);
        if banned {
            assert_eq!(exp.expect("GUILD_BAN_ADD").await["user"]["id"], TURBULENCE);
        }
        assert_eq!(exp.expect("GUILD_MEMBER_REMOVE").await["user"]["id"], TURBULENCE);
        assert_eq!(next_end(&mut tickets).await, None, "a plain leave: 4014");
        client.close(1000).await;
        if !banned {
            let back = format!("/admin/guilds/{GUILD}/members/{TURBULENCE}");
            let put = server
                .request("PUT", &back, crate::harness::ADMIN_TOKEN, "")
                .await;
            assert_eq!(put.0.as_u16(), 204);
            assert_eq!(exp.expect("GUILD_MEMBER_ADD").await["user"]["id"], TURBULENCE);
        }
    }
    let listed = owner(&server, "GET", &format!("/guilds/{GUILD}/bans"), Value::Null, 200).await;
    assert_contains(&listed, &json!([{"user": {"id": TURBULENCE}, "reason": null}]));
    owner(&server, "DELETE", &ban, Value::Null, 204).await;
    assert_eq!(exp.expect("GUILD_BAN_REMOVE").await["user"]["id"], TURBULENCE);
    assert_eq!(owner(&server, "GET", &ban, Value::Null, 404).await["code"], 10026);
}

#[tokio::test]
async fn a_channel_appears_and_vanishes_with_the_people_in_it() {
    let server = Server::start().await;
    let (mut exp, _) = server.person("Exp").await;
    exp.voice(Some(GUILD), Some(VOICE[0])).await;
    exp.several(2).await;
    let mut client = server.bot(&server.plain_bot().await).await;
    let exception = format!("/channels/{}/permissions/{GUILD}", VOICE[0]);
    let hidden = json!({"type": 0, "deny": bits(Permissions::VIEW_CHANNEL)});
    owner(&server, "PUT", &exception, hidden, 204).await;
    assert_contains(
        &client.expect("VOICE_STATE_UPDATE").await,
        &json!({"user_id": EXP, "channel_id": null}),
    );
    assert_eq!(client.expect("CHANNEL_DELETE").await["id"], VOICE[0]);
    assert_eq!(
        exp.expect("CHANNEL_UPDATE").await["id"],
        VOICE[0],
        "the owner sees all"
    );

    owner(&server, "DELETE", &exception, Value::Null, 204).await;
    assert_eq!(client.expect("CHANNEL_CREATE").await["id"], VOICE[0]);
    assert_contains(
        &client.expect("VOICE_STATE_UPDATE").await,
        &json!({"user_id": EXP, "channel_id": VOICE[0]}),
    );
}

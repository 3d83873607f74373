//! Calls in groups of up to ten (gateway-and-calls, section 6): whom it rings, who comes while others talk, who missed
//! it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voxhall_control::NewUser;
use voxhall_protocol::ids::UserId;

use crate::harness::{Client, GUILD, Server, VOICE, names, settle};

/// A group with everybody in it online.
struct Group {
    server: Server,
    channel: String,
    people: Vec<Person>,
}

struct Person {
    id: UserId,
    token: String,
    client: Client,
}

impl Group {
    async fn of(size: usize) -> Self {
        let server = Server::start().await;
        let mut accounts = Vec::new();
        for number in 0..size {
            let new = NewUser {
                name: format!("person {number}"),
                ..NewUser::default()
            };
            let id = server.directory.create_user(new).await.unwrap().id;
            let token = server.directory.create_token(id).await.unwrap().into_inner();
            accounts.push((id, token));
        }
        let ids: BTreeSet<UserId> = accounts.iter().map(|(id, _)| *id).collect();
        let channel = server.directory.create_private_channel(None, ids).await.unwrap();
        let mut people = Vec::new();
        for (id, token) in accounts {
            let mut client = server.greet("?v=9").await;
            let identify = json!({"token": token, "capabilities": 0, "properties": {}});
            client.send(json!({"op": 2, "d": identify})).await;
            client.expect("READY").await;
            people.push(Person { id, token, client });
        }
        Self {
            server,
            channel: channel.id.to_string(),
            people,
        }
    }

    async fn ring(&self, caller: usize, whom: Value) -> u16 {
        let path = format!("/api/v9/channels/{}/call/ring", self.channel);
        let body = json!({"recipients": whom}).to_string();
        let (status, ..) = self
            .server
            .request("POST", &path, &self.people[caller].token, &body)
            .await;
        status.as_u16()
    }

    async fn join(&mut self, who: usize) {
        let channel = self.channel.clone();
        self.people[who].client.voice(None, Some(&channel)).await;
    }

    /// Everybody's next events are these; gives those of the last one.
    async fn all_see(&mut self, expected: &[&str]) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        for person in &mut self.people {
            events = person.client.several(expected.len()).await;
            assert_eq!(names(&events), expected);
        }
        events
    }

    fn ids(&self, people: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
        people
            .into_iter()
            .map(|who| self.people[who].id.to_string())
            .collect()
    }
}

fn set(list: &Value) -> BTreeSet<String> {
    let ids = list.as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn all_are_rung_or_some_and_those_who_talk_are_not() {
    let mut group = Group::of(10).await;
    group.join(0).await;
    group
        .all_see(&["MESSAGE_CREATE", "CALL_CREATE", "VOICE_STATE_UPDATE"])
        .await;
    group.people[0].client.expect("VOICE_SERVER_UPDATE").await;
    let some = json!([group.people[3].id, group.people[4].id]);
    assert_eq!(group.ring(0, some).await, 204);
    let ringing = group.all_see(&["CALL_UPDATE"]).await;
    assert_eq!(set(&ringing[0].1["ringing"]), group.ids([3, 4]));

    // One who was not rung joins, one who was takes the call: the other goes on ringing.
    group.join(7).await;
    let seen = group.all_see(&["MESSAGE_UPDATE", "VOICE_STATE_UPDATE"]).await;
    assert_eq!(
        seen[0].1["call"]["participants"],
        json!([group.people[7].id, group.people[0].id])
    );
    group.people[7].client.expect("VOICE_SERVER_UPDATE").await;
    group.join(3).await;
    let seen = group
        .all_see(&["MESSAGE_UPDATE", "VOICE_STATE_UPDATE", "CALL_UPDATE"])
        .await;
    assert_eq!(set(&seen[2].1["ringing"]), group.ids([4]));
    group.people[3].client.expect("VOICE_SERVER_UPDATE").await;

    assert_eq!(group.ring(7, Value::Null).await, 204);
    let ringing = group.all_see(&["CALL_UPDATE"]).await;
    assert_eq!(
        set(&ringing[0].1["ringing"]),
        group.ids([1, 2, 4, 5, 6, 8, 9]),
        "all but those who talk"
    );
}

#[tokio::test]
async fn a_missed_call_is_one_without_me_among_its_participants() {
    let mut group = Group::of(3).await;
    group.join(0).await;
    group
        .all_see(&["MESSAGE_CREATE", "CALL_CREATE", "VOICE_STATE_UPDATE"])
        .await;
    group.people[0].client.expect("VOICE_SERVER_UPDATE").await;
    group.ring(0, Value::Null).await;
    group.all_see(&["CALL_UPDATE"]).await;
    group.join(1).await;
    group
        .all_see(&["MESSAGE_UPDATE", "VOICE_STATE_UPDATE", "CALL_UPDATE"])
        .await;
    group.people[1].client.expect("VOICE_SERVER_UPDATE").await;
    group.people[1].client.voice(None, None).await;
    group.all_see(&["VOICE_STATE_UPDATE"]).await;
    group.people[0].client.voice(None, None).await;
    let ended = group
        .all_see(&["VOICE_STATE_UPDATE", "MESSAGE_UPDATE", "CALL_DELETE"])
        .await;
    let call = &ended[1].1["call"];
    assert!(call["ended_timestamp"].is_string());
    assert_eq!(
        set(&call["participants"]),
        group.ids([0, 1]),
        "the third missed it"
    );

    // The next call in the same group is another message.
    group.join(2).await;
    let begun = group
        .all_see(&["MESSAGE_CREATE", "CALL_CREATE", "VOICE_STATE_UPDATE"])
        .await;
    assert_ne!(begun[0].1["id"], ended[1].1["id"]);
    assert_eq!(begun[1].1["ringing"], json!([]));
}

#[tokio::test]
async fn who_joins_elsewhere_leaves_the_room_it_was_in() {
    let mut group = Group::of(3).await;
    let guild = GUILD.parse().unwrap();
    let person = group.people[0].id;
    group.server.directory.add_member(guild, person).await.unwrap();
    group.join(0).await;
    group.join(1).await;
    settle().await;
    for person in &mut group.people[..2] {
        while person.client.dispatch().await.0 != "VOICE_SERVER_UPDATE" {}
    }
    group.people[2].client.several(5).await;

    // From the call into a guild: the call goes on without it.
    let mover = &mut group.people[0].client;
    mover.voice(Some(GUILD), Some(VOICE[0])).await;
    let events = loop {
        let (name, data) = mover.dispatch().await;
        if name == "VOICE_STATE_UPDATE" && data["user_id"] == json!(person) {
            break data;
        }
    };
    assert_eq!(
        (&events["guild_id"], &events["channel_id"]),
        (&Value::Null, &Value::Null)
    );
    let joined = mover.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(joined["channel_id"], VOICE[0]);
    mover.expect("VOICE_SERVER_UPDATE").await;
    let left = group.people[2].client.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(
        (&left["user_id"], &left["channel_id"]),
        (&json!(person), &Value::Null)
    );
    settle().await;
    let old = group.channel.parse().unwrap();
    assert!(group.server.ticket(old, person).await.is_none());

    // From one guild into another: gone here, there there.
    let owner = group.server.world.users[1].id;
    let other = group
        .server
        .directory
        .create_guild(None, "Other", owner)
        .await
        .unwrap();
    let kind = voxhall_protocol::model::ChannelKind::GuildVoice;
    let room = group
        .server
        .directory
        .create_channel(other, None, kind, "Elsewhere")
        .await
        .unwrap();
    group.server.directory.add_member(other, person).await.unwrap();
    let mover = &mut group.people[0].client;
    mover
        .voice(Some(&other.to_string()), Some(&room.to_string()))
        .await;
    let events = mover.several(3).await;
    assert_eq!(
        names(&events),
        ["VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"]
    );
    assert_eq!(
        (&events[0].1["guild_id"], &events[0].1["channel_id"]),
        (&json!(GUILD), &Value::Null)
    );
    assert_eq!(
        (&events[1].1["guild_id"], &events[1].1["channel_id"]),
        (&json!(other), &json!(room))
    );
    settle().await;
    assert!(
        group
            .server
            .ticket(VOICE[0].parse().unwrap(), person)
            .await
            .is_none()
    );
}

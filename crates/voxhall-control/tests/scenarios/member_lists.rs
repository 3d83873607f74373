//! Member lists as clients draw them: ops 14 and 37 (gateway-and-calls, section 7).

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, EXP, GUILD, Server, TEXT, TURBULENCE, assert_contains, pass};

/// A client's copy of one list.
#[derive(Default)]
struct Drawn(Vec<Value>);

impl Drawn {
    /// Makes the changes of one GUILD_MEMBER_LIST_UPDATE.
    fn take(&mut self, update: &Value) {
        for op in update["ops"].as_array().unwrap() {
            let index = op["index"].as_u64().map(|index| usize::try_from(index).unwrap());
            match op["op"].as_str().unwrap() {
                "SYNC" => self.0 = op["items"].as_array().unwrap().clone(),
                "INSERT" => self.0.insert(index.unwrap(), op["item"].clone()),
                "UPDATE" => self.0[index.unwrap()] = op["item"].clone(),
                "DELETE" => drop(self.0.remove(index.unwrap())),
                "INVALIDATE" => self.0.clear(),
                other => panic!("{other}"),
            }
        }
    }

    /// Headings as `id count`, members as ids.
    fn rows(&self) -> Vec<String> {
        let row = |item: &Value| match item.get("group") {
            Some(group) => format!("{} {}", group["id"].as_str().unwrap(), group["count"]),
            None => item["member"]["user"]["id"].as_str().unwrap().to_owned(),
        };
        self.0.iter().map(row).collect()
    }
}

/// A person who looks at the first hundred rows of the text channel's list.
async fn looking(server: &Server) -> (Client, Drawn, Value) {
    let (mut client, _) = server.person("turbulence").await;
    let channels = json!({TEXT: [[0, 99]]});
    client
        .send(json!({"op": 37, "d": {"subscriptions": {GUILD: {"channels": channels}}}}))
        .await;
    let update = client.expect("GUILD_MEMBER_LIST_UPDATE").await;
    let mut drawn = Drawn::default();
    drawn.take(&update);
    (client, drawn, update)
}

/// Lets the changes of a moment be gathered and told.
async fn gather() {
    pass(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn a_list_shows_who_is_online_and_follows_them() {
    let server = Server::start().await;
    let (mut client, mut drawn, update) = looking(&server).await;
    assert_contains(
        &update,
        &json!({"guild_id": GUILD, "id": "everyone", "member_count": 4, "online_count": 1}),
    );
    assert_eq!(update["ops"][0]["op"], "SYNC");
    assert_eq!(update["ops"][0]["range"], json!([0, 99]));
    let rows = drawn.rows();
    assert_eq!(rows[..2], ["online 1", TURBULENCE]);
    assert_eq!((rows[2].as_str(), rows.len()), ("offline 3", 6));

    let (exp, _) = server.person("Exp").await;
    gather().await;
    let update = client.expect("GUILD_MEMBER_LIST_UPDATE").await;
    assert_eq!(update["online_count"], 2);
    assert_contains(
        &update["groups"],
        &json!([{"id": "online", "count": 2}, {"id": "offline", "count": 2}]),
    );
    drawn.take(&update);
    assert_eq!(
        drawn.rows()[..4],
        ["online 2", EXP, TURBULENCE, "offline 2"],
        "by name"
    );
    assert_contains(&drawn.0[1]["member"]["presence"], &json!({"status": "online"}));

    exp.close(1000).await;
    gather().await;
    drawn.take(&client.expect("GUILD_MEMBER_LIST_UPDATE").await);
    assert_eq!(drawn.rows(), rows);
}

#[tokio::test]
async fn a_row_that_says_something_else_is_updated() {
    let server = Server::start().await;
    let (mut client, mut drawn, _) = looking(&server).await;
    let idle = json!({"since": null, "activities": [], "status": "idle", "afk": false});
    client.send(json!({"op": 3, "d": idle})).await;
    gather().await;
    let update = client.expect("GUILD_MEMBER_LIST_UPDATE").await;
    assert_eq!(update["ops"].as_array().unwrap().len(), 1);
    assert_contains(&update["ops"][0], &json!({"op": "UPDATE", "index": 1}));
    drawn.take(&update);
    assert_eq!(drawn.0[1]["member"]["presence"]["status"], "idle");
}

#[tokio::test]
async fn bots_and_strangers_have_no_lists() {
    let server = Server::start().await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    let ask = json!({"op": 14, "d": {"guild_id": GUILD, "channels": {TEXT: [[0, 99]]}}});
    bot.send(ask).await;
    bot.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    bot.expect("SOUNDBOARD_SOUNDS").await;
    let (mut client, _) = server.person("turbulence").await;
    for (guild, channel) in [("5", TEXT), (GUILD, "5")] {
        client
            .send(json!({"op": 14, "d": {"guild_id": guild, "channels": {channel: [[0, 99]]}}}))
            .await;
    }
    client.send(json!({"op": 31, "d": {"guild_ids": [GUILD]}})).await;
    client.expect("SOUNDBOARD_SOUNDS").await;
}

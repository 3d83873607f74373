//! Buttons, menus, forms, and values that are offered while somebody types.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::commands::register;
use crate::harness::{Client, EXP, Server, assert_contains};
use crate::interactions::{answer, interact, playing, stage, webhook};
use crate::messages::call;

/// A message of the bot with a button and a menu; gives its id.
async fn message_with_components(server: &Server, bot: &mut Client, play: &Value, flags: u64) -> Value {
    interact(server, "turbulence", 2, playing(play, json!("aria")), json!({})).await;
    let told = bot.expect("INTERACTION_CREATE").await;
    let button = json!({"type": 2, "style": 1, "label": "Again", "custom_id": "again"});
    let off = json!({"type": 2, "style": 1, "label": "Off", "custom_id": "off", "disabled": true});
    let options = json!([{"label": "One", "value": "1"}, {"label": "Two", "value": "2"}]);
    let menu = json!({"type": 3, "custom_id": "pick", "options": options, "max_values": 2});
    let people = json!({"type": 5, "custom_id": "people"});
    let row = |components: Value| json!({"type": 1, "components": components});
    let rows = json!([
        row(json!([button, off])),
        row(json!([menu])),
        row(json!([people]))
    ]);
    let data = json!({"content": "pick", "components": rows, "flags": flags});
    let (status, report) = answer(server, &told, json!({"type": 4, "data": data})).await;
    assert_eq!(status, 200, "{report}");
    report["resource"]["message"]["id"].clone()
}

async fn click(server: &Server, name: &str, message: &Value, data: Value) -> (u16, Value) {
    interact(server, name, 3, data, json!({"message_id": message})).await
}

#[tokio::test]
async fn a_click_reaches_the_bot_which_changes_the_message() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let message = message_with_components(&server, &mut bot, &play, 0).await;
    let (mut exp, _) = server.person("Exp").await;
    let again = json!({"custom_id": "again", "component_type": 2});
    let (status, error) = click(&server, "Exp", &message, again.clone()).await;
    assert_eq!(status, 204, "{error}");
    let told = bot.expect("INTERACTION_CREATE").await;
    let expected = json!({"type": 3, "data": again, "message": {"id": message, "content": "pick"},
                          "member": {"user": {"id": EXP}}});
    assert_contains(&told, &expected);
    exp.expect("INTERACTION_CREATE").await;
    let (status, report) = answer(
        &server,
        &told,
        json!({"type": 7, "data": {"content": "picked", "components": []}}),
    )
    .await;
    assert_eq!((status, &report["resource"]["message"]["id"]), (200, &message));
    let update = exp.expect("MESSAGE_UPDATE").await;
    assert_contains(
        &update,
        &json!({"id": message, "content": "picked", "components": []}),
    );
    exp.expect("INTERACTION_SUCCESS").await;
    let (status, error) = click(&server, "Exp", &message, again).await;
    assert_eq!(
        (status, &error["code"]),
        (400, &json!(50035)),
        "the button is gone"
    );
}

#[tokio::test]
async fn an_update_may_come_later() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let message = message_with_components(&server, &mut bot, &play, 0).await;
    let pick = json!({"custom_id": "pick", "component_type": 3, "values": ["2", "1"]});
    assert_eq!(click(&server, "Exp", &message, pick).await.0, 204);
    let told = bot.expect("INTERACTION_CREATE").await;
    assert_eq!(told["data"]["values"], json!(["2", "1"]));
    let (status, report) = answer(&server, &told, json!({"type": 6})).await;
    assert_eq!((status, report["resource"].get("message")), (200, None));
    let original = format!("{}/messages/@original", webhook(&told));
    let (status, edited) = call(&server, "", "PATCH", &original, json!({"content": "later"})).await;
    assert_eq!(
        (status, &edited["id"], &edited["content"]),
        (200, &message, &json!("later"))
    );
}

#[tokio::test]
async fn menus_give_what_they_offer() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let message = message_with_components(&server, &mut bot, &play, 0).await;
    for wrong in [
        json!({"custom_id": "pick", "component_type": 3, "values": ["3"]}),
        json!({"custom_id": "pick", "component_type": 3, "values": []}),
        json!({"custom_id": "pick", "component_type": 3, "values": ["1", "1"]}),
        json!({"custom_id": "people", "component_type": 5, "values": ["1"]}),
        json!({"custom_id": "pick", "component_type": 2}),
        json!({"custom_id": "off", "component_type": 2}),
        json!({"custom_id": "none", "component_type": 2}),
    ] {
        let (status, error) = click(&server, "Exp", &message, wrong.clone()).await;
        assert_eq!((status, &error["code"]), (400, &json!(50035)), "{wrong}");
    }
    // As many as fit in a body are counted, not compared with each other.
    let values: Vec<String> = (10_000..38_000).map(|value| value.to_string()).collect();
    let many = json!({"custom_id": "pick", "component_type": 3, "values": values});
    let begin = Instant::now();
    assert_eq!(click(&server, "Exp", &message, many).await.0, 400);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let people = json!({"custom_id": "people", "component_type": 5, "values": [EXP]});
    assert_eq!(click(&server, "Exp", &message, people).await.0, 204);
    let told = bot.expect("INTERACTION_CREATE").await;
    assert_eq!(told["data"]["resolved"]["users"][EXP]["username"], "Exp");
}

#[tokio::test]
async fn only_who_sees_a_message_can_click_in_it() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let message = message_with_components(&server, &mut bot, &play, 64).await;
    let again = json!({"custom_id": "again", "component_type": 2});
    let (status, error) = click(&server, "Exp", &message, again.clone()).await;
    assert_eq!((status, &error["code"]), (404, &json!(10008)));
    assert_eq!(click(&server, "turbulence", &message, again).await.0, 204);
    let told = bot.expect("INTERACTION_CREATE").await;
    let (_, report) = answer(&server, &told, json!({"type": 7, "data": {"content": "done"}})).await;
    let expected = json!({"id": message, "content": "done", "flags": 64});
    assert_contains(&report["resource"]["message"], &expected);
}

#[tokio::test]
async fn a_form_is_shown_filled_in_and_answered() {
    let server = Server::start().await;
    let (mut bot, play) = stage(&server).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    interact(
        &server,
        "turbulence",
        2,
        playing(&play, json!("aria")),
        json!({"nonce": "1"}),
    )
    .await;
    let told = bot.expect("INTERACTION_CREATE").await;
    turbulence.expect("INTERACTION_CREATE").await;
    let field = json!({"type": 4, "custom_id": "why", "style": 1, "label": "Why", "max_length": 5});
    let rows = json!([{"type": 1, "components": [field]}]);
    let bad = json!({"type": 9, "data": {"custom_id": "f", "title": "", "components": rows}});
    let (status, error) = answer(&server, &told, bad).await;
    assert_eq!(
        (status, &error["code"]),
        (400, &json!(50035)),
        "and can be answered still"
    );
    let form = json!({"type": 9, "data": {"custom_id": "f", "title": "Form", "components": rows}});
    assert_eq!(answer(&server, &told, form).await.0, 200);
    let shown = turbulence.expect("INTERACTION_MODAL_CREATE").await;
    let expected =
        json!({"id": told["id"], "custom_id": "f", "title": "Form", "components": rows, "nonce": "1"});
    assert_contains(&shown, &expected);
    turbulence.expect("INTERACTION_SUCCESS").await;

    let filled = |value: &str| {
        let field = json!({"type": 4, "custom_id": "why", "value": value});
        json!({"id": told["id"], "custom_id": "f", "components": [{"type": 1, "components": [field]}]})
    };
    for wrong in ["", "too long"] {
        let (status, error) = interact(&server, "turbulence", 5, filled(wrong), json!({})).await;
        assert_eq!((status, &error["code"]), (400, &json!(50035)), "{wrong:?}");
    }
    let (status, error) = interact(&server, "Exp", 5, filled("so"), json!({})).await;
    assert_eq!(
        (status, &error["code"]),
        (404, &json!(10062)),
        "it was shown to somebody else"
    );
    let (status, error) = interact(&server, "turbulence", 5, filled("so"), json!({})).await;
    assert_eq!(status, 204, "{error}");
    let sent = bot.expect("INTERACTION_CREATE").await;
    let components = json!([{"type": 1, "components": [{"type": 4, "custom_id": "why", "value": "so"}]}]);
    assert_contains(
        &sent,
        &json!({"type": 5, "data": {"custom_id": "f", "components": components}}),
    );
    assert_eq!(
        answer(&server, &sent, json!({"type": 4, "data": {"content": "I see"}}))
            .await
            .0,
        200
    );
    let (status, _) = interact(&server, "turbulence", 5, filled("so"), json!({})).await;
    assert_eq!(status, 404, "a form is sent once");
}

#[tokio::test]
async fn values_are_offered_while_somebody_types() {
    let server = Server::start().await;
    let mut bot = server.bot(&server.token("minstrel")).await;
    let (mut turbulence, _) = server.person("turbulence").await;
    let song = json!({"type": 3, "name": "song", "description": "d", "required": true, "autocomplete": true});
    let album = json!({"type": 3, "name": "album", "description": "d", "required": true});
    let commands = register(
        &server,
        json!([{"name": "play", "description": "d", "options": [song, album]}]),
    )
    .await;
    let typed = |name: &str, focused: bool| json!({"id": commands[0]["id"], "options": [{"type": 3, "name": name, "value": "ar", "focused": focused}]});
    for (name, focused) in [("album", true), ("song", false)] {
        let (status, _) = interact(&server, "turbulence", 4, typed(name, focused), json!({})).await;
        assert_eq!(status, 400, "{name} is not completed");
    }
    let (status, error) = interact(
        &server,
        "turbulence",
        4,
        typed("song", true),
        json!({"nonce": "a"}),
    )
    .await;
    assert_eq!(status, 204, "{error}");
    let told = bot.expect("INTERACTION_CREATE").await;
    assert_contains(
        &told,
        &json!({"type": 4, "data": {"options": [{"value": "ar", "focused": true}]}}),
    );
    let (status, _) = answer(&server, &told, json!({"type": 4, "data": {"content": "no"}})).await;
    assert_eq!(status, 400, "values are wanted, no message");
    let wrong = json!({"type": 8, "data": {"choices": [{"name": "Aria", "value": 1}]}});
    assert_eq!(answer(&server, &told, wrong).await.0, 400, "texts are wanted");
    let choices = json!([{"name": "Aria", "value": "bwv 988"}]);
    let (status, _) = answer(&server, &told, json!({"type": 8, "data": {"choices": choices}})).await;
    assert_eq!(status, 200);
    let offered = turbulence
        .expect("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE")
        .await;
    assert_eq!(offered, json!({"nonce": "a", "choices": choices}));
}

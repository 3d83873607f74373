//! A server without a ready-made world: the operator makes accounts, guilds and tokens, and a client uses them.

use crate::program::{Running, failure, json, serve, success, voxhall};

/// The first word of what was printed: an id, or a token.
fn first(printed: &str) -> String {
    printed.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn accounts_guilds_and_tokens_made_by_hand_let_a_bot_join() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &[]);
    let state = folder.path().to_str().unwrap();
    let owner = first(&success(&["user", "create", "Ada", "--state", state]));
    let bot = first(&success(&[
        "user", "create", "--bot", "minstrel", "--state", state,
    ]));
    let guild = first(&success(&[
        "guild",
        "create",
        "Night shift",
        "--owner",
        &owner,
        "--state",
        state,
    ]));
    let channel = first(&success(&[
        "guild",
        "add-channel",
        &guild,
        "Lounge",
        "--state",
        state,
    ]));
    success(&["guild", "add-member", &guild, &bot, "--state", state]);
    let token = first(&success(&["token", "create", &bot, "--state", state]));

    let users = success(&["user", "list", "--state", state]);
    assert!(users.contains("Ada") && users.contains("minstrel"), "{users}");
    assert!(success(&["guild", "channels", &guild, "--state", state]).contains("Lounge"));

    let server = json(folder.path(), "server.json");
    let (api, ca) = (server["api"].as_str().unwrap(), server["ca"].as_str().unwrap());
    let account = ["--api", api, "--ca", ca, "--guild", &guild, "--token", &token];
    let mut bot_in_channel = Running::printing(voxhall(&[&["join", &channel][..], &account].concat()));
    bot_in_channel.wait_for("In channel");
    bot_in_channel.signal("INT");
    assert!(bot_in_channel.end().0.success());

    success(&["token", "revoke", &bot, "--state", state]);
    let said = failure(&[&["join", &channel][..], &account].concat());
    assert!(said.contains("token"), "{said}");
}

#[test]
fn what_the_server_refuses_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &[]);
    let state = folder.path().to_str().unwrap();
    let said = failure(&["token", "create", "5", "--state", state]);
    assert!(
        said.contains("Unknown user") && said.contains("voxhall user list"),
        "{said}"
    );
    let said = failure(&["user", "create", "", "--state", state]);
    assert!(said.contains("1 to 100 characters"), "{said}");
}

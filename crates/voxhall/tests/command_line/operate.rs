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
        "channel", "create", &guild, "Lounge", "--state", state,
    ]));
    success(&["guild", "add-member", &guild, &bot, "--state", state]);
    let token = first(&success(&["token", "create", &bot, "--state", state]));

    let users = success(&["user", "list", "--state", state]);
    assert!(users.contains("ada") && users.contains("minstrel"), "{users}");
    assert!(success(&["channel", "list", &guild, "--state", state]).contains("Lounge"));

    let server = json(folder.path(), "server.json");
    let (api, ca) = (server["api"].as_str().unwrap(), server["ca"].as_str().unwrap());
    let account = ["--api", api, "--ca", ca, "--guild", &guild, "--token", &token];
    let mut bot_in_channel = Running::printing(voxhall(&[&["join", &channel][..], &account].concat()));
    bot_in_channel.wait_for("In channel");
    bot_in_channel.signal("INT");
    assert!(bot_in_channel.end().0.success());

    let listed = success(&["token", "list", &bot, "--state", state]);
    assert!(listed.contains("used 20") && !listed.contains(&token), "{listed}");
    success(&["token", "revoke", &bot, &first(&listed), "--state", state]);
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
        said.contains("Unknown user") && said.contains("`voxhall user`"),
        "{said}"
    );
    let said = failure(&["user", "create", "", "--state", state]);
    assert!(said.contains("between 2 and 32"), "{said}");
}

#[test]
fn people_sign_in_with_the_password_that_the_operator_gives() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--sign-up", "invite"]);
    let state = folder.path().to_str().unwrap();
    let on_server = |arguments: &[&str]| success(&[arguments, &["--state", state]].concat());
    let ada = first(&on_server(&["user", "create", "Ada", "--display-name", "Ada L"]));
    let password = on_server(&["user", "password", &ada]);
    assert_eq!(password.trim().len(), 20);
    let shown = on_server(&["user", "show", &ada]);
    assert!(
        shown.contains("shown as    Ada L") && shown.contains("password    set"),
        "{shown}"
    );
    assert!(on_server(&["user", "disable", &ada]).contains("disabled"));
    assert!(!on_server(&["user", "enable", &ada]).contains("disabled"));

    let taken = failure(&["user", "create", "ADA", "--state", state]);
    assert!(taken.contains("Username is unavailable"), "{taken}");
    let guild = first(&on_server(&["guild", "create", "Hall", "--owner", &ada]));
    let refused = failure(&["user", "delete", &ada, "--state", state]);
    assert!(refused.contains("owns guilds (Hall)"), "{refused}");
    on_server(&["guild", "delete", &guild]);
    on_server(&["user", "delete", &ada]);
    assert_eq!(on_server(&["user", "list"]), "");
}

#[test]
fn rooms_roles_and_invites_are_furnished_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev"]);
    let state = folder.path().to_str().unwrap();
    let on_server = |arguments: &[&str]| success(&[arguments, &["--state", state]].concat());
    let dev = json(folder.path(), "dev.json");
    let guild = dev["guild_id"].as_str().unwrap();
    let user = dev["users"][0]["id"].as_str().unwrap();

    let channel = first(&on_server(&[
        "channel", "create", guild, "Lounge", "--limit", "3",
    ]));
    assert!(on_server(&["channel", "edit", &channel, "--limit", "5"]).contains("at most 5"));
    on_server(&["channel", "delete", &channel]);
    assert!(!on_server(&["channel", "list", guild]).contains("Lounge"));

    let role = first(&on_server(&[
        "role",
        "create",
        guild,
        "movers",
        "--grant",
        "move members",
    ]));
    on_server(&["role", "give", guild, &role, user]);
    on_server(&["role", "take", guild, &role, user]);
    assert!(on_server(&["role", "edit", guild, &role, "--name", "shovers"]).contains("shovers"));
    on_server(&["role", "delete", guild, &role]);
    assert!(!on_server(&["role", "list", guild]).contains("shovers"));

    let to_guild = first(&on_server(&["invite", "create", "--guild", guild, "--uses", "2"]));
    assert!(on_server(&["invite", "list", "--guild", guild]).contains("used 0 of 2 times"));
    let to_sign_up = first(&on_server(&["invite", "create", "--hours", "1"]));
    assert!(on_server(&["invite", "list"]).contains(&to_sign_up));
    for code in [&to_guild, &to_sign_up] {
        on_server(&["invite", "revoke", code]);
    }
    let gone = failure(&["invite", "revoke", &to_guild, "--state", state]);
    assert!(gone.contains("Unknown invite"), "{gone}");

    let whole = on_server(&["guild", "show", guild, "--json"]);
    let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["members"].as_array().unwrap().len(), 4);
}

#[test]
fn a_list_whose_reader_has_gone_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev"]);
    let state = folder.path().to_str().unwrap();
    let mut listing = Running::printing(voxhall(&["user", "list", "--state", state]));
    listing.stop_listening();
    assert!(listing.end().0.success());
}

//! `voxhall serve`: what it writes, what it answers, how it ends, and what it says when it cannot start.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::program::{failure, json, run, serve, success};

/// `host:port` of an address with a scheme.
fn authority(address: &Value) -> String {
    let rest = address.as_str().unwrap().split_once("://").unwrap().1;
    rest.split('/').next().unwrap().to_owned()
}

/// Status line and body of a plain-text GET.
fn get(authority: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn dev_json_names_the_world_of_the_captures() {
    let state = tempfile::tempdir().unwrap();
    let _server = serve(state.path(), &["--dev"]);
    let dev = json(state.path(), "dev.json");
    assert_eq!(dev["guild_id"], "934828556603764816");
    assert_eq!(
        dev["voice_channels"],
        serde_json::json!(["934828556603764821", "966416163309518878"])
    );
    assert_eq!(dev["text_channel"], "934828556603764820");
    assert_eq!(dev["dm_channel"], "963085128693862430");
    assert_eq!(dev["users"][0]["id"], "959467381011415120");
    assert_eq!(dev["users"][1]["name"], "Exp");
    assert_eq!(dev["bots"].as_array().unwrap().len(), 2);
    assert!(dev["bots"][1]["token"].is_string());
    let (api, ca) = (
        dev["api"].as_str().unwrap(),
        Path::new(dev["ca"].as_str().unwrap()),
    );
    assert!(
        api.starts_with("https://127.0.0.1:") && api.ends_with("/api"),
        "{api}"
    );
    assert!(ca.is_absolute() && ca.is_file(), "{}", ca.display());
}

#[test]
fn rest_answers_in_plain_text_on_the_same_port_and_names_the_gateway() {
    let state = tempfile::tempdir().unwrap();
    let _server = serve(state.path(), &["--dev"]);
    let dev = json(state.path(), "dev.json");
    let (status, body) = get(&authority(&dev["api"]), "/api/v10/gateway");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(authority(&body["url"]), authority(&dev["gateway"]));
}

#[test]
fn it_says_that_it_lives_and_is_ready_and_ends_cleanly() {
    let state = tempfile::tempdir().unwrap();
    let mut server = serve(state.path(), &[]);
    let api = authority(&json(state.path(), "server.json")["api"]);
    assert_eq!(get(&api, "/healthz").1, "alive\n");
    assert_eq!(get(&api, "/readyz").1, "ready\n");
    assert!(!state.path().join("dev.json").exists(), "only --dev writes it");
    server.signal("TERM");
    let (status, said) = server.end();
    assert_eq!(status.code(), Some(0));
    assert!(said.contains("Stopping"), "{said}");
    assert!(TcpStream::connect(api).is_err());
}

#[test]
fn a_server_whose_output_nobody_reads_any_more_ends_cleanly_too() {
    let state = tempfile::tempdir().unwrap();
    let mut server = serve(state.path(), &[]);
    server.stop_listening();
    server.signal("TERM");
    assert_eq!(server.end().0.code(), Some(0));
}

#[test]
fn a_second_start_keeps_tokens_and_authority() {
    let state = tempfile::tempdir().unwrap();
    let mut first = serve(state.path(), &["--dev"]);
    let (before, ca) = (
        json(state.path(), "dev.json"),
        fs::read(state.path().join("ca.pem")).unwrap(),
    );
    first.signal("TERM");
    first.end();
    let _second = serve(state.path(), &["--dev"]);
    let after = json(state.path(), "dev.json");
    assert_eq!(
        (&before["users"], &before["bots"]),
        (&after["users"], &after["bots"])
    );
    assert_eq!(fs::read(state.path().join("ca.pem")).unwrap(), ca);
}

#[test]
fn doctor_finds_a_running_server_healthy_and_a_stopped_one_not() {
    let state = tempfile::tempdir().unwrap();
    let mut server = serve(state.path(), &["--dev"]);
    let folder = state.path().to_str().unwrap();
    let healthy = success(&["doctor", "--state", folder]);
    assert!(!healthy.contains("FAULT"), "{healthy}");
    server.signal("TERM");
    server.end();
    let stopped = run(&["doctor", "--state", folder]);
    let said = String::from_utf8_lossy(&stopped.stdout);
    assert!(
        !stopped.status.success() && said.contains("FAULT") && said.contains("do: "),
        "{said}"
    );
}

#[test]
fn a_second_start_on_taken_ports_leaves_the_first_server_as_it_is() {
    let state = tempfile::tempdir().unwrap();
    let _first = serve(state.path(), &["--dev"]);
    let before = json(state.path(), "dev.json");
    let (folder, taken) = (state.path().to_str().unwrap(), authority(&before["api"]));
    failure(&["serve", "--dev", "--state", folder, "--listen", &taken]);
    assert_eq!(json(state.path(), "dev.json"), before);
}

#[test]
fn a_certificate_from_files_is_shown_in_place_of_the_local_one() {
    let made = tempfile::tempdir().unwrap();
    serve(made.path(), &[]).signal("TERM");
    let file = |name: &str| made.path().join(name).to_str().unwrap().to_owned();
    let state = tempfile::tempdir().unwrap();
    let own = [
        "--tls-cert",
        &file("server.pem"),
        "--tls-key",
        &file("server-key.pem"),
    ];
    let _server = serve(&state.path().join("new"), &own);
    assert_eq!(json(&state.path().join("new"), "server.json")["ca"], Value::Null);
    assert!(!state.path().join("new/ca.pem").exists());
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let state = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = state.path().to_str().unwrap();
    let said = failure(&[
        "serve",
        "--dev",
        "--state",
        folder,
        "--listen",
        &address.to_string(),
    ]);
    assert!(
        said.contains(&address.port().to_string()) && said.contains("choose another port"),
        "{said}"
    );
}

#[test]
fn a_certificate_that_cannot_be_read_is_named() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().to_str().unwrap();
    let said = failure(&[
        "serve",
        "--state",
        folder,
        "--tls-cert",
        "none.pem",
        "--tls-key",
        "none.key",
    ]);
    assert!(said.contains("none.pem"), "{said}");
}

#[test]
fn a_missing_server_is_named_with_how_to_start_one() {
    let state = tempfile::tempdir().unwrap();
    let said = failure(&["doctor", "--state", state.path().to_str().unwrap()]);
    assert!(said.contains("voxhall serve"), "{said}");
}

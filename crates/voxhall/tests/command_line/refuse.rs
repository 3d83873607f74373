//! Wrong tokens, names, addresses and files: one sentence that says what to do, and a code that is not 0.

use crate::program::{failure, json, serve};

#[test]
fn client_commands_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev"]);
    let state = folder.path().to_str().unwrap();
    let bad_file = folder.path().join("bad.wav");
    std::fs::write(&bad_file, "no music").unwrap();
    let bad_file = bad_file.to_str().unwrap();
    let api = json(folder.path(), "dev.json")["api"]
        .as_str()
        .unwrap()
        .to_owned();

    let cases: [(&[&str], &str); 7] = [
        (&["join", "1234"], "no channel 1234"),
        (&["join", "--guild", "77"], "not in guild 77"),
        (&["join", "--as", "nobody"], "it has minstrel"),
        (&["play", bad_file], "bad.wav: not Ogg Opus or WAV"),
        (&["play", "none.wav"], "none.wav"),
        (&["record", "out.wav", "--user", "nobody"], "give the user's id"),
        (&["call", "nobody", "--ring"], "give the user's id"),
    ];
    for (arguments, expected) in cases {
        let said = failure(&[arguments, &["--state", state]].concat());
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let untrusted = failure(&["join", "2", "--api", &api, "--token", "any", "--guild", "1"]);
    assert!(untrusted.contains("--ca FILE"), "{untrusted}");
}

#[test]
fn servers_that_cannot_be_reached_are_named() {
    let nobody = ["join", "2", "--guild", "1", "--token", "any", "--api"];
    let said = failure(&[&nobody[..], &["http://127.0.0.1:1/api"]].concat());
    assert!(
        said.contains("127.0.0.1:1") && said.contains("is the server running"),
        "{said}"
    );
    let said = failure(&[&nobody[..], &["127.0.0.1"]].concat());
    assert!(said.contains("http://"), "{said}");
}

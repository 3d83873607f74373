//! Hello, Identify, Ready, Select Protocol, Session Description in every version.

use serde_json::{Value, json};
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_sfu::{Command, RoomId, Transport};

use crate::world::{ALICE, BOB, CHANNEL, MEDIA_SESSION, PORT, World, identify, select, settings};

const VERSIONS: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

#[test]
fn hello_comes_at_once_in_the_dialect_of_the_version() {
    for version in VERSIONS {
        let mut world = World::new();
        let client = world.open(version);
        let number: u8 = version.parse().unwrap();
        let expected = match number {
            1..=2 => json!({"heartbeat_interval": 13750}),
            _ => json!({"op": 8, "d": {"v": number, "heartbeat_interval": 13750}}),
        };
        assert_eq!(world.received(client), [expected]);
    }
}

#[test]
fn the_handshake_is_complete_in_every_version() {
    for version in VERSIONS {
        let mut world = World::new();
        let client = world.identify(version, ALICE);
        let ready = world.received(client).pop().unwrap();
        assert_eq!(ready["op"], 2);
        let ssrc = ready["d"]["ssrc"].as_u64().unwrap();
        assert!(ssrc > 0 && ssrc < 1 << 28);
        assert_eq!(ready["d"]["ip"], "198.51.100.20");
        assert_eq!(ready["d"]["port"], PORT);
        assert_eq!(
            ready["d"]["modes"],
            json!(["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"])
        );
        assert_eq!(ready["d"]["experiments"], json!([]));
        assert_eq!(
            ready["d"]["streams"],
            json!([
                {"type": "video", "rid": "50", "quality": 50, "ssrc": ssrc + 1, "rtx_ssrc": ssrc + 2, "active": false},
                {"type": "video", "rid": "100", "quality": 100, "ssrc": ssrc + 3, "rtx_ssrc": ssrc + 4, "active": false},
            ])
        );
        assert!(ready.get("seq").is_none());

        world.send(client, 1, select());
        let frames = world.received(client);
        let description = &frames[0];
        assert_eq!(description["op"], 4);
        assert_eq!(description["d"]["audio_codec"], "opus");
        assert_eq!(description["d"]["video_codec"], "H264");
        assert_eq!(description["d"]["media_session_id"], MEDIA_SESSION);
        assert_eq!(description["d"]["mode"], "aead_aes256_gcm_rtpsize");
        assert_eq!(description["d"]["keyframe_interval"], 2000);
        assert_eq!(description["d"]["dave_protocol_version"], 0);
        assert_eq!(description["d"]["secret_key"].as_array().unwrap().len(), 32);
        let wants = frames.get(1);
        if version >= "5" {
            assert_eq!(
                wants.unwrap()["d"],
                json!({"any": 100}),
                "initial wants from v5 on"
            );
            assert_eq!(wants.unwrap().get("seq").is_some(), version >= "8");
        } else {
            assert_eq!(wants, None);
        }
    }
}

#[test]
fn the_worker_learns_of_the_member_before_its_client_does() {
    let mut world = World::new();
    let client = world.identify("8", ALICE);
    let ssrc = world.last_ssrc();
    world.send(client, 1, select());
    let commands = std::mem::take(&mut world.commands);
    let [add, permit, connect] = &commands[..] else {
        panic!("{commands:?}");
    };
    let Command::AddMember { room, ssrcs, .. } = &add.1 else {
        panic!("{add:?}")
    };
    assert_eq!(*room, RoomId(CHANNEL.0));
    assert_eq!((ssrcs.audio, ssrcs.streams.len()), (Ssrc(ssrc), 2));
    assert!(matches!(permit.1, Command::SetPermissions { .. }));
    let Command::Connect {
        transport: Transport::Udp(transport),
        dave,
        ..
    } = &connect.1
    else {
        panic!("{connect:?}")
    };
    assert_eq!(transport.mode, EncryptionMode::AeadAes256GcmRtpsize);
    assert_eq!(transport.hint, Some("203.0.113.7:50123".parse().unwrap()));
    assert_eq!((transport.first_nonce, *dave), (0, false));
    let told = world
        .received(client)
        .iter()
        .find(|frame| frame["op"] == 4)
        .unwrap()["d"]["secret_key"]
        .clone();
    assert_eq!(told, json!(transport.key.expose()));
}

#[test]
fn a_second_select_protocol_brings_a_new_key_and_no_second_roster() {
    let mut world = World::new();
    world.join("8", BOB);
    let client = world.identify("8", ALICE);
    world.received(client);
    world.send(client, 1, select());
    let first = world.received(client);
    let again = json!({"protocol": "udp", "address": "203.0.113.7", "port": "50123",
        "mode": "aead_xchacha20_poly1305_rtpsize", "codecs": select()["codecs"]});
    world.send(client, 1, again);
    let second = world.received(client);
    assert_eq!(second.len(), 1, "{second:?}");
    assert_eq!(second[0]["d"]["mode"], "aead_xchacha20_poly1305_rtpsize");
    assert_ne!(second[0]["d"]["secret_key"], first[0]["d"]["secret_key"]);
}

#[test]
fn who_lists_no_video_codec_is_told_none() {
    let mut world = World::new();
    let client = world.identify("8", ALICE);
    world.received(client);
    let bot = json!({"protocol": "udp",
        "data": {"address": "1.2.3.4", "port": 5, "mode": "aead_xchacha20_poly1305_rtpsize"}});
    world.send(client, 1, bot);
    let description = &world.received(client)[0];
    assert_eq!(description["op"], 4);
    assert!(description["d"].get("video_codec").is_none());
}

#[test]
fn historic_modes_are_offered_after_the_current_ones_when_switched_on() {
    let mut settings = settings();
    settings.modes = EncryptionMode::ALL[..7].to_vec();
    let mut world = World::with(settings, &[PORT]);
    let client = world.identify("4", ALICE);
    let ready = world.received(client).pop().unwrap();
    assert_eq!(
        ready["d"]["modes"],
        json!([
            "aead_aes256_gcm_rtpsize",
            "aead_xchacha20_poly1305_rtpsize",
            "aead_aes256_gcm",
            "xsalsa20_poly1305_lite_rtpsize",
            "xsalsa20_poly1305_lite",
            "xsalsa20_poly1305_suffix",
            "xsalsa20_poly1305"
        ])
    );
    let old = json!({"protocol": "udp", "data": {"address": "a", "port": 1, "mode": "xsalsa20_poly1305"}});
    world.send(client, 1, old);
    assert_eq!(world.received(client)[0]["d"]["mode"], "xsalsa20_poly1305");
}

#[test]
fn heartbeats_are_answered_in_the_dialect_even_before_identify() {
    let nonce = 9_007_199_254_740_992_u64;
    for version in VERSIONS {
        let mut world = World::new();
        let client = world.open(version);
        world.received(client);
        let (beat, answer) = match version {
            "1" => (json!(nonce), json!({"op": 3, "d": nonce})),
            "8" | "9" => (
                json!({"t": nonce, "seq_ack": -1}),
                json!({"op": 6, "d": {"t": nonce}}),
            ),
            _ => (json!(nonce), json!({"op": 6, "d": nonce})),
        };
        world.send(client, 3, beat);
        assert_eq!(world.received(client), [answer], "v{version}");
    }
}

#[test]
fn backend_versions_are_told_from_version_6_on() {
    for version in ["5", "6", "9"] {
        let mut world = World::new();
        let client = world.join(version, ALICE);
        world.send(client, 16, json!({}));
        let told: Vec<Value> = world.received(client);
        assert_eq!(told.len(), usize::from(version >= "6"));
        for frame in told {
            assert!(frame["d"]["voice"].is_string() && frame["d"]["rtc_worker"].is_string());
        }
    }
}

#[test]
fn a_client_that_offers_no_streams_gets_an_empty_list() {
    let mut world = World::new();
    world.issue(ALICE);
    let client = world.open("4");
    let mut bot = identify(ALICE);
    bot.as_object_mut()
        .unwrap()
        .retain(|name, _| name != "streams" && name != "video");
    world.send(client, 0, bot);
    let ready = world.received(client).pop().unwrap();
    assert_eq!(ready["d"]["streams"], json!([]));
}

#[test]
fn ssrcs_are_not_given_twice() {
    let mut world = World::new();
    world.identify("8", ALICE);
    let first = world.last_ssrc();
    world.identify("8", BOB);
    assert_eq!(
        world.last_ssrc(),
        first + 5,
        "one for audio, two for each of two layers"
    );
}

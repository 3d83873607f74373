//! What real clients and old servers write differently from the letter of the protocol, and what must be taken.

use serde_json::{Value, json};
use voxhall_protocol::gateway::{
    ClientMessage, Identify, Intents, OneOrMany, StreamKey, StreamName, TokenKind,
};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::model::{Channel, Member, Permissions, User, VoiceState};
use voxhall_protocol::rest::{ApiError, ApiErrorCode, CreateDm, PatchMember, RingRequest, StopRinging};
use voxhall_protocol::voice::{
    EncryptionMode, Message, ModeName, Ssrc, VoiceVersion, WireFrame, decode_client_text, decode_server_text,
    encode_client,
};
use voxhall_protocol::{Nullable, Secret};

fn client(wire: &Value) -> Message {
    decode_client_text(VoiceVersion::V8, &wire.to_string())
        .expect("a message")
        .message
}

fn server(wire: &Value) -> Message {
    decode_server_text(VoiceVersion::V8, &wire.to_string())
        .expect("a message")
        .message
}

#[test]
fn ids_come_as_integers_and_go_as_strings() {
    let message = client(
        &json!({"op": 0, "d": {"server_id": 934828556603764816_u64, "user_id": "2",
        "session_id": "s", "token": "t"}}),
    );
    let WireFrame::Text(back) = encode_client(VoiceVersion::V8, &message) else {
        panic!("binary")
    };
    let back: Value = serde_json::from_str(&back).expect("JSON");
    assert_eq!(back["d"]["server_id"], "934828556603764816");

    let wire =
        json!({"d": {"guild_id": 1, "channel_id": 2, "self_mute": false, "self_deaf": false}, "op": 4});
    let message = ClientMessage::decode(wire.to_string().as_bytes()).expect("op 4, d first");
    let ClientMessage::VoiceStateUpdate(update) = message else {
        panic!("{message}")
    };
    assert_eq!(
        (update.guild_id, update.channel_id),
        (Some(GuildId(1)), Some(ChannelId(2)))
    );
}

#[test]
fn pre_release_names_of_dave_are_understood() {
    let identify = client(
        &json!({"op": 0, "d": {"server_id": "1", "user_id": "2", "session_id": "s", "token": "t",
        "max_secure_frames_version": 1}}),
    );
    let Message::Identify(identify) = identify else {
        panic!("{identify}")
    };
    assert_eq!(identify.dave_version(), 1);
    let description = server(&json!({"op": 4, "d": {"secure_frames_version": 1}}));
    let Message::SessionDescription(description) = description else {
        panic!("{description}")
    };
    assert_eq!(description.dave_version(), 1);
}

#[test]
fn select_protocol_may_be_nested_flat_or_both() {
    let nested = json!({"address": "203.0.113.7", "port": 50123, "mode": "aead_aes256_gcm_rtpsize"});
    let flat = json!({"protocol": "udp", "address": "203.0.113.7", "port": "50123",
        "mode": "aead_aes256_gcm_rtpsize"});
    let mut both = flat.clone();
    both["data"] = nested.clone();
    for d in [json!({"protocol": "udp", "data": nested}), flat, both] {
        let Message::SelectProtocol(select) = client(&json!({"op": 1, "d": d})) else {
            panic!("{d}")
        };
        let udp = select.udp().expect("a choice");
        assert_eq!((udp.address.as_str(), udp.port), ("203.0.113.7", 50123), "{d}");
        assert_eq!(udp.mode, EncryptionMode::AeadAes256GcmRtpsize.into());
        assert_eq!(select.fragment(), None);
    }
    let Message::SelectProtocol(webrtc) =
        client(&json!({"op": 1, "d": {"protocol": "webrtc", "sdp": "a=x"}}))
    else {
        panic!("not op 1")
    };
    assert_eq!((webrtc.fragment(), webrtc.udp()), (Some("a=x"), None));
    let port =
        json!({"op": 1, "d": {"protocol": "udp", "data": {"address": "", "port": 65536, "mode": "x"}}});
    assert!(
        decode_client_text(VoiceVersion::V8, &port.to_string()).is_err(),
        "a port has 16 bits"
    );
}

#[test]
fn unknown_modes_and_fields_survive() {
    let d =
        json!({"ssrc": 1, "port": 2, "modes": ["plain", "quantum_rtpsize"], "new": {"deep": [1, 2.5, null]}});
    let Message::Ready(ready) = server(&json!({"op": 2, "d": d})) else {
        panic!("not Ready")
    };
    assert_eq!(ready.modes[0].known(), Some(EncryptionMode::Plain));
    assert_eq!(ready.modes[1], ModeName::Other("quantum_rtpsize".to_owned()));
    assert_eq!(serde_json::to_value(&ready).expect("JSON"), d);
}

#[test]
fn odd_speaking_messages_of_client_libraries() {
    // songbird: a null user; py-cord: no source; old bots on version 4: a boolean.
    for d in [
        json!({"speaking": 1, "delay": 0, "ssrc": 5, "user_id": null}),
        json!({"speaking": 1, "delay": 0}),
        json!({"speaking": true, "ssrc": 5}),
    ] {
        let Message::Speaking(speaking) = client(&json!({"op": 5, "d": d})) else {
            panic!("{d}")
        };
        assert_eq!(speaking.speaking.bits(), 1, "{d}");
        assert_eq!(speaking.user_id, None);
    }
}

#[test]
fn video_of_old_bots_has_no_streams() {
    let d = json!({"audio_ssrc": 5, "video_ssrc": 0, "rtx_ssrc": 0});
    let Message::Video(video) = client(&json!({"op": 12, "d": d})) else {
        panic!("{d}")
    };
    assert!(video.layers().is_empty() && !video.is_publishing());
    let d = json!({"audio_ssrc": 5, "video_ssrc": 6, "rtx_ssrc": 7, "streams": [
        {"type": "video", "rid": "100", "ssrc": 6, "active": true, "quality": 100}]});
    let Message::Video(video) = client(&json!({"op": 12, "d": d})) else {
        panic!("{d}")
    };
    assert!(video.is_publishing());
    assert_eq!(
        video.layers()[0].rtx(),
        Some(Ssrc(7)),
        "the source after the layer's own"
    );
}

#[test]
fn wants_have_sources_a_default_and_pixels() {
    let d = json!({"any": 0, "1311887": 100, "1311884": 50, "pixelCounts": {"1311887": 921600.0},
        "streams": {"1": 2}, "007": 3, "12": 101});
    let Message::MediaSinkWants(wants) = client(&json!({"op": 15, "d": d})) else {
        panic!("{d}")
    };
    let quality = |ssrc| wants.quality(Ssrc(ssrc));
    assert_eq!((quality(1_311_887), quality(1_311_884), quality(9)), (100, 50, 0));
    assert_eq!(
        serde_json::to_value(&wants).expect("JSON"),
        d,
        "also what makes no sense"
    );
    let Message::MediaSinkWants(nothing) = client(&json!({"op": 15, "d": {}})) else {
        panic!("{{}}")
    };
    assert_eq!(nothing.quality(Ssrc(1)), 100);
}

/// Identify with one field on top of what every client says.
fn identify_with(field: &str, value: &Value) -> Identify {
    let mut d = json!({"token": "Bot x", "properties": {}, "intents": 129});
    d[field] = value.clone();
    let wire = json!({"op": 2, "d": d}).to_string();
    match ClientMessage::decode(wire.as_bytes()) {
        Ok(ClientMessage::Identify(identify)) => *identify,
        other => panic!("{field} = {value}: {other:?}"),
    }
}

#[test]
fn serenity_says_since_when_it_is_idle_in_an_object() {
    let since = json!({"secs_since_epoch": 1_700_000_000, "nanos_since_epoch": 5});
    let presence = json!({"since": since, "activities": [], "status": "online", "afk": false});
    let identify = identify_with("presence", &presence);
    let said = identify.presence.value().expect("a presence");
    assert_eq!(said.since.as_ref(), Some(&since));
    assert_eq!(said.status.as_deref(), Some("online"));
    assert_eq!(
        serde_json::to_value(said).expect("JSON"),
        presence,
        "kept as it came"
    );

    let wire = json!({"op": 3, "d": presence}).to_string();
    let ClientMessage::PresenceUpdate(update) = ClientMessage::decode(wire.as_bytes()).expect("op 3") else {
        panic!("not op 3")
    };
    assert_eq!(update.since, Some(since));
}

#[test]
fn fields_that_decide_nothing_lock_nobody_out() {
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!("x"),
        json!([[]]),
        json!({"a": {}}),
    ];
    let presence = |field: &str, value: &Value| json!({"status": "idle", field: value});
    for value in &odd {
        for field in [
            "compress",
            "large_threshold",
            "presence",
            "client_state",
            "properties",
            "new",
        ] {
            let identify = identify_with(field, value);
            assert_eq!(identify.intents, Some(Intents::VOICE), "{field} = {value}");
            assert_eq!(identify.large_threshold, None, "{field} = {value}");
        }
        for field in ["since", "activities", "afk", "new"] {
            let identify = identify_with("presence", &presence(field, value));
            let said = identify.presence.value().expect("a presence");
            assert_eq!(said.status.as_deref(), Some("idle"), "{field} = {value}");
        }
    }
    assert_eq!(
        identify_with("large_threshold", &json!("250")).large_threshold,
        Some(250)
    );
    assert_eq!(identify_with("compress", &json!(true)).compress, Some(true));
}

#[test]
fn a_wish_that_cannot_be_read_does_not_keep_anyone_from_joining() {
    let d = json!({"guild_id": "1", "channel_id": "2", "self_mute": false, "self_deaf": true,
        "preferred_region": 7, "preferred_regions": {"best": "here"}});
    let wire = json!({"op": 4, "d": d}).to_string();
    let message = ClientMessage::decode(wire.as_bytes()).expect("op 4");
    let ClientMessage::VoiceStateUpdate(update) = message else {
        panic!("{message}")
    };
    assert_eq!((update.channel_id, update.self_deaf), (Some(ChannelId(2)), true));
    assert_eq!(update.preferred_region.value(), None);
}

#[test]
fn members_are_asked_for_in_one_guild_or_several() {
    for (guilds, expected) in [
        (json!("1"), vec![1]),
        (json!(1), vec![1]),
        (json!(["1", 2]), vec![1, 2]),
    ] {
        let wire = json!({"op": 8, "d": {"guild_id": guilds, "query": "", "limit": 0}}).to_string();
        let message = ClientMessage::decode(wire.as_bytes()).expect("op 8");
        let ClientMessage::RequestGuildMembers(request) = message else {
            panic!("{message}")
        };
        let ids: Vec<u64> = request.guild_id.as_slice().iter().map(|id| id.0).collect();
        assert_eq!(ids, expected);
        assert_eq!(matches!(request.guild_id, OneOrMany::One(_)), !guilds.is_array());
    }
}

#[test]
fn subscriptions_in_bulk() {
    let d =
        json!({"subscriptions": {"1": {"typing": true, "channels": {"2": [[0, 99], [100, 199]]}, "new": 1}}});
    let wire = json!({"op": 37, "d": d}).to_string();
    let message = ClientMessage::decode(wire.as_bytes()).expect("op 37");
    let ClientMessage::GuildSubscriptionsBulk(bulk) = &message else {
        panic!("{message}")
    };
    let rows = bulk.subscriptions[&GuildId(1)]
        .channels
        .as_ref()
        .map(|channels| channels[&ChannelId(2)].clone());
    assert_eq!(rows, Some(vec![[0, 99], [100, 199]]));
    assert_eq!(
        serde_json::from_str::<Value>(&message.encode()).expect("JSON")["d"],
        d
    );
}

#[test]
fn tokens_have_prefixes_and_hide() {
    assert_eq!(TokenKind::split("Bot abc"), (TokenKind::Bot, "abc"));
    assert_eq!(TokenKind::split("Bearer abc"), (TokenKind::Bearer, "abc"));
    assert_eq!(TokenKind::split("abc"), (TokenKind::Bare, "abc"));
    let wire = br#"{"op":2,"d":{"token":"Bot 5e9cae","properties":{},"intents":129}}"#;
    let identify = ClientMessage::decode(wire).expect("op 2");
    assert!(!format!("{identify:?} {identify}").contains("5e9cae"));
    assert!(
        identify
            .to_string()
            .contains("intents: guilds | guild voice states"),
        "{identify}"
    );
    let key = json!({"op": 4, "d": {"mode": "plain", "secret_key": vec![77; 32]}});
    let description = server(&key);
    assert!(!format!("{description:?} {description}").contains("77"));
    assert_eq!(Secret::new(5).into_inner(), 5);
}

#[test]
fn stream_keys() {
    for key in ["guild:1:2:3", "call:2:3"] {
        assert_eq!(key.parse::<StreamKey>().expect(key).to_string(), key);
    }
    for bad in ["guild:1:2", "call:1:2:3", "call:1:x", "dm:1:2", "", "call::"] {
        assert!(bad.parse::<StreamKey>().is_err(), "{bad}");
    }
}

#[test]
fn a_stream_without_a_key_is_read_so_that_it_can_be_answered() {
    let watch = |key: &str| {
        let text = json!({"op": 20, "d": {"stream_key": key}}).to_string();
        match ClientMessage::decode(text.as_bytes()) {
            Ok(ClientMessage::StreamWatch(watch)) => watch.stream_key,
            other => panic!("{other:?}"),
        }
    };
    let key = StreamKey::new(Some(GuildId(1)), ChannelId(2), UserId(3));
    assert_eq!(watch("guild:1:2:3"), StreamName::Key(key));
    assert_eq!(watch("guild:1").to_string(), "guild:1");
    assert_eq!(
        (key.guild(), key.channel(), key.owner()),
        (Some(GuildId(1)), ChannelId(2), UserId(3))
    );
    assert!(ClientMessage::decode(br#"{"op":20,"d":{"stream_key":5}}"#).is_err());
}

#[test]
fn absent_null_and_value_are_three_things() {
    let patch = |text| serde_json::from_str::<PatchMember>(text).expect(text).channel_id;
    assert_eq!(patch("{}"), Nullable::Absent);
    assert_eq!(patch(r#"{"channel_id":null}"#), Nullable::Null);
    assert_eq!(patch(r#"{"channel_id":"5"}"#), Nullable::Value(ChannelId(5)));
    for text in ["{}", r#"{"channel_id":null}"#, r#"{"channel_id":"5"}"#] {
        let back =
            serde_json::to_string(&serde_json::from_str::<PatchMember>(text).expect(text)).expect("JSON");
        assert_eq!(back, text);
    }
    let ring: RingRequest = serde_json::from_str(r#"{"recipients":[5]}"#).expect("integers");
    assert_eq!(ring.recipients, Nullable::Value(vec![UserId(5)]));
    let decline: StopRinging = serde_json::from_str("{}").expect("declining");
    assert_eq!(decline.recipients, Nullable::Absent);
    for dm in [r#"{"recipients":["7"]}"#, r#"{"recipient_id":7}"#] {
        assert_eq!(
            serde_json::from_str::<CreateDm>(dm).expect(dm).users(),
            [UserId(7)]
        );
    }
}

#[test]
fn errors_of_rest_have_names() {
    let error = ApiError::new(ApiErrorCode::UnknownChannel, "Unknown Channel");
    let json = json!({"message": "Unknown Channel", "code": 10003});
    assert_eq!(serde_json::to_value(&error).expect("JSON"), json);
    assert_eq!(serde_json::from_value::<ApiError>(json).expect("an error"), error);
    assert_eq!(ApiErrorCode::from(7).to_string(), "unknown 7");
}

#[test]
fn permissions_are_digits_in_a_string() {
    let all: Permissions = serde_json::from_str("\"18446744073709551615\"").expect("64 bits");
    assert!(all.contains(Permissions::CONNECT | Permissions::SPEAK));
    assert_eq!(
        serde_json::to_string(&all).expect("JSON"),
        "\"18446744073709551615\""
    );
    assert_eq!(
        serde_json::from_str::<Permissions>("8").expect("a number"),
        Permissions::ADMINISTRATOR
    );
}

#[test]
fn sparse_objects_of_other_servers_are_read() {
    let user: User = serde_json::from_str(r#"{"id":1,"username":"x"}"#).expect("a user");
    assert_eq!(user.discriminator, "0");
    let member: Member = serde_json::from_str(r#"{"roles":[]}"#).expect("a member");
    assert!(!member.mute);
    let channel: Channel = serde_json::from_str(r#"{"id":"1","type":99}"#).expect("a channel");
    assert_eq!(channel.kind.to_string(), "unknown 99");
    assert!(serde_json::from_str::<VoiceState>(r#"{"user_id":"1","session_id":"s"}"#).is_err());
}

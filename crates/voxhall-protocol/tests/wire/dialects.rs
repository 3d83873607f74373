//! What each version of the voice gateway writes and reads differently.

use serde_json::{Value, json};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, ServerId, UserId};
use voxhall_protocol::voice::{
    ClientDisconnect, DecodeError, Frame, Heartbeat, HeartbeatAck, Hello, Identify, Message, MlsTransition,
    Resume, Speaking, SpeakingFlags, Ssrc, VoiceCloseCode, VoiceOpcode, VoiceVersion, WireFrame,
    decode_client_binary, decode_client_text, decode_server_binary, decode_server_text, encode_client,
    encode_server, is_newer,
};

fn text(frame: WireFrame) -> Value {
    match frame {
        WireFrame::Text(text) => serde_json::from_str(&text).expect("JSON"),
        WireFrame::Binary(bytes) => panic!("binary: {bytes:?}"),
    }
}

fn identify() -> Identify {
    let mut identify = Identify::new(ServerId(1), UserId(2), "session", Token::from("token"));
    identify.channel_id = Some(ChannelId(3));
    identify
}

#[test]
fn hello_is_bare_before_version_3() {
    let hello = Hello {
        v: None,
        heartbeat_interval: 41_250.0,
        extra: Default::default(),
    };
    for version in VoiceVersion::ALL {
        let wire = encode_server(version, &Message::Hello(hello.clone()), None);
        let WireFrame::Text(json) = &wire else {
            panic!("binary")
        };
        let frame = decode_server_text(version, json).expect("a Hello");
        assert_eq!(frame.message, Message::Hello(hello.clone()), "{version}");
        let expected = match version.number() {
            1 | 2 => json!({"heartbeat_interval": 41250}),
            _ => json!({"op": 8, "d": {"heartbeat_interval": 41250}}),
        };
        assert_eq!(text(wire), expected, "{version}");
    }
    assert!(decode_server_text(VoiceVersion::V3, r#"{"heartbeat_interval":41250}"#).is_err());
    let modern = decode_server_text(VoiceVersion::V1, r#"{"op":8,"d":{"heartbeat_interval":13750.5}}"#);
    let Ok(Frame {
        message: Message::Hello(hello),
        ..
    }) = modern
    else {
        panic!("{modern:?}")
    };
    assert_eq!(
        hello.interval().as_micros(),
        13_750_500,
        "an interval with a fraction"
    );
}

#[test]
fn no_interval_makes_a_client_spin_or_die() {
    for (interval, millis) in [(0.0, 100), (-5.0, 100), (1e300, 3_600_000), (f64::NAN, 3_600_000)] {
        let hello = Hello {
            v: None,
            heartbeat_interval: interval,
            extra: Default::default(),
        };
        assert_eq!(hello.interval().as_millis(), millis);
    }
}

#[test]
fn heartbeats_are_numbers_and_from_version_8_objects() {
    let beat = Heartbeat::new(1_650_483_735_947, Some(10));
    for version in VoiceVersion::ALL {
        let expected = match version.number() {
            8 | 9 => json!({"op": 3, "d": {"t": 1_650_483_735_947_u64, "seq_ack": 10}}),
            _ => json!({"op": 3, "d": 1_650_483_735_947_u64}),
        };
        assert_eq!(
            text(encode_client(version, &beat.clone().into())),
            expected,
            "{version}"
        );
        let back = decode_client_text(version, &expected.to_string())
            .expect("a heartbeat")
            .message;
        let Message::Heartbeat(back) = back else {
            panic!("{back}")
        };
        assert_eq!(back.nonce, beat.nonce);
        assert_eq!(
            back.seq_ack,
            beat.seq_ack.filter(|_| version.has_seq()),
            "{version}"
        );

        let ack = Message::HeartbeatAck(HeartbeatAck::to(&back));
        let expected = match version.number() {
            1 => json!({"op": 3, "d": 1_650_483_735_947_u64}),
            8 | 9 => json!({"op": 6, "d": {"t": 1_650_483_735_947_u64}}),
            _ => json!({"op": 6, "d": 1_650_483_735_947_u64}),
        };
        assert_eq!(text(encode_server(version, &ack, None)), expected, "{version}");
        assert_eq!(
            decode_server_text(version, &expected.to_string())
                .expect("an ACK")
                .message,
            ack,
            "{version}"
        );
    }
}

#[test]
fn any_nonce_comes_back_untouched() {
    let nonces = [
        "9007199254740992",
        "18446744073709551616000",
        "-1",
        "1.50",
        "1e5",
        "null",
        "\"abc\"",
        "0",
    ];
    for nonce in nonces {
        for (version, wrap) in [(VoiceVersion::V4, ["", ""]), (VoiceVersion::V8, ["{\"t\":", "}"])] {
            let [open, close] = wrap;
            let beat = decode_client_text(version, &format!("{{\"op\":3,\"d\":{open}{nonce}{close}}}"));
            let Ok(Frame {
                message: Message::Heartbeat(beat),
                ..
            }) = beat
            else {
                panic!("{beat:?}")
            };
            let ack = encode_server(version, &HeartbeatAck::to(&beat).into(), None);
            assert_eq!(
                ack,
                WireFrame::Text(format!("{{\"op\":6,\"d\":{open}{nonce}{close}}}"))
            );
        }
    }
    for bad in [
        r#"{"op":3,"d":[1]}"#,
        r#"{"op":3,"d":{"seq_ack":1}}"#,
        r#"{"op":3,"d":{"t":{}}}"#,
    ] {
        let error = decode_client_text(VoiceVersion::V8, bad).expect_err(bad);
        assert_eq!(error.close_code(), VoiceCloseCode::BadRequest);
    }
}

#[test]
fn only_a_server_echoes_a_heartbeat_as_a_heartbeat() {
    let ack = decode_server_text(VoiceVersion::V1, r#"{"op":3,"d":7}"#)
        .unwrap()
        .message;
    assert_eq!(text(encode_server(VoiceVersion::V1, &ack, None))["op"], 3);
    // No client has a reason to say this; what one says all the same is not taken for something else.
    assert_eq!(text(encode_client(VoiceVersion::V1, &ack))["op"], 6);
}

#[test]
fn nothing_numbered_yet_is_said_in_three_ways() {
    for beat in [
        r#"{"t":1,"seq_ack":-1}"#,
        r#"{"t":1,"seq_ack":null}"#,
        r#"{"t":1}"#,
    ] {
        let frame = decode_client_text(VoiceVersion::V8, &format!("{{\"op\":3,\"d\":{beat}}}")).expect(beat);
        assert_eq!(frame.message, Heartbeat::new(1, None).into());
    }
    let too_big = r#"{"op":3,"d":{"t":1,"seq_ack":65536}}"#;
    assert!(decode_client_text(VoiceVersion::V8, too_big).is_err());
}

#[test]
fn speaking_is_true_or_false_before_version_4() {
    let speaking = Speaking::from_client(SpeakingFlags::VOICE | SpeakingFlags::PRIORITY, Ssrc(7));
    for version in VoiceVersion::ALL {
        let wire = text(encode_client(version, &speaking.clone().into()));
        let expected = if version.number() <= 3 {
            json!(true)
        } else {
            json!(5)
        };
        assert_eq!(
            wire,
            json!({"op": 5, "d": {"speaking": expected, "delay": 0, "ssrc": 7}}),
            "{version}"
        );
        let back = decode_client_text(version, &wire.to_string())
            .expect("Speaking")
            .message;
        let Message::Speaking(back) = back else {
            panic!("{back}")
        };
        assert!(back.speaking.contains(SpeakingFlags::VOICE), "{version}");
    }
    let silent = Speaking::from_client(SpeakingFlags::NONE, Ssrc(7));
    let wire = text(encode_client(VoiceVersion::V3, &silent.into()));
    assert_eq!(wire["d"]["speaking"], false);
}

#[test]
fn the_channel_is_named_at_version_9_only() {
    let resume = Resume {
        server_id: ServerId(1),
        channel_id: Some(ChannelId(3)),
        session_id: "session".to_owned(),
        token: Token::from("token"),
        seq_ack: Some(4),
        extra: Default::default(),
    };
    for version in VoiceVersion::ALL {
        let wire = text(encode_client(version, &identify().into()));
        assert_eq!(wire["d"].get("channel_id").is_some(), version == VoiceVersion::V9);
        let wire = text(encode_client(version, &resume.clone().into()));
        assert_eq!(wire["d"].get("channel_id").is_some(), version == VoiceVersion::V9);
        assert_eq!(wire["d"].get("seq_ack").is_some(), version >= VoiceVersion::V8);
    }
    for op in [VoiceOpcode::Identify, VoiceOpcode::Resume] {
        let wire = match op {
            VoiceOpcode::Identify => encode_client(VoiceVersion::V8, &identify().into()),
            _ => encode_client(VoiceVersion::V8, &resume.clone().into()),
        };
        let without = text(wire).to_string();
        assert!(decode_client_text(VoiceVersion::V8, &without).is_ok());
        let error = decode_client_text(VoiceVersion::V9, &without).expect_err("no channel");
        assert!(matches!(&error, DecodeError::NoChannel { op: lacking } if *lacking == op));
        assert_eq!(error.close_code(), VoiceCloseCode::BadRequest);
    }
}

#[test]
fn sequence_numbers_stand_beside_the_payload_from_version_8() {
    let message = Message::ClientDisconnect(ClientDisconnect::new(UserId(5)));
    for version in VoiceVersion::ALL {
        let wire = text(encode_server(version, &message, Some(65_535)));
        let seq = version.has_seq().then_some(65_535);
        assert_eq!(wire.get("seq").and_then(Value::as_u64), seq, "{version}");
        let frame = decode_server_text(version, &wire.to_string()).expect("a frame");
        assert_eq!(
            frame,
            Frame {
                message: message.clone(),
                seq: seq.map(|seq| seq as u16)
            }
        );
    }
    assert!(is_newer(0, 65_535) && is_newer(5, 4) && !is_newer(4, 4) && !is_newer(65_535, 0));
}

#[test]
fn binary_frames_have_a_prefix_from_version_8_and_only_from_the_server() {
    let welcome = MlsTransition {
        transition_id: 1,
        message: vec![0xaa],
    };
    for version in VoiceVersion::ALL {
        let message = Message::MlsWelcome(welcome.clone());
        let WireFrame::Binary(wire) = encode_server(version, &message, Some(7)) else {
            panic!("text")
        };
        let expected: &[u8] = if version.has_seq() {
            &[0, 7, 30, 0, 1, 0xaa]
        } else {
            &[30, 0, 1, 0xaa]
        };
        assert_eq!(wire, expected, "{version}");
        let frame = decode_server_binary(version, &wire).expect("a frame");
        assert_eq!(
            frame,
            Frame {
                message,
                seq: version.has_seq().then_some(7)
            }
        );
        for short in 0..wire.len() - 1 {
            let error = decode_server_binary(version, &wire[..short]);
            assert!(
                matches!(error, Err(DecodeError::Truncated { length }) if length == short),
                "{version} {short}"
            );
        }
        let package = Message::MlsKeyPackage(vec![0, 1]);
        assert_eq!(
            encode_client(version, &package),
            WireFrame::Binary(vec![26, 0, 1])
        );
    }
    let unknown = decode_server_binary(VoiceVersion::V7, &[99, 1]).expect("unknown opcodes are kept");
    assert_eq!(
        unknown.message,
        Message::UnknownBinary {
            op: 99,
            payload: vec![1]
        }
    );
}

#[test]
fn errors_say_how_to_close() {
    let v9 = VoiceVersion::V9;
    let code = |text: &str| decode_client_text(v9, text).expect_err(text).close_code();
    assert_eq!(code("hello"), VoiceCloseCode::DecodeFailed);
    assert_eq!(code("[]"), VoiceCloseCode::DecodeFailed);
    assert_eq!(code("{}"), VoiceCloseCode::DecodeFailed);
    assert_eq!(code(r#"{"op":"0","d":{}}"#), VoiceCloseCode::DecodeFailed);
    assert_eq!(code(r#"{"op":-1,"d":{}}"#), VoiceCloseCode::DecodeFailed);
    assert_eq!(code(r#"{"op":0,"d":{}}"#), VoiceCloseCode::DecodeFailed);
    assert_eq!(code(r#"{"op":26,"d":{}}"#), VoiceCloseCode::DecodeFailed);
    assert_eq!(code(r#"{"op":1,"d":{}}"#), VoiceCloseCode::BadRequest);
    assert_eq!(
        code(r#"{"op":5,"d":{"speaking":"loud"}}"#),
        VoiceCloseCode::BadRequest
    );
    assert_eq!(
        code(&format!("{{\"op\":16,\"d\":\"{}\"}}", "x".repeat(65_536))),
        VoiceCloseCode::DecodeFailed
    );

    let binary = |bytes: &[u8]| decode_client_binary(bytes).expect_err("not a message");
    assert!(matches!(binary(b"{\"op\":3,\"d\":1}"), DecodeError::JsonInBinary));
    assert!(matches!(binary(&[30, 0, 1]), DecodeError::NotBinary { op: 30 }));
    assert!(matches!(binary(&[]), DecodeError::Truncated { length: 0 }));
    assert_eq!(binary(&[99]).close_code(), VoiceCloseCode::DecodeFailed);

    let unknown = decode_client_text(v9, r#"{"op":33,"d":{"a":[1]}}"#).expect("kept");
    assert_eq!(
        unknown.message,
        Message::Unknown {
            op: 33,
            data: json!({"a": [1]})
        }
    );
}

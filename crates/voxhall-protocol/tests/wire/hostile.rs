//! Random and mutated input: never a panic, always the right close code, and what is taken can be said again.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use voxhall_protocol::discovery::{Request, Response};
use voxhall_protocol::gateway::{self, ClientMessage, GatewayCloseCode, ServerMessage};
use voxhall_protocol::ping::KeepAlive;
use voxhall_protocol::sdp::{ClientFragment, ServerFragment};
use voxhall_protocol::voice::{
    VoiceCloseCode, VoiceOpcode, VoiceVersion, WireFrame, decode_client_binary, decode_client_text,
    decode_server_binary, decode_server_text, encode_client,
};

use super::capture;

const NOTES: [&str; 3] = [
    "000_8e500259156488e0.txt",
    "001_a8493bd86a646482.txt",
    "004_45b894b59929e7ea.txt",
];

/// Feeds a text to the server's reader in one version.
fn to_voice_server(version: VoiceVersion, text: &str) {
    match decode_client_text(version, text) {
        Ok(frame) => {
            let WireFrame::Text(again) = encode_client(version, &frame.message) else {
                return;
            };
            let second = decode_client_text(version, &again).expect(&again);
            let WireFrame::Text(third) = encode_client(version, &second.message) else {
                panic!("{again}")
            };
            assert_eq!(third, again);
            // Printing is for logs, so it must stand anything too.
            assert!(!frame.to_string().is_empty());
        }
        Err(error) => {
            let code = error.close_code();
            assert!(
                matches!(code, VoiceCloseCode::DecodeFailed | VoiceCloseCode::BadRequest),
                "{error}: {code}"
            );
        }
    }
}

fn to_gateway(bytes: &[u8]) {
    match ClientMessage::decode(bytes) {
        Ok(message) => {
            let again = message.encode();
            if again.len() <= gateway::MAX_CLIENT_MESSAGE {
                assert_eq!(
                    ClientMessage::decode(again.as_bytes()).expect(&again).encode(),
                    again
                );
            }
            assert!(!message.to_string().is_empty());
        }
        Err(error) => assert_eq!(error.close_code(), GatewayCloseCode::DecodeFailed),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(vec![
            "udp",
            "opus",
            "video",
            "plain",
            "0",
            "1",
            "-1",
            "99999999999999999999",
            ""
        ])
        .prop_map(Value::from),
    ];
    let keys = proptest::sample::select(vec![
        "speaking",
        "ssrc",
        "streams",
        "rid",
        "t",
        "seq_ack",
        "user_id",
        "server_id",
        "token",
        "session_id",
        "data",
        "protocol",
        "mode",
        "port",
        "any",
        "pixelCounts",
        "1",
        "guild_id",
        "channel_id",
        "self_mute",
        "self_deaf",
        "channels",
        "members",
        "nonce",
        "intents",
        "seq",
        "subscriptions",
        "transition_id",
        "codecs",
    ]);
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((keys.clone(), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

/// The captured messages as wire text.
static CAPTURED: LazyLock<Vec<String>> = LazyLock::new(|| {
    NOTES
        .iter()
        .flat_map(|notes| capture::payloads(notes))
        .map(|captured| match captured.json.get("op") {
            Some(_) => captured.json.to_string(),
            None => json!({"op": captured.header.map(|(op, _)| op), "d": captured.json}).to_string(),
        })
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text(text in ".{0,200}", number in 1..=9_u8) {
        let version = VoiceVersion::new(number).expect("1 to 9");
        to_voice_server(version, &text);
        to_gateway(text.as_bytes());
        let _ = decode_server_text(version, &text);
        let _ = ClientFragment::parse(&text);
        let _ = ServerFragment::parse(&text);
    }

    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..100), number in 1..=9_u8) {
        let version = VoiceVersion::new(number).expect("1 to 9");
        to_gateway(&bytes);
        let _ = decode_server_binary(version, &bytes);
        let _ = ServerMessage::decode(&bytes);
        if let Ok(frame) = decode_client_binary(&bytes) {
            prop_assert_eq!(encode_client(version, &frame.message), WireFrame::Binary(bytes.clone()));
        }
        if let Some(reply) = KeepAlive::parse(&bytes).and_then(KeepAlive::reply) {
            prop_assert_eq!(reply.len(), bytes.len(), "no amplification");
        }
    }

    #[test]
    fn random_datagrams_of_discovery_length(
        bytes in prop_oneof![vec(any::<u8>(), 70..=70), vec(any::<u8>(), 74..=74)],
        with_head in any::<bool>(),
    ) {
        let mut bytes = bytes;
        if with_head {
            bytes[..4].copy_from_slice(&[0, 1, 0, 70]);
        }
        if let Ok(request) = Request::parse(&bytes) {
            let reply = request.respond("203.0.113.7:50123".parse().expect("an address"));
            prop_assert_eq!(reply.len(), bytes.len(), "no amplification");
        }
        let _ = Response::parse(&bytes);
    }

    #[test]
    fn random_payloads_of_every_opcode(data in any_json(), number in 1..=9_u8) {
        let version = VoiceVersion::new(number).expect("1 to 9");
        for op in 0..=44 {
            let text = json!({"op": op, "d": data, "s": 1, "t": "VOICE_STATE_UPDATE"}).to_string();
            to_voice_server(version, &text);
            to_gateway(text.as_bytes());
            let _ = decode_server_text(version, &text);
            let _ = ServerMessage::decode(text.as_bytes());
        }
    }

    #[test]
    fn mutated_captures(
        which in any::<proptest::sample::Index>(),
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        number in 1..=9_u8,
    ) {
        let version = VoiceVersion::new(number).expect("1 to 9");
        let mut bytes = CAPTURED[which.index(CAPTURED.len())].clone().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        to_gateway(&bytes);
        let _ = ServerMessage::decode(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            to_voice_server(version, text);
            let _ = decode_server_text(version, text);
        }
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = "[".repeat(30_000) + &"]".repeat(30_000);
    for op in VoiceOpcode::ALL {
        let text = format!("{{\"op\":{},\"d\":{deep}}}", op.number());
        match decode_client_text(VoiceVersion::V8, &text) {
            // Resumed does not look at its payload.
            Ok(frame) => assert_eq!(frame.message.opcode(), Some(VoiceOpcode::Resumed)),
            Err(error) => assert!(
                matches!(
                    error.close_code(),
                    VoiceCloseCode::DecodeFailed | VoiceCloseCode::BadRequest
                ),
                "{error}"
            ),
        }
    }
    let deep = "[".repeat(7_000) + &"]".repeat(7_000);
    for op in [2, 3, 8, 14, 40, 99] {
        assert!(
            ClientMessage::decode(format!("{{\"op\":{op},\"d\":{deep}}}").as_bytes()).is_err(),
            "op {op}"
        );
    }
}

#[test]
fn the_limits_of_length_hold_to_the_byte() {
    let padded = |length: usize, frame: &str| format!("{frame}{}", " ".repeat(length - frame.len()));
    let beat = r#"{"op":3,"d":1}"#;
    assert!(decode_client_text(VoiceVersion::V4, &padded(65_536, beat)).is_ok());
    assert!(decode_client_text(VoiceVersion::V4, &padded(65_537, beat)).is_err());
    let beat = r#"{"op":1,"d":1}"#;
    assert!(ClientMessage::decode(padded(15_360, beat).as_bytes()).is_ok());
    assert!(ClientMessage::decode(padded(15_361, beat).as_bytes()).is_err());
}

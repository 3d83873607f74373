//! Every payload of the capture notes decodes to a known type, comes back as equal JSON, and prints by name.

use super::capture::{self, Captured, Sender, payloads};
use serde_json::{Value, json};
use voxhall_protocol::gateway::{ClientMessage, Event, GatewayOpcode, ServerMessage};
use voxhall_protocol::voice::{
    Frame, Message, VoiceOpcode, VoiceVersion, WireFrame, decode_client_text, decode_server_text,
    encode_client, encode_server,
};

const WEB_2021: &str = "000_8e500259156488e0.txt";
const WEB_2022: &str = "001_a8493bd86a646482.txt";
const WEB_2022_SHORT: &str = "002_49b6d51068ffa36b.txt";
const LIBRARY_2016: &str = "003_444988a8efba9b8a.txt";
const DRAFT_2016: &str = "004_45b894b59929e7ea.txt";

/// A main-Gateway message goes through its type and back.
fn check_main(captured: &Captured) -> String {
    let (op, name) = captured.header.clone().expect("a header");
    let wire = json!({"op": op, "d": captured.json, "s": 7, "t": name}).to_string();
    let (back, printed) = match captured.sender.expect("a direction") {
        Sender::Client => {
            let message = ClientMessage::decode(wire.as_bytes()).expect("a client message");
            assert!(
                !matches!(
                    message,
                    ClientMessage::Other { .. } | ClientMessage::Unknown { .. }
                ),
                "no type for {wire}"
            );
            let printed = message.to_string();
            let friendly = GatewayOpcode::from_number(op).expect("a known opcode").name();
            assert!(printed.starts_with(friendly), "{printed}");
            (message.encode(), printed)
        }
        Sender::Server => {
            let message = ServerMessage::decode(wire.as_bytes()).expect("a server message");
            let ServerMessage::Dispatch { seq: 7, event } = &message else {
                panic!("no dispatch: {wire}")
            };
            assert!(!matches!(event, Event::Unknown { .. }), "no type for {wire}");
            assert_eq!(Some(event.name()), name.as_deref());
            let printed = message.to_string();
            assert!(printed.starts_with(&format!("#7 {}", event.name())), "{printed}");
            (message.encode(), printed)
        }
    };
    let back: Value = serde_json::from_str(&back).expect("JSON");
    assert_eq!(back["d"], captured.json, "{printed}");
    assert_eq!(back["op"], op);
    assert_eq!(back.get("t").and_then(Value::as_str), name.as_deref());
    printed
}

/// A voice-gateway message goes through its type and back, in the version of the capture.
fn check_voice(version: VoiceVersion, sender: Sender, wire: &Value) -> (Frame, String) {
    let text = wire.to_string();
    let (frame, back) = match sender {
        Sender::Client => {
            let frame = decode_client_text(version, &text).expect("a client message");
            let back = encode_client(version, &frame.message);
            (frame, back)
        }
        Sender::Server => {
            let frame = decode_server_text(version, &text).expect("a server message");
            let back = encode_server(version, &frame.message, frame.seq);
            (frame, back)
        }
    };
    let WireFrame::Text(back) = back else {
        panic!("binary: {text}")
    };
    assert_eq!(
        serde_json::from_str::<Value>(&back).expect("JSON"),
        rid_as_text(wire.clone()),
        "{text}"
    );
    let op = wire["op"].as_u64().expect("an opcode");
    let opcode = VoiceOpcode::from_number(op).expect("a known opcode");
    assert_eq!(frame.message.opcode(), Some(opcode));
    let printed = frame.to_string();
    assert!(printed.starts_with(opcode.name()), "{printed}");
    (frame, printed)
}

/// The one thing that changes on the way: a `rid` that came as a number goes out as text.
fn rid_as_text(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields {
                *field = match field.take() {
                    Value::Number(number) if name == "rid" => Value::String(number.to_string()),
                    other => rid_as_text(other),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = rid_as_text(item.take())),
        _ => {}
    }
    value
}

#[test]
fn main_gateway_of_2022() {
    let main: Vec<_> = payloads(WEB_2022)
        .into_iter()
        .filter(|captured| captured.header.is_some())
        .collect();
    assert_eq!(main.len(), 31);
    let printed: Vec<String> = main.iter().map(check_main).collect();
    assert!(
        printed
            .iter()
            .any(|line| line.contains("MESSAGE_CREATE") && line.contains("type: call"))
    );
    assert!(
        !printed.iter().any(|line| line.contains("273acb23b05ad3bc")),
        "a token was printed"
    );
}

#[test]
fn the_short_sibling_says_the_same() {
    let short: Vec<_> = payloads(WEB_2022_SHORT);
    assert!(short.iter().all(|captured| captured.header.is_some()));
    short.iter().for_each(|captured| {
        check_main(captured);
    });
    let json = |captured: Vec<Captured>| -> Vec<Value> {
        captured
            .into_iter()
            .filter(|captured| captured.header.is_some())
            .map(|captured| captured.json)
            .collect()
    };
    assert_eq!(json(short), json(payloads(WEB_2022)));
}

#[test]
fn voice_gateway_of_2022() {
    let voice: Vec<_> = payloads(WEB_2022)
        .into_iter()
        .filter(|captured| captured.header.is_none())
        .collect();
    let names: Vec<String> = voice
        .iter()
        .map(|captured| {
            let sender = captured.sender.expect("a direction");
            check_voice(VoiceVersion::V6, sender, &captured.json)
                .0
                .message
                .opcode()
                .expect("known")
                .to_string()
        })
        .collect();
    assert_eq!(
        names,
        [
            "Hello",
            "Identify",
            "Ready",
            "Voice Backend Version",
            "Voice Backend Version",
            "Video",
            "Select Protocol",
            "Media Sink Wants",
            "Session Description",
            "Heartbeat",
            "Heartbeat ACK",
            "Speaking",
            "Speaking",
        ]
    );
    let (_, speaking) = check_voice(VoiceVersion::V6, Sender::Client, &voice[11].json);
    assert_eq!(speaking, "Speaking {delay: 5, speaking: voice, ssrc: 1331704490}");
    let (_, selected) = check_voice(VoiceVersion::V6, Sender::Client, &voice[6].json);
    assert!(
        selected.contains("protocol: \"webrtc\"") && !selected.contains("9473594540563294"),
        "{selected}"
    );
}

#[test]
fn voice_gateway_of_2021() {
    let messages = [
        (Sender::Client, VoiceOpcode::Identify),
        (Sender::Server, VoiceOpcode::Hello),
        (Sender::Server, VoiceOpcode::Ready),
        (Sender::Client, VoiceOpcode::BackendVersion),
        (Sender::Server, VoiceOpcode::BackendVersion),
        (Sender::Client, VoiceOpcode::Video),
        (Sender::Client, VoiceOpcode::SelectProtocol),
        (Sender::Server, VoiceOpcode::MediaSinkWants),
    ];
    let voice = payloads(WEB_2021);
    assert_eq!(voice.len(), messages.len());
    for (captured, (sender, opcode)) in voice.into_iter().zip(messages) {
        assert_eq!(captured.sender, Some(sender), "{opcode}");
        assert_eq!(captured.json["op"], opcode.number());
        check_voice(VoiceVersion::V6, sender, &captured.json);
    }
    let (request, _) = check_voice(VoiceVersion::V6, Sender::Client, &json!({"op": 16, "d": {}}));
    assert!(matches!(request.message, Message::BackendVersion(_)));
}

#[test]
fn the_draft_of_2016() {
    let draft = payloads(DRAFT_2016);
    let [join, state, server, identify, ready] = &draft[..] else {
        panic!("{} payloads", draft.len())
    };
    check_main(join);
    // The draft expects the voice state as opcode 4; it never was.
    check_main(&Captured {
        header: Some((0, Some("VOICE_STATE_UPDATE".to_owned()))),
        ..state.clone()
    });
    check_main(server);
    check_voice(VoiceVersion::V1, Sender::Client, &identify.json);
    let (frame, _) = check_voice(VoiceVersion::V1, Sender::Server, &ready.json);
    let Message::Ready(ready) = frame.message else {
        panic!("{frame}")
    };
    assert_eq!(
        (ready.ip, ready.heartbeat_interval.and_then(|ms| ms.as_u64())),
        (None, Some(1))
    );
}

#[test]
fn opcode_names_are_those_of_the_notes() {
    assert!(payloads(LIBRARY_2016).is_empty());
    let first_words = |text: &str| text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    for opcode in &VoiceOpcode::ALL[..6] {
        let prefix = format!("{}\t", opcode.number());
        let notes = capture::text(LIBRARY_2016);
        let line = notes
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .expect("a line for the opcode");
        assert!(first_words(line).starts_with(opcode.name()), "{line}");
        let row = format!("| {} | {} |", opcode.number(), opcode.name());
        assert!(capture::text(DRAFT_2016).contains(&row), "{row}");
    }
}

//! The vectors for binary frames, IP discovery and UDP ping.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use voxhall_protocol::discovery::{Form, PortOrder, Request, Response};
use voxhall_protocol::ping::{self, KeepAlive};
use voxhall_protocol::voice::{
    Frame, Message, Ssrc, VoiceVersion, WireFrame, decode_client_binary, decode_server_binary, encode_client,
    encode_server,
};

fn vectors<T: DeserializeOwned>(key: &str) -> Vec<T> {
    let all: Value = serde_json::from_str(include_str!("../data/transport-vectors.json")).expect("JSON");
    serde_json::from_value(all[key].clone()).expect("vectors of the expected shape")
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}

#[derive(Deserialize)]
struct Binary {
    id: String,
    version: u8,
    direction: String,
    seq: Option<u16>,
    op: u8,
    payload: String,
    frame: String,
}

fn payload(message: &Message) -> Vec<u8> {
    match message {
        Message::MlsExternalSender(payload) | Message::MlsKeyPackage(payload) => payload.clone(),
        Message::MlsWelcome(welcome) => [&welcome.transition_id.to_be_bytes()[..], &welcome.message].concat(),
        other => panic!("no vector has {other}"),
    }
}

#[test]
fn binary_frames() {
    let vectors: Vec<Binary> = vectors("gateway_binary");
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let version = VoiceVersion::new(vector.version).expect("a version");
        let wire = bytes(&vector.frame);
        let (Frame { message, seq }, back) = match vector.direction.as_str() {
            "client_to_server" => {
                let frame = decode_client_binary(&wire).expect(&vector.id);
                let back = encode_client(version, &frame.message);
                (frame, back)
            }
            _ => {
                let frame = decode_server_binary(version, &wire).expect(&vector.id);
                let back = encode_server(version, &frame.message, frame.seq);
                (frame, back)
            }
        };
        assert_eq!(
            message.opcode().map(|op| op.number()),
            Some(vector.op),
            "{}",
            vector.id
        );
        assert_eq!(payload(&message), bytes(&vector.payload), "{}", vector.id);
        assert_eq!(seq, vector.seq, "{}", vector.id);
        assert_eq!(back, WireFrame::Binary(wire), "{}", vector.id);
    }
}

#[derive(Deserialize)]
struct Discovery {
    id: String,
    form: String,
    direction: String,
    ssrc: Option<u32>,
    address: Option<String>,
    port: Option<u16>,
    port_byte_order: Option<String>,
    bytes: String,
}

#[test]
fn discovery_requests() {
    let requests: Vec<Discovery> = vectors("ip_discovery");
    let requests: Vec<_> = requests
        .into_iter()
        .filter(|v| v.direction == "client_to_server")
        .collect();
    assert_eq!(requests.len(), 3);
    for vector in requests {
        let form = match vector.form.as_str() {
            "legacy70" => Form::Legacy,
            "hybrid70" => Form::Hybrid,
            _ => Form::Current,
        };
        let expected = Request {
            form,
            ssrc: Ssrc(vector.ssrc.expect("an SSRC")),
        };
        let wire = bytes(&vector.bytes);
        assert_eq!(Request::parse(&wire), Ok(expected), "{}", vector.id);
        assert_eq!(&*expected.encode(), wire, "{}", vector.id);
    }
}

#[test]
fn discovery_responses() {
    let responses: Vec<Discovery> = vectors("ip_discovery");
    let responses: Vec<_> = responses
        .into_iter()
        .filter(|v| v.direction == "server_to_client")
        .collect();
    assert_eq!(responses.len(), 4);
    for vector in responses {
        let wire = bytes(&vector.bytes);
        let order = match vector.port_byte_order.as_deref() {
            Some("little") => PortOrder::LittleEndian,
            _ => PortOrder::BigEndian,
        };
        let expected = Response {
            // The answer to a hybrid request echoes its header.
            ssrc: Ssrc(vector.ssrc.unwrap_or(0x0001_0046)),
            address: vector
                .address
                .expect("an address")
                .parse()
                .expect("an IP address"),
            port: vector.port.expect("a port"),
        };
        let (parsed, encoded) = match vector.form.as_str() {
            "current74" => (Response::parse(&wire), expected.encode()),
            _ => (
                Response::parse_legacy(&wire, order),
                expected.encode_legacy(order),
            ),
        };
        assert_eq!(parsed, Ok(expected), "{}", vector.id);
        assert_eq!(&*encoded, wire, "{}", vector.id);
    }
}

#[test]
fn a_request_is_answered_in_its_own_layout() {
    let all: Vec<Discovery> = vectors("ip_discovery");
    let wire = |id: &str| bytes(&all.iter().find(|vector| vector.id == id).expect(id).bytes);
    let source = "203.0.113.7:50123".parse().expect("an address");
    for (request, response) in [
        ("current-request", "current-response"),
        ("hybrid-request", "hybrid-response"),
        ("legacy-request", "legacy-response-port-be"),
    ] {
        let answer = Request::parse(&wire(request)).expect(request).respond(source);
        assert_eq!(&*answer, wire(response), "{request}");
    }
    let mapped = "[::ffff:203.0.113.7]:50123".parse().expect("an address");
    let answer = Request::new(Ssrc(713_745)).respond(mapped);
    assert_eq!(
        &*answer,
        wire("current-response"),
        "an IPv4 client on an IPv6 socket"
    );
}

#[derive(Deserialize)]
struct Ping {
    id: String,
    direction: String,
    bytes: String,
}

#[test]
fn pings_and_keep_alives() {
    let vectors: Vec<Ping> = vectors("udp_ping");
    assert_eq!(vectors.len(), 6);
    for vector in vectors {
        let wire = bytes(&vector.bytes);
        let parsed = KeepAlive::parse(&wire).expect(&vector.id);
        let expected = match vector.id.as_str() {
            "magic-request" => Some(ping::response([1, 0, 0, 0]).to_vec()),
            "counter-le-8" | "counter-be-8" => Some(wire.clone()),
            _ => None,
        };
        assert_eq!(
            parsed.reply().map(|reply| reply.to_vec()),
            expected,
            "{}",
            vector.id
        );
        if vector.direction == "server_to_client" {
            assert_eq!(parsed, KeepAlive::Pong([1, 0, 0, 0]));
            assert_eq!(wire, ping::response([1, 0, 0, 0]));
        }
    }
    assert_eq!(ping::request([1, 0, 0, 0]), [0x13, 0x37, 0xca, 0xfe, 1, 0, 0, 0]);
    assert_eq!(KeepAlive::parse(&[0x13, 0x37, 0xca]), None);
}

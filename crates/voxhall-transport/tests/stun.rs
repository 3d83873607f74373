//! STUN against the vector file, the examples of RFC 5769 and its two ends against each other.

mod common;

use std::net::SocketAddr;

use common::{Hex, section};
use serde::Deserialize;
use voxhall_transport::Error;
use voxhall_transport::demux::{Datagram, LegacyDiscovery, classify};
use voxhall_transport::stun::{
    BindingRequest, BindingResponse, ConnectivityCheck, ErrorCode, IceRole, TransactionId, Username,
    write_success,
};

#[derive(Deserialize)]
struct Vector {
    direction: String,
    server_ufrag: Option<String>,
    client_ufrag: Option<String>,
    mapped_address: Option<String>,
    mapped_port: Option<u16>,
    integrity_password: String,
    bytes: Hex,
}

fn vectors() -> (Vector, Vector) {
    let vectors: [Vector; 2] = section("stun", 2).try_into().ok().expect("two entries");
    let [request, response] = vectors;
    assert_eq!(request.direction, "client_to_server");
    assert_eq!(response.direction, "server_to_client");
    (request, response)
}

const PASSWORD: &str = "g40S9IK0OQ8GOTCorkDZDR";
const ID: TransactionId = TransactionId([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);

const CHECK: ConnectivityCheck<'_> = ConnectivityCheck {
    transaction: ID,
    receiver_ufrag: "tK/L",
    sender_ufrag: "6nHO",
    priority: 0x6E00_01FF,
    use_candidate: true,
    role: IceRole::Controlling(0x1122_3344_5566_7788),
};

fn written(check: &ConnectivityCheck<'_>) -> Vec<u8> {
    let mut out = vec![0; 600];
    let length = check.write(PASSWORD, &mut out).expect("it fits");
    out.truncate(length);
    out
}

#[test]
fn the_request_of_the_vector_file_is_written_and_read() {
    let (vector, _) = vectors();
    assert_eq!(vector.integrity_password, PASSWORD);
    assert_eq!(written(&CHECK), *vector.bytes);
    assert_eq!(classify(&vector.bytes, LegacyDiscovery::Accepted), Datagram::Stun);
    let request = BindingRequest::parse(&vector.bytes).expect("well-formed");
    assert_eq!(
        request.username,
        Some(Username {
            receiver: vector.server_ufrag.as_deref().expect("of a request"),
            sender: vector.client_ufrag.as_deref().expect("of a request"),
        })
    );
    assert_eq!(request.transaction(), ID);
    assert_eq!(request.priority, Some(CHECK.priority));
    assert_eq!(request.role, Some(CHECK.role));
    assert!(request.use_candidate);
    assert_eq!(request.check(PASSWORD), Ok(()));
    assert_eq!(request.check("another"), Err(ErrorCode::Unauthorized));
}

#[test]
fn the_response_of_the_vector_file_is_written_and_read() {
    let (_, vector) = vectors();
    let source = SocketAddr::new(
        vector
            .mapped_address
            .expect("of a response")
            .parse()
            .expect("an address"),
        vector.mapped_port.expect("of a response"),
    );
    let mut out = [0; 100];
    let length = write_success(ID, source, PASSWORD, &mut out).expect("it fits");
    assert_eq!(out[..length], *vector.bytes);
    assert_eq!(
        BindingResponse::parse(&vector.bytes, ID, PASSWORD),
        Ok(BindingResponse::Success(source))
    );
    let mapped: SocketAddr = "[::ffff:203.0.113.7]:50123".parse().expect("an address");
    let length = write_success(ID, mapped, PASSWORD, &mut out).expect("it fits");
    assert_eq!(out[..length], *vector.bytes, "a socket for both families");
}

/// RFC 5769 section 2: what others wrote, with padding of spaces and attributes that are not ours.
mod rfc5769 {
    use super::*;

    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
    const ID: TransactionId = TransactionId([
        0xB7, 0xE7, 0xA7, 0x01, 0xBC, 0x34, 0xD6, 0x86, 0xFA, 0x87, 0xDF, 0xAE,
    ]);
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74\
                           002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
                           000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
                               002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7\
                               80280004c07d4c96";
    const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
                               002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9\
                               00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";

    fn bytes(text: &str) -> Vec<u8> {
        Hex::try_from(text.to_owned()).expect("hexadecimal").0
    }

    #[test]
    fn the_request_is_read_and_its_role_refused_by_a_server() {
        let bytes = bytes(REQUEST);
        let request = BindingRequest::parse(&bytes).expect("well-formed");
        assert_eq!(
            request.username,
            Some(Username {
                receiver: "evtj",
                sender: "h6vY"
            })
        );
        assert_eq!(request.priority, Some(0x6E00_01FF));
        assert_eq!(request.role, Some(IceRole::Controlled(0x932F_F9B1_5126_3B36)));
        assert!(!request.use_candidate);
        assert_eq!(
            request.check(PASSWORD),
            Err(ErrorCode::RoleConflict),
            "so the password was right"
        );
        assert_eq!(request.check("another"), Err(ErrorCode::Unauthorized));
    }

    #[test]
    fn the_responses_are_read() {
        for (text, address) in [
            (RESPONSE_V4, "192.0.2.1:32853"),
            (RESPONSE_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
        ] {
            let bytes = bytes(text);
            let address = address.parse().expect("an address");
            assert_eq!(
                BindingResponse::parse(&bytes, ID, PASSWORD),
                Ok(BindingResponse::Success(address))
            );
            assert_eq!(
                BindingResponse::parse(&bytes, ID, "another"),
                Err(Error::Authentication)
            );
            let other = TransactionId([0; 12]);
            assert_eq!(
                BindingResponse::parse(&bytes, other, PASSWORD),
                Err(Error::MalformedStun)
            );
        }
    }
}

#[test]
fn addresses_of_both_families_come_back() {
    for source in ["127.0.0.1:1", "[2001:db8::7]:65535", "[::1]:50000"] {
        let source = source.parse().expect("an address");
        let mut out = [0; 100];
        let length = write_success(ID, source, PASSWORD, &mut out).expect("it fits");
        let response = BindingResponse::parse(&out[..length], ID, PASSWORD);
        assert_eq!(response, Ok(BindingResponse::Success(source)));
    }
}

#[test]
fn what_was_changed_is_not_believed() {
    let request = written(&CHECK);
    let mut response = [0; 100];
    let source = "203.0.113.7:50123".parse().expect("an address");
    let length = write_success(ID, source, PASSWORD, &mut response).expect("it fits");
    // Without its type a fingerprint is an attribute like any other behind the integrity: it does not count.
    let not_its_type =
        |length: usize| (0..8 * length).filter(move |bit| !(length - 8..length - 6).contains(&(bit / 8)));
    for bit in not_its_type(request.len()) {
        let mut changed = request.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let believed = BindingRequest::parse(&changed).is_ok_and(|read| read.check(PASSWORD).is_ok());
        assert!(!believed, "bit {bit}");
    }
    for bit in not_its_type(length) {
        let mut changed = response;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(
            BindingResponse::parse(&changed[..length], ID, PASSWORD).is_err(),
            "bit {bit}"
        );
    }
    for cut in 0..request.len() {
        assert!(BindingRequest::parse(&request[..cut]).is_err());
    }
    for cut in 0..length {
        assert!(BindingResponse::parse(&response[..cut], ID, PASSWORD).is_err());
    }
}

/// Bytes of FINGERPRINT, and of it with MESSAGE-INTEGRITY.
const FINGERPRINT: usize = 8;
const PROTECTION: usize = 24 + FINGERPRINT;

/// The request without the bytes at its end, with `more` in their place.
fn with_other_end(check: &ConnectivityCheck<'_>, without: usize, more: &[u8]) -> Vec<u8> {
    let mut message = written(check);
    message.truncate(message.len() - without);
    message.extend(more);
    let length = u16::try_from(message.len() - 20).expect("short");
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

fn refusal(request: &BindingRequest<'_>, code: ErrorCode) -> Vec<u8> {
    let mut out = vec![0; 200];
    let length = request.write_error(code, PASSWORD, &mut out).expect("it fits");
    out.truncate(length);
    let response = BindingResponse::parse(&out, request.transaction(), PASSWORD);
    assert_eq!(response, Ok(BindingResponse::Refused(code.number())));
    out
}

#[test]
fn a_request_without_credentials_is_a_bad_request() {
    let message = with_other_end(&CHECK, PROTECTION, &[]);
    let request = BindingRequest::parse(&message).expect("well-formed");
    assert_eq!(request.check(PASSWORD), Err(ErrorCode::BadRequest));
    let refusal = refusal(&request, ErrorCode::BadRequest);
    assert!(
        !contains(&refusal, &[0x00, 0x08, 0x00, 0x14]),
        "not authenticated"
    );
    assert!(contains(&refusal, b"Bad Request"));

    let mut nobody = CHECK;
    (nobody.receiver_ufrag, nobody.sender_ufrag) = ("", "");
    let mut message = with_other_end(&nobody, FINGERPRINT, &[]);
    assert_eq!(message[24], b':');
    message[24] = b'x';
    let request = BindingRequest::parse(&message).expect("well-formed");
    assert_eq!(request.username, None, "a name without a colon");
    assert_eq!(request.check(PASSWORD), Err(ErrorCode::BadRequest));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn an_unknown_attribute_is_named_in_the_refusal() {
    let mut message = with_other_end(&CHECK, FINGERPRINT, &[]);
    let priority = [0x00, 0x24, 0x00, 0x04];
    let at = message
        .windows(4)
        .position(|window| window == priority)
        .expect("PRIORITY");
    message[at + 1] = 0x7E;
    let request = BindingRequest::parse(&message).expect("the fingerprint may be missing");
    assert_eq!(request.unknown_attributes().collect::<Vec<_>>(), [0x007E]);
    assert_eq!(
        request.check(PASSWORD),
        Err(ErrorCode::Unauthorized),
        "who that is comes first"
    );
    let refusal = refusal(&request, ErrorCode::UnknownAttribute);
    assert!(contains(&refusal, &[0x00, 0x0A, 0x00, 0x02, 0x00, 0x7E, 0, 0]));
    assert_eq!(
        BindingResponse::parse(&refusal, ID, "another"),
        Err(Error::Authentication)
    );
}

#[test]
fn a_client_that_wants_to_be_controlled_is_told_to_change() {
    let mut check = CHECK;
    check.role = IceRole::Controlled(1);
    let message = written(&check);
    let request = BindingRequest::parse(&message).expect("well-formed");
    assert_eq!(request.check(PASSWORD), Err(ErrorCode::RoleConflict));
    refusal(&request, ErrorCode::RoleConflict);
}

#[test]
fn attributes_behind_the_integrity_do_not_count() {
    let check = ConnectivityCheck {
        use_candidate: false,
        ..CHECK
    };
    let message = with_other_end(&check, FINGERPRINT, &[0x00, 0x25, 0x00, 0x00]);
    let request = BindingRequest::parse(&message).expect("well-formed");
    assert_eq!(request.check(PASSWORD), Ok(()));
    assert!(!request.use_candidate, "anyone could have added it");
}

#[test]
fn other_messages_are_not_requests() {
    let mut message = with_other_end(&CHECK, FINGERPRINT, &[]);
    for kind in [0x0011_u16, 0x0101, 0x0111, 0x0003] {
        message[..2].copy_from_slice(&kind.to_be_bytes());
        assert_eq!(
            BindingRequest::parse(&message).map(drop),
            Err(Error::MalformedStun)
        );
    }
}

#[test]
fn a_buffer_too_small_is_told_at_every_length() {
    let needed = written(&CHECK).len();
    for length in 0..needed {
        let short = CHECK.write(PASSWORD, &mut vec![0; length]);
        assert!(matches!(short, Err(Error::BufferTooSmall { .. })), "{length}");
    }
    assert_eq!(CHECK.write(PASSWORD, &mut vec![0; needed]), Ok(needed));
    let mut endless = CHECK;
    let ufrag = "u".repeat(70_000);
    endless.sender_ufrag = &ufrag;
    assert_eq!(endless.write(PASSWORD, &mut vec![0; 80_000]), Err(Error::TooMany));
}

//! SDP fragments of real clients and servers.

use super::capture;
use serde_json::Value;
use voxhall_protocol::sdp::{ClientFragment, ExtensionScope, SdpError, ServerFragment};

const WEB_2021: &str = "000_8e500259156488e0.txt";
const WEB_2022: &str = "001_a8493bd86a646482.txt";
const ORIENTATION: &str = "urn:3gpp:video-orientation";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// The field called `field` of the first captured payload, bare or in an envelope, that has it.
fn captured(notes: &str, field: &str) -> String {
    let find = |json: &Value| {
        let payload = json.get("d").unwrap_or(json);
        payload.get(field).and_then(Value::as_str).map(str::to_owned)
    };
    capture::payloads(notes)
        .iter()
        .find_map(|captured| find(&captured.json))
        .expect(field)
}

fn sorted_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn chrome_2021() {
    let text = captured(WEB_2021, "data");
    let fragment = ClientFragment::parse(&text).expect("a fragment");
    assert_eq!(fragment.ice_ufrag, "6nHO");
    assert_eq!(fragment.ice_pwd.expose(), "Z7zvZzj3GlMaxxYwHG3tnd0X");
    assert_eq!(fragment.fingerprint, None);
    assert!(fragment.extmap_allow_mixed);
    assert_eq!(
        fragment.extension(ORIENTATION).map(|extension| extension.id),
        Some(13)
    );
    assert_eq!(fragment.payload_type("OPUS"), Some(111));
    assert_eq!(fragment.payload_type("vp8"), Some(96));
    assert_eq!(sorted_lines(&fragment.to_string()), sorted_lines(&text));
}

#[test]
fn firefox_2022() {
    let text = captured(WEB_2022, "data");
    let fragment = ClientFragment::parse(&text).expect("a fragment");
    assert_eq!(fragment.ice_ufrag, "925273d0");
    let received_only: Vec<u8> = fragment
        .extensions
        .iter()
        .filter(|extension| extension.scope == ExtensionScope::RecvOnly)
        .map(|extension| extension.id)
        .collect();
    assert_eq!(received_only, [2, 6]);
    assert_eq!(sorted_lines(&fragment.to_string()), sorted_lines(&text));
    assert!(
        !format!("{fragment:?}").contains("9473594540563294"),
        "Debug hides the password"
    );
}

#[test]
fn the_server_of_2022() {
    let text = captured(WEB_2022, "sdp");
    assert!(
        ServerFragment::parse(&text).is_err(),
        "the first sdp is the client's"
    );
    let text = capture::payloads(WEB_2022)
        .iter()
        .find_map(|captured| {
            (captured.json["op"] == 4)
                .then(|| captured.json["d"]["sdp"].as_str().map(str::to_owned))
                .flatten()
        })
        .expect("a Session Description");
    let fragment = ServerFragment::parse(&text).expect("a fragment");
    assert_eq!(fragment.ice_ufrag, "tK/L");
    assert_eq!(
        fragment.candidates,
        ["213.163.95.84:50001".parse().expect("an address")]
    );
    // Only the priority differs: the real one exceeds the range of the RFC.
    assert_eq!(fragment.to_string(), text.replace("4261412862", "2130706431"));
    assert_eq!(ServerFragment::parse(&fragment.to_string()), Ok(fragment));
}

#[test]
fn a_full_sdp_serves_as_a_fragment() {
    let sdp = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
         a=ice-ufrag:abcd\r\na=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {print}\r\na=extmap:1 {AUDIO_LEVEL}\r\n\
         a=rtpmap:111 opus/48000/2\r\na=candidate:1 1 UDP 1 127.0.0.1 9 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
         a=ice-ufrag:efgh\r\na=ice-pwd:{pwd}\r\na=extmap:1 {AUDIO_LEVEL}\r\na=extmap:3 {ORIENTATION}\r\n\
         a=rtpmap:96 VP8/90000\r\n",
        pwd = "p".repeat(22),
        print = ["0A"; 32].join(":"),
    );
    let fragment = ClientFragment::parse(&sdp).expect("a fragment");
    assert_eq!(fragment.ice_ufrag, "abcd", "the first counts");
    assert_eq!(fragment.fingerprint.map(|print| print.0), Some([10; 32]));
    assert_eq!(fragment.extensions.len(), 2, "sections are merged");
    assert_eq!(fragment.rtp_maps.len(), 2);
}

#[test]
fn a_fingerprint_of_another_hash_alone_is_refused() {
    let credentials = format!("a=ice-ufrag:abcd\na=ice-pwd:{}", "p".repeat(22));
    let other = format!("sha-512 {}", ["0A"; 64].join(":"));
    let text = other.chars().take(80).collect();
    let refused = ClientFragment::parse(&format!("{credentials}\na=fingerprint:{other}"));
    assert_eq!(refused, Err(SdpError::OtherHash { text }));
    let print = format!("sha-256 {}", ["0A"; 32].join(":"));
    for lines in [[&other, &print], [&print, &other]] {
        let [first, second] = lines;
        let both = format!("{credentials}\na=fingerprint:{first}\na=fingerprint:{second}");
        let fragment = ClientFragment::parse(&both).expect("one of them will do");
        assert_eq!(fragment.fingerprint.map(|print| print.0), Some([10; 32]));
    }
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    let parse = |text: &str| ClientFragment::parse(text).expect_err(text);
    assert_eq!(parse(""), SdpError::Missing("a=ice-ufrag"));
    assert_eq!(parse("a=ice-ufrag:abcd"), SdpError::Missing("a=ice-pwd"));
    for (line, text) in [
        ("ice-ufrag", "a=ice-ufrag:abc"),
        ("ice-pwd", "a=ice-pwd:short"),
        ("fingerprint", "a=fingerprint:sha-256 4A:79"),
        ("extmap", "a=extmap:0 urn:x"),
        ("extmap", "a=extmap:1/sideways urn:x"),
        ("rtpmap", "a=rtpmap:128 opus/48000/2"),
        ("extmap", "a=extmap:1 urn:x\r\r\n"),
        ("ice-options", "a=ice-options:trickle\0"),
    ] {
        assert!(
            matches!(parse(text), SdpError::Malformed { line: named, .. } if named == line),
            "{text}"
        );
    }
    let server = ServerFragment::parse("a=candidate:1 1 TCP 5 127.0.0.1 1 typ host");
    assert_eq!(server, Err(SdpError::Missing("a=candidate")), "only UDP counts");
}

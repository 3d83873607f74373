//! WebRTC clients: what they and the server say to each other, as the captures have it, and what becomes of their own
//! SSRCs (`media-transport.md` sections 10 and 11).

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};
use voxhall_node::core::ConnectionId;
use voxhall_protocol::sdp::ServerFragment;
use voxhall_protocol::voice::Ssrc;
use voxhall_sfu::{
    ClientSources, Command, Event, LayerSources, MemberId, PublishedVideo, Transport, TransportFailure,
    WorkerFailure,
};

use crate::world::{ALICE, BOB, MEDIA_SESSION, PORT, World, identify, session_id, settings, token};

/// What Chrome sent in November 2021.
pub const CHROME: &str = "a=extmap-allow-mixed\na=ice-ufrag:6nHO\na=ice-pwd:Z7zvZzj3GlMaxxYwHG3tnd0X\na=ice-options:trickle\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\na=extmap:5 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\na=extmap:6 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\na=rtpmap:111 opus/48000/2\na=extmap:14 urn:ietf:params:rtp-hdrext:toffset\na=extmap:13 urn:3gpp:video-orientation\na=extmap:12 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\na=extmap:11 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type\na=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing\na=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000";

/// What Firefox sent in April 2022.
const FIREFOX: &str = "a=ice-options:trickle\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\na=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\na=ice-pwd:9473594540563294f62301e5dc183472\na=ice-ufrag:925273d0\na=rtpmap:109 opus/48000/2\na=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\na=extmap:5 urn:ietf:params:rtp-hdrext:toffset\na=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\na=extmap:7 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\na=rtpmap:120 VP8/90000\na=rtpmap:124 rtx/90000";

/// The SSRC with which Firefox spoke then.
const SPOKEN: u32 = 1_331_704_490;

/// The codec lists beside the two fragments.
fn codecs(opus: u8, video: [(&str, u8, u8); 3]) -> Value {
    let mut list = vec![json!(
        {"name": "opus", "type": "audio", "priority": 1000, "payload_type": opus, "rtx_payload_type": null}
    )];
    for (priority, (name, payload_type, rtx)) in (1000..).step_by(1000).zip(video) {
        list.push(json!(
            {"name": name, "type": "video", "priority": priority, "payload_type": payload_type, "rtx_payload_type": rtx}
        ));
    }
    Value::from(list)
}

fn chrome() -> Value {
    json!({
        "protocol": "webrtc", "data": CHROME, "sdp": CHROME,
        "codecs": codecs(111, [("H264", 102, 121), ("VP8", 96, 97), ("VP9", 98, 99)]),
        "rtc_connection_id": "e621fc80-9998-4ace-b100-34383822e063"
    })
}

fn firefox() -> Value {
    json!({
        "protocol": "webrtc", "data": FIREFOX, "sdp": FIREFOX,
        "codecs": codecs(109, [("H264", 126, 127), ("VP8", 120, 124), ("VP9", 121, 125)]),
        "rtc_connection_id": "e621fc80-9998-4ace-b100-34383822e063"
    })
}

/// Op 12 of the captures: nothing is published.
fn no_video() -> Value {
    json!({
        "audio_ssrc": 0, "video_ssrc": 0, "rtx_ssrc": 0,
        "streams": [{
            "type": "video", "rid": "100", "ssrc": 0, "active": false, "quality": 100, "rtx_ssrc": 0,
            "max_bitrate": 2_500_000, "max_framerate": 20,
            "max_resolution": {"type": "fixed", "width": 1280, "height": 720}
        }]
    })
}

/// Op 12 with the camera on.
fn camera(audio: u32, video: u32, rtx: u32) -> Value {
    let mut said = no_video();
    said["audio_ssrc"] = json!(audio);
    said["video_ssrc"] = json!(video);
    said["rtx_ssrc"] = json!(rtx);
    said["streams"][0]["ssrc"] = json!(video);
    said["streams"][0]["rtx_ssrc"] = json!(rtx);
    said["streams"][0]["active"] = json!(true);
    said
}

/// Joins with one layer, as browsers do, and throws away what was said.
fn join(world: &mut World, user: voxhall_protocol::ids::UserId, select: Value) -> ConnectionId {
    let client = begin(world, user);
    world.send(client, 1, select);
    assert_eq!(world.close_code(client), None);
    client
}

fn begin(world: &mut World, user: voxhall_protocol::ids::UserId) -> ConnectionId {
    world.issue(user);
    let client = world.open("6");
    let mut said = identify(user);
    said["streams"] = json!([{"type": "video", "rid": 100, "quality": 100}]);
    world.send(client, 0, said);
    client
}

fn sources(world: &World) -> Vec<ClientSources> {
    let named = world.commands.iter().filter_map(|(_, command)| match command {
        Command::SetSources { sources, .. } => Some(sources.clone()),
        _ => None,
    });
    named.collect()
}

fn published(world: &World) -> Option<PublishedVideo> {
    world
        .commands
        .iter()
        .rev()
        .find_map(|(_, command)| match command {
            Command::Publish { video, .. } => Some(video.clone()),
            _ => None,
        })
}

#[test]
fn the_captured_handshakes_are_answered_in_the_captured_form() {
    for (select, video_codec) in [(chrome(), "H264"), (firefox(), "H264")] {
        let mut world = World::new();
        let client = begin(&mut world, ALICE);
        world.send(client, 16, json!({}));
        world.send(client, 12, no_video());
        world.send(client, 12, no_video());
        world.send(client, 1, select);
        let frames = world.received(client);
        let ops: Vec<u64> = frames.iter().map(|frame| frame["op"].as_u64().unwrap()).collect();
        assert_eq!(ops, [8, 2, 16, 15, 4], "the wants come before the description");
        assert_eq!(frames[3], json!({"op": 15, "d": {"any": 100}}));

        let description = frames[4]["d"].as_object().unwrap();
        let mut keys: Vec<&str> = description.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["audio_codec", "media_session_id", "sdp", "video_codec"]);
        assert_eq!(description["audio_codec"], "opus");
        assert_eq!(description["video_codec"], video_codec);
        assert_eq!(description["media_session_id"], MEDIA_SESSION);

        let sdp = description["sdp"].as_str().unwrap();
        let fragment = ServerFragment::parse(sdp).unwrap();
        let hash = ["4A"; 32].join(":");
        let (ufrag, pwd) = (&fragment.ice_ufrag, fragment.ice_pwd.expose());
        assert_eq!((ufrag.len(), pwd.len()), (4, 22));
        let expected = format!(
            "m=audio {PORT} ICE/SDP\na=fingerprint:sha-256 {hash}\nc=IN IP4 198.51.100.20\na=rtcp:{PORT}\n\
             a=ice-ufrag:{ufrag}\na=ice-pwd:{pwd}\na=fingerprint:sha-256 {hash}\n\
             a=candidate:1 1 UDP 2130706431 198.51.100.20 {PORT} typ host\n"
        );
        assert_eq!(sdp, expected);

        let connected = world.commands.iter().find_map(|(_, command)| match command {
            Command::Connect {
                transport: Transport::WebRtc(transport),
                ..
            } => Some(transport.clone()),
            _ => None,
        });
        let transport = connected.unwrap();
        assert_eq!(transport.local_ufrag, *ufrag);
        assert_eq!(transport.local_pwd, fragment.ice_pwd);
        assert_eq!(transport.fingerprint, None, "neither told one");
        assert_eq!(transport.rids, [Some("100".to_owned())]);
    }
}

#[test]
fn every_media_address_is_a_candidate_and_ready_carries_the_first() {
    let mut settings = settings();
    let second = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    settings.media_addresses.push(second);
    let mut world = World::with(settings, &[PORT]);
    let client = join(&mut world, ALICE, chrome());
    let frames = world.received(client);
    assert_eq!(frames[1]["d"]["ip"], "198.51.100.20");
    let sdp = frames.last().unwrap()["d"]["sdp"].as_str().unwrap();
    let candidates = ServerFragment::parse(sdp).unwrap().candidates;
    let addresses: Vec<IpAddr> = candidates.iter().map(|candidate| candidate.ip()).collect();
    assert_eq!(addresses, [IpAddr::V4(Ipv4Addr::new(198, 51, 100, 20)), second]);
    assert!(candidates.iter().all(|candidate| candidate.port() == PORT));
}

#[test]
fn where_tcp_is_served_its_candidates_come_last() {
    let mut settings = settings();
    settings.media_tcp = true;
    let mut world = World::with(settings, &[PORT]);
    let client = join(&mut world, ALICE, chrome());
    let frames = world.received(client);
    let sdp = frames.last().unwrap()["d"]["sdp"].as_str().unwrap();
    let expected = format!(
        "a=candidate:1 1 UDP 2130706431 198.51.100.20 {PORT} typ host\n\
         a=candidate:2 1 TCP 1671430143 198.51.100.20 {PORT} typ host tcptype passive\n"
    );
    assert!(sdp.ends_with(&expected), "{sdp}");
}

#[test]
fn either_place_and_a_full_sdp_will_do() {
    let full = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n{}\r\n",
        CHROME.replace('\n', "\r\n")
    );
    for select in [
        json!({"protocol": "webrtc", "sdp": CHROME}),
        json!({"protocol": "webrtc", "data": CHROME}),
        json!({"protocol": "webrtc", "data": full}),
    ] {
        let mut world = World::new();
        let client = join(&mut world, ALICE, select);
        let frames = world.received(client);
        let description = &frames.last().unwrap()["d"];
        assert!(description["sdp"].is_string());
        assert_eq!(
            description["video_codec"], "VP8",
            "what the fragment lists, without a list"
        );
    }
}

#[test]
fn a_client_without_video_codecs_is_told_none() {
    let mut world = World::new();
    let mut select = chrome();
    select["codecs"] = json!([chrome()["codecs"][0]]);
    let client = join(&mut world, ALICE, select);
    let frames = world.received(client);
    assert!(frames.last().unwrap()["d"].get("video_codec").is_none());
}

#[test]
fn a_codec_that_all_can_decode_is_chosen_for_each() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, chrome());
    world.received(alice);
    let mut select = firefox();
    select["codecs"] = codecs(109, [("VP8", 120, 124), ("VP9", 121, 125), ("AV1", 99, 100)]);
    let bob = join(&mut world, BOB, select);
    let description = world.received(bob);
    let described = description.iter().find(|frame| frame["op"] == 4).unwrap();
    assert_eq!(described["d"]["video_codec"], "VP8");
    let update = world.received(alice);
    let update = update.iter().find(|frame| frame["op"] == 14).unwrap();
    assert_eq!(
        update["d"]["video_codec"], "VP8",
        "H264 is nothing for a Firefox without it"
    );
}

#[test]
fn unusable_fragments_are_bad_requests_with_a_reason() {
    let without = |prefix: &str| {
        let lines = CHROME.lines().filter(|line| !line.starts_with(prefix));
        lines.collect::<Vec<_>>().join("\n")
    };
    let with = |line: &str| format!("{CHROME}\n{line}");
    let cases = [
        (json!(""), "lacks an SDP fragment"),
        (json!(null), "lacks an SDP fragment"),
        (json!("a=rtpmap:111 opus/48000/2"), "lacks a=ice-ufrag"),
        (json!(without("a=ice-ufrag")), "lacks a=ice-ufrag"),
        (json!(without("a=ice-pwd")), "lacks a=ice-pwd"),
        (
            json!(without("a=ice-").replace("a=rtpmap", "a=ice-ufrag:abc\na=rtpmap")),
            "malformed ice-ufrag",
        ),
        (
            json!(CHROME.replace("Z7zvZzj3GlMaxxYwHG3tnd0X", "short")),
            "malformed ice-pwd",
        ),
        (
            json!(with("a=fingerprint:sha-256 4A:79")),
            "malformed fingerprint",
        ),
        (json!(with("a=fingerprint:sha-256")), "malformed fingerprint"),
        (
            json!(with(&format!("a=fingerprint:sha-256 {}", ["zz"; 32].join(":")))),
            "malformed fingerprint",
        ),
        (
            json!(with(&format!("a=fingerprint:sha-512 {}", ["4A"; 64].join(":")))),
            "no a=fingerprint with sha-256",
        ),
        (json!(with("a=extmap:0 urn:x")), "malformed extmap"),
        (json!(with("a=rtpmap:300 opus/48000")), "malformed rtpmap"),
        (json!(with(&"a=x-nothing:1\n".repeat(3000))), "too long"),
    ];
    for (data, reason) in cases {
        let mut world = World::new();
        let client = begin(&mut world, ALICE);
        world.send(client, 1, json!({"protocol": "webrtc", "data": data}));
        assert_eq!(world.close_code(client), Some(4020), "{reason}");
        let told = world.close_reason(client).unwrap();
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn a_fragment_longer_than_any_message_is_no_message() {
    let mut world = World::new();
    let client = begin(&mut world, ALICE);
    let data = "a=x-nothing:1\n".repeat(6000);
    world.send(client, 1, json!({"protocol": "webrtc", "data": data}));
    assert_eq!(world.close_code(client), Some(4002));
}

#[test]
fn the_browsers_own_ssrc_is_adopted_and_others_are_told_the_allocated_one() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, firefox());
    let own = world.last_ssrc();
    let bob = world.join("8", BOB);
    world.send(alice, 5, json!({"speaking": 1, "delay": 5, "ssrc": SPOKEN}));
    let [adopted] = &sources(&world)[..] else {
        panic!("named once: {:?}", world.commands);
    };
    assert_eq!(adopted.audio, Some(Ssrc(SPOKEN)));
    let told = world.received(bob);
    assert_eq!(told[0]["op"], 5);
    assert_eq!(told[0]["d"]["ssrc"], own);
    world.send(alice, 5, json!({"speaking": 0, "delay": 5, "ssrc": SPOKEN}));
    assert_eq!(sources(&world).len(), 1, "nothing new to the worker");
    world.send(alice, 5, json!({"speaking": 1, "delay": 5, "ssrc": 7}));
    assert_eq!(
        sources(&world).pop().unwrap().audio,
        Some(Ssrc(7)),
        "it chose another"
    );
}

#[test]
fn video_is_published_under_the_allocated_ssrcs() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, chrome());
    let own = world.last_ssrc();
    let bob = world.join("8", BOB);
    world.send(alice, 12, camera(SPOKEN, 3_000_000_001, 3_000_000_777));
    let layers = vec![LayerSources {
        media: Some(Ssrc(3_000_000_001)),
        rtx: Some(Ssrc(3_000_000_777)),
    }];
    let expected = ClientSources {
        audio: Some(Ssrc(SPOKEN)),
        layers,
    };
    assert_eq!(sources(&world), [expected]);
    assert_eq!(published(&world).unwrap().layers[0].ssrc, Ssrc(own + 1));
    let told = world.received(bob);
    let video = &told.iter().find(|frame| frame["op"] == 12).unwrap()["d"];
    assert_eq!(
        (&video["audio_ssrc"], &video["video_ssrc"]),
        (&json!(own), &json!(own + 1))
    );
    let stream = &video["streams"][0];
    assert_eq!(
        (&stream["ssrc"], &stream["rtx_ssrc"]),
        (&json!(own + 1), &json!(own + 2))
    );
    assert_eq!(stream["active"], true);

    world.send(alice, 12, no_video());
    assert_eq!(published(&world), Some(PublishedVideo::default()));
    assert_eq!(sources(&world).len(), 1, "what is silent keeps its name");
}

#[test]
fn who_honours_the_ssrcs_of_ready_may() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, chrome());
    let own = world.last_ssrc();
    world.send(alice, 12, camera(own, own + 1, own + 2));
    assert_eq!(world.close_code(alice), None);
    assert_eq!(sources(&world).pop().unwrap().layers[0].rtx, Some(Ssrc(own + 2)));
}

#[test]
fn an_ssrc_that_somebody_here_has_is_refused() {
    let mut world = World::new();
    world.join("8", BOB);
    let bob = {
        world.identify("8", voxhall_protocol::ids::UserId(9));
        world.last_ssrc()
    };
    let alice = join(&mut world, ALICE, chrome());
    world.send(alice, 5, json!({"speaking": 1, "delay": 5, "ssrc": bob + 1}));
    assert_eq!(
        world.close_code(alice),
        Some(4006),
        "it joins again, and chooses another"
    );
}

#[test]
fn an_unwatched_camera_need_not_be_encoded() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, chrome());
    let own = world.last_ssrc();
    let bob = join(&mut world, BOB, chrome());
    world.send(alice, 12, camera(SPOKEN, 3_000_000_001, 3_000_000_002));
    world.received(alice);
    let watched = (own + 1).to_string();
    world.send(bob, 15, json!({"any": 100, watched.as_str(): 0}));
    let asked = world.received(alice);
    assert_eq!(asked, [json!({"op": 15, "d": {"any": 100, watched.as_str(): 0}})]);
}

#[test]
fn a_second_select_protocol_begins_anew() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, chrome());
    world.send(alice, 5, json!({"speaking": 1, "delay": 5, "ssrc": SPOKEN}));
    world.received(alice);
    world.commands.clear();
    world.send(alice, 1, chrome());
    assert_eq!(world.ops(alice), [4], "the room is known by now");
    assert!(matches!(
        world.commands[..],
        [(
            _,
            Command::Connect {
                transport: Transport::WebRtc(_),
                ..
            }
        )]
    ));
    world.send(alice, 5, json!({"speaking": 1, "delay": 5, "ssrc": SPOKEN}));
    assert_eq!(sources(&world).len(), 1, "the new transport knows no names yet");
}

#[test]
fn a_resume_leaves_the_transport_alone() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, chrome());
    world.lose(alice);
    world.commands.clear();
    let again = world.open("6");
    world.send(
        again,
        7,
        json!({"server_id": crate::world::GUILD.to_string(), "session_id": session_id(ALICE), "token": token(ALICE)}),
    );
    assert_eq!(world.close_code(again), None);
    assert!(world.ops(again).contains(&9));
    assert!(world.commands.is_empty());
}

#[test]
fn a_transport_that_failed_ends_the_session_with_its_reason() {
    for (failure, code) in [
        (TransportFailure::WrongFingerprint, 4020),
        (TransportFailure::Handshake, 4020),
        (TransportFailure::TimedOut, 4009),
        (TransportFailure::Panic, 4013),
    ] {
        let mut world = World::new();
        let alice = join(&mut world, ALICE, chrome());
        let member = MemberId(1);
        world.worker(Event::TransportFailed { member, failure });
        assert_eq!(world.close_code(alice), Some(code), "{failure:?}");
    }
}

#[test]
fn after_a_crash_of_the_worker_browsers_join_anew_and_others_stay() {
    let mut world = World::new();
    let alice = join(&mut world, ALICE, chrome());
    let bob = world.join("8", BOB);
    world.worker(Event::WorkerStopped {
        failure: Some(WorkerFailure::Panic("a bug".into())),
        positions: vec![voxhall_sfu::MemberPosition {
            member: MemberId(2),
            next_nonce: 7,
            address: None,
        }],
    });
    assert_eq!(world.close_code(alice), Some(4013));
    assert_eq!(world.close_code(bob), None);
}

#[test]
fn browsers_are_told_of_one_stream_however_many_layers_there_are() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let native = world.identify("8", crate::world::CAROL);
    let own = world.last_ssrc();
    world.send(native, 1, crate::world::select());
    let alice = join(&mut world, ALICE, chrome());
    world.received(alice);
    world.received(bob);
    let layer = |rid: &str, quality: u8, ssrc: u32| json!({"type": "video", "rid": rid, "quality": quality, "ssrc": ssrc, "rtx_ssrc": ssrc + 1, "active": true});
    world.send(
        native,
        12,
        json!({
            "audio_ssrc": own, "video_ssrc": own + 3, "rtx_ssrc": own + 4,
            "streams": [layer("50", 50, own + 1), layer("100", 100, own + 3)]
        }),
    );
    let video = |frames: Vec<Value>| frames.into_iter().find(|frame| frame["op"] == 12).unwrap()["d"].clone();
    let told_native = video(world.received(bob));
    assert_eq!(told_native["streams"].as_array().unwrap().len(), 2);
    let told_browser = video(world.received(alice));
    let [stream] = &told_browser["streams"].as_array().unwrap()[..] else {
        panic!("one stream: {told_browser}");
    };
    assert_eq!(stream["ssrc"], own + 3);
    assert_eq!(stream["rtx_ssrc"], own + 4);
    assert_eq!(told_browser["video_ssrc"], own + 3);
}

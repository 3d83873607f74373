//! Whatever is written is read back the same, in every version and both directions.

use std::net::IpAddr;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Number, Value};
use voxhall_protocol::discovery::{Form, PortOrder, Request, Response};
use voxhall_protocol::gateway::{Event, ServerMessage, VoiceServerUpdate};
use voxhall_protocol::ids::{ChannelId, GuildId, ServerId, UserId};
use voxhall_protocol::sdp::{ClientFragment, Fingerprint, ServerFragment};
use voxhall_protocol::voice::{
    Codec, DaveTransition, EncryptionMode, Frame, Heartbeat, Identify, MediaSinkWants, Message,
    MlsTransition, ModeName, Ready, Resolution, SelectProtocol, SessionDescription, SessionUpdate, Speaking,
    SpeakingFlags, Ssrc, Stream, StreamKind, Video, VoiceVersion, WireFrame, decode_client_binary,
    decode_client_text, decode_server_binary, decode_server_text, encode_client, encode_server,
};
use voxhall_protocol::{Extra, Secret};

fn version() -> impl Strategy<Value = VoiceVersion> {
    (1..=9_u8).prop_map(|number| VoiceVersion::new(number).expect("1 to 9"))
}

/// Unknown fields, with names no message has.
fn extra() -> impl Strategy<Value = Extra> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |number| Number::from_f64(number).map(Value::Number)),
        ".{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 6, 3, |inner| vec(inner, 0..3).prop_map(Value::from));
    vec(("x-[a-z\"\\\\é]{1,4}", value), 0..3).prop_map(|fields| fields.into_iter().collect())
}

fn mode() -> impl Strategy<Value = ModeName> {
    prop_oneof![
        proptest::sample::select(EncryptionMode::ALL.to_vec()).prop_map(ModeName::Known),
        "x[a-z_]{0,12}".prop_map(ModeName::Other),
    ]
}

fn ssrc() -> impl Strategy<Value = Ssrc> {
    any::<u32>().prop_map(Ssrc)
}

fn stream() -> impl Strategy<Value = Stream> {
    let kind = option::of(proptest::sample::select(vec![
        StreamKind::Video,
        StreamKind::Screen,
        StreamKind::Other("hologram".to_owned()),
    ]));
    let resolution = option::of((any::<u32>(), any::<u32>()).prop_map(|(w, h)| Resolution::fixed(w, h)));
    (
        kind,
        option::of("[0-9a-z]{0,3}"),
        option::of(0..=100_u8),
        option::of(ssrc()),
        option::of(ssrc()),
        option::of(any::<bool>()),
        resolution,
        extra(),
    )
        .prop_map(
            |(kind, rid, quality, ssrc, rtx_ssrc, active, max_resolution, extra)| Stream {
                kind,
                rid,
                quality,
                ssrc,
                rtx_ssrc,
                active,
                max_bitrate: None,
                max_framerate: Some(30),
                max_resolution,
                extra,
            },
        )
}

fn identify() -> impl Strategy<Value = Message> {
    let ids = (any::<u64>(), any::<u64>(), any::<u64>());
    (
        ids,
        ".{0,20}",
        option::of(vec(stream(), 0..3)),
        option::of(any::<u16>()),
        extra(),
    )
        .prop_map(|((server, user, channel), text, streams, dave, extra)| {
            let token = Secret::new(text.clone());
            Message::from(Identify {
                channel_id: Some(ChannelId(channel)),
                streams,
                max_dave_protocol_version: dave,
                extra,
                ..Identify::new(ServerId(server), UserId(user), text, token)
            })
        })
}

fn select() -> impl Strategy<Value = Message> {
    prop_oneof![
        (".{0,15}", any::<u16>(), mode(), extra()).prop_map(|(address, port, mode, extra)| {
            let codecs = Some(vec![Codec::opus()]);
            SelectProtocol {
                codecs,
                extra,
                ..SelectProtocol::for_udp(address, port, mode)
            }
            .into()
        }),
        ".{0,30}".prop_map(|fragment| SelectProtocol::for_webrtc(fragment).into()),
    ]
}

fn from_client() -> impl Strategy<Value = Message> {
    prop_oneof![
        identify(),
        select(),
        (any::<u64>(), option::of(any::<u16>())).prop_map(|(t, seq)| Heartbeat::new(t, seq).into()),
        (any::<u32>(), ssrc()).prop_map(|(flags, ssrc)| Speaking::from_client(
            SpeakingFlags::from_bits(flags),
            ssrc
        )
        .into()),
        (ssrc(), ssrc(), option::of(vec(stream(), 0..4)), extra()).prop_map(
            |(audio_ssrc, video_ssrc, streams, extra)| {
                Video {
                    audio_ssrc,
                    video_ssrc,
                    streams,
                    extra,
                    ..Video::default()
                }
                .into()
            }
        ),
        (
            option::of(0..=100_u8),
            btree_map(ssrc(), 0..=100_u8, 0..4),
            extra()
        )
            .prop_map(|(any, sources, extra)| MediaSinkWants {
                any,
                sources,
                pixel_counts: None,
                extra
            }
            .into()),
        any::<u16>().prop_map(|id| Message::DaveTransitionReady(DaveTransition::new(id))),
        vec(any::<u8>(), 0..40).prop_map(Message::MlsCommitWelcome),
        (33..u64::MAX, extra()).prop_map(|(op, extra)| Message::Unknown {
            op,
            data: serde_json::to_value(extra).expect("JSON")
        }),
    ]
}

fn from_server() -> impl Strategy<Value = Message> {
    prop_oneof![
        (
            ssrc(),
            any::<u16>(),
            vec(mode(), 0..4),
            option::of(vec(stream(), 0..3)),
            extra()
        )
            .prop_map(|(ssrc, port, modes, streams, extra)| {
                Ready {
                    ssrc,
                    port,
                    modes,
                    streams,
                    extra,
                    ..Ready::default()
                }
                .into()
            }),
        (mode(), any::<[u8; 32]>(), extra()).prop_map(|(mode, key, extra)| {
            let (mode, secret_key) = (Some(mode), Some(Secret::new(key)));
            SessionDescription {
                mode,
                secret_key,
                extra,
                ..SessionDescription::default()
            }
            .into()
        }),
        (any::<u64>(), any::<u32>(), ssrc()).prop_map(|(user, flags, ssrc)| {
            Speaking::from_server(UserId(user), SpeakingFlags::from_bits(flags), ssrc).into()
        }),
        extra().prop_map(|extra| SessionUpdate {
            extra,
            ..SessionUpdate::default()
        }
        .into()),
        Just(Message::Resumed),
        (any::<u16>(), vec(any::<u8>(), 0..40)).prop_map(|(transition_id, message)| {
            Message::MlsAnnounceCommitTransition(MlsTransition {
                transition_id,
                message,
            })
        }),
        vec(any::<u8>(), 0..40).prop_map(Message::MlsExternalSender),
    ]
}

fn read_client(version: VoiceVersion, frame: &WireFrame) -> Frame {
    match frame {
        WireFrame::Text(text) => decode_client_text(version, text).expect(text),
        WireFrame::Binary(bytes) => decode_client_binary(bytes).expect("binary"),
    }
}

fn read_server(version: VoiceVersion, frame: &WireFrame) -> Frame {
    match frame {
        WireFrame::Text(text) => decode_server_text(version, text).expect(text),
        WireFrame::Binary(bytes) => decode_server_binary(version, bytes).expect("binary"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_is_understood(message in from_client()) {
        let wire = encode_client(VoiceVersion::V9, &message);
        prop_assert_eq!(read_client(VoiceVersion::V9, &wire).message, message);
    }

    #[test]
    fn a_client_is_understood_in_every_version(version in version(), message in from_client()) {
        // Older versions cannot say everything; but what they said once they say again.
        let wire = encode_client(version, &message);
        let back = read_client(version, &wire).message;
        prop_assert_eq!(back.opcode(), message.opcode());
        prop_assert_eq!(encode_client(version, &back), wire);
    }

    #[test]
    fn a_server_is_understood(message in from_server(), seq in any::<u16>()) {
        let wire = encode_server(VoiceVersion::V8, &message, Some(seq));
        let frame = read_server(VoiceVersion::V8, &wire);
        prop_assert_eq!(frame, Frame { message, seq: Some(seq) });
    }

    #[test]
    fn a_server_is_understood_in_every_version(
        version in version(),
        message in from_server(),
        seq in any::<u16>(),
    ) {
        let wire = encode_server(version, &message, Some(seq));
        let back = read_server(version, &wire);
        prop_assert_eq!(back.seq, version.has_seq().then_some(seq));
        prop_assert_eq!(encode_server(version, &back.message, back.seq), wire);
    }

    #[test]
    fn events_are_understood(token in ".{0,20}", guild in option::of(any::<u64>()), seq in any::<u64>(),
        endpoint in option::of(".{0,20}"), extra in extra()) {
        let event = Event::VoiceServerUpdate(VoiceServerUpdate {
            token: Secret::new(token),
            guild_id: guild.map(GuildId),
            channel_id: None,
            endpoint,
            extra,
        });
        let message = ServerMessage::Dispatch { seq, event };
        prop_assert_eq!(ServerMessage::decode(message.encode().as_bytes()).expect("an event"), message);
    }

    #[test]
    fn discovery_is_understood(ssrc in 1..=u32::MAX, address in any::<IpAddr>(), port in any::<u16>()) {
        let response = Response { ssrc: Ssrc(ssrc), address, port };
        prop_assert_eq!(Response::parse(&response.encode()), Ok(response));
        for order in [PortOrder::BigEndian, PortOrder::LittleEndian] {
            prop_assert_eq!(Response::parse_legacy(&response.encode_legacy(order), order), Ok(response));
        }
        for form in [Form::Current, Form::Hybrid, Form::Legacy] {
            let request = Request { form, ssrc: Ssrc(ssrc) };
            prop_assert_eq!(Request::parse(&request.encode()), Ok(request));
        }
    }

    #[test]
    fn fragments_are_understood(
        ufrag in "[A-Za-z0-9+/]{4,16}",
        pwd in "[A-Za-z0-9+/]{22,40}",
        print in any::<[u8; 32]>(),
        candidates in vec(any::<std::net::SocketAddrV4>(), 1..4),
        tcp_candidates in vec(any::<std::net::SocketAddrV6>(), 0..3),
    ) {
        let server = ServerFragment {
            fingerprint: Fingerprint(print),
            ice_ufrag: ufrag.clone(),
            ice_pwd: Secret::new(pwd.clone()),
            candidates: candidates.into_iter().map(Into::into).collect(),
            tcp_candidates: tcp_candidates
                .into_iter()
                .map(|address| std::net::SocketAddr::new((*address.ip()).into(), address.port()))
                .collect(),
        };
        prop_assert_eq!(ServerFragment::parse(&server.to_string()), Ok(server));
        let client = ClientFragment { fingerprint: Some(Fingerprint(print)), ..ClientFragment::new(ufrag, pwd) };
        prop_assert_eq!(ClientFragment::parse(&client.to_string()), Ok(client));
    }
}

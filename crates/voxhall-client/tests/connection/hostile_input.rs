//! Whatever the network sends: no panic, no endless timer, and the connection still ends when asked to.

use std::time::Duration;

use proptest::prelude::*;
use voxhall_client::connection::Input;
use voxhall_protocol::voice::VoiceCloseCode;

use crate::story::{CHANNEL, Step, Story};

#[derive(Debug, Clone)]
enum Hostile {
    Text(String),
    Binary(Vec<u8>),
    Datagram(Vec<u8>),
    Close(u16),
    Open,
    Pass(u16),
    Server(Option<String>),
    State(Option<u8>),
}

/// JSON that looks like the protocol, with values that do not.
fn message() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just(r#"{"v":9,"heartbeat_interval":0.0001}"#.to_owned()),
        Just(r#"{"heartbeat_interval":1e300}"#.to_owned()),
        Just(r#"{"ssrc":1,"ip":"","port":0,"modes":["aead_aes256_gcm_rtpsize"]}"#.to_owned()),
        Just(
            r#"{"ssrc":4294967295,"ip":"::::","port":65535,"modes":["aead_aes256_gcm_rtpsize"]}"#.to_owned()
        ),
        Just(format!(
            r#"{{"mode":"aead_aes256_gcm_rtpsize","secret_key":{:?}}}"#,
            [7; 32]
        )),
        Just(r#"{"user_id":"5","ssrc":0,"speaking":1}"#.to_owned()),
        Just(r#"{"user_ids":["1","1","2"]}"#.to_owned()),
    ];
    (0u8..40, value, any::<u16>()).prop_map(|(op, d, seq)| format!(r#"{{"op":{op},"d":{d},"seq":{seq}}}"#))
}

fn hostile() -> impl Strategy<Value = Hostile> {
    prop_oneof![
        6 => message().prop_map(Hostile::Text),
        1 => ".{0,80}".prop_map(Hostile::Text),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Hostile::Binary),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Hostile::Datagram),
        1 => prop_oneof![1000u16..1016, 3999u16..4024].prop_map(Hostile::Close),
        2 => Just(Hostile::Open),
        2 => (0u16..20_000).prop_map(Hostile::Pass),
        1 => prop::option::of(".{0,20}").prop_map(Hostile::Server),
        1 => prop::option::of(0u8..2).prop_map(Hostile::State),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_panics_or_hangs(step in prop::sample::select(Step::ALL.to_vec()), inputs in prop::collection::vec(hostile(), 0..60)) {
        let mut story = Story::at(step);
        story.acknowledges = false;
        for input in inputs {
            match input {
                Hostile::Text(text) => story.feed(Input::Text(&text)),
                Hostile::Binary(bytes) => story.feed(Input::Binary(&bytes)),
                Hostile::Datagram(bytes) => story.feed(Input::Datagram(&bytes)),
                Hostile::Close(code) => story.closes(VoiceCloseCode::from(code)),
                Hostile::Open => story.feed(Input::SocketOpened),
                Hostile::Pass(millis) => story.pass(Duration::from_millis(millis.into())),
                Hostile::Server(endpoint) => story.voice_server("x", endpoint.as_deref()),
                Hostile::State(session) => {
                    let channel = session.map(|_| CHANNEL);
                    story.feed(Input::VoiceState { session_id: "y", channel });
                }
            }
            prop_assert!(story.take().len() < 1_000);
        }
        story.feed(Input::Leave);
        prop_assert!(story.state().is_final());
        prop_assert_eq!(story.machine.poll_timeout(), None);
    }
}

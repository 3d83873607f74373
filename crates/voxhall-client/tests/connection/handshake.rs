use std::time::Duration;

use voxhall_client::connection::{Input, MediaSession, Output, RosterChange, SourceKind};
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::Secret;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::ping;
use voxhall_protocol::voice::{
    ClientsConnect, EncryptionMode, Message, ModeName, ProtocolData, Ready, SessionDescription, Speaking,
    SpeakingFlags, Ssrc, VoiceVersion,
};

use crate::story::{CHANNEL, ENDPOINT, KEY, PUBLIC, SESSION, SSRC, Step, Story, USER, asked, spoken};

#[test]
fn every_version_comes_from_join_to_connected() {
    for version in [4, 5, 6, 7, 8, 9].map(|number| VoiceVersion::new(number).unwrap()) {
        let mut story = Story::on_version(version);
        story.go_to(Step::Connected);
        let reason = Reason::Requested;
        let endpoint = ENDPOINT.to_owned();
        assert_eq!(
            story.states,
            [
                ConnectionState::Joining {
                    channel: CHANNEL,
                    reason: reason.clone()
                },
                ConnectionState::Dialing {
                    endpoint: endpoint.clone(),
                    reason
                },
                ConnectionState::Identifying,
                ConnectionState::Discovering { attempt: 1 },
                ConnectionState::Selecting,
                ConnectionState::Connected,
            ],
            "{version:?}"
        );
        let outputs = story.outputs.clone();
        assert_eq!(
            outputs[0],
            Output::VoiceState {
                channel: Some(CHANNEL)
            }
        );
        assert_eq!(outputs[1], Output::Dial { endpoint, version });
        let media = MediaSession {
            layer: None,
            ssrc: SSRC,
            mode: EncryptionMode::AeadAes256GcmRtpsize,
            key: Secret::new(KEY),
        };
        assert!(outputs.contains(&Output::StartMedia(media)));
        let messages = story.sent();
        let names: Vec<_> = messages
            .iter()
            .map(|message| message.opcode().unwrap().name())
            .collect();
        assert_eq!(names, ["Identify", "Select Protocol", "Speaking"], "{version:?}");
        assert_eq!(spoken(&messages), [SpeakingFlags::NONE]);
    }
}

#[test]
fn identify_and_select_protocol_say_what_the_server_needs() {
    let mut story = Story::at(Step::Connected);
    let messages = story.sent();
    let (Message::Identify(identify), Message::SelectProtocol(select)) = (&messages[0], &messages[1]) else {
        panic!("{messages:?}");
    };
    assert_eq!((identify.user_id, identify.channel_id), (USER, Some(CHANNEL)));
    assert_eq!(
        (identify.session_id.as_str(), identify.token.expose().as_str()),
        (SESSION, "first")
    );
    assert_eq!(identify.max_dave_protocol_version, Some(0));
    let Some(ProtocolData::Udp(udp)) = &select.data else {
        panic!("{select:?}");
    };
    assert_eq!(format!("{}:{}", udp.address, udp.port), PUBLIC);
    assert_eq!(udp.mode.known(), Some(EncryptionMode::AeadAes256GcmRtpsize));
}

#[test]
fn heartbeats_wait_for_identify_and_hello() {
    let mut story = Story::at(Step::Dialing);
    story.pass(Duration::from_secs(9));
    assert_eq!(story.sent(), []);
    story.feed(Input::SocketOpened);
    story.pass(Duration::from_secs(6));
    let names: Vec<_> = story
        .sent()
        .iter()
        .map(Message::opcode)
        .map(|op| op.unwrap().name())
        .collect();
    assert_eq!(names, ["Identify"], "no Hello, no heartbeat");
}

#[test]
fn a_repeated_session_description_changes_nothing() {
    let mut story = Story::at(Step::Connected);
    story.take();
    story.describes();
    assert_eq!(story.take(), []);
    story.says(SessionDescription {
        mode: Some(EncryptionMode::AeadAes256GcmRtpsize.into()),
        secret_key: Some(Secret::new([9; 32])),
        ..SessionDescription::default()
    });
    let rekeyed =
        |output: &Output| matches!(output, Output::StartMedia(media) if *media.key.expose() == [9; 32]);
    assert!(story.take().iter().any(rekeyed), "another key is taken");
}

#[test]
fn no_common_mode_ends_in_failure_that_names_the_offer() {
    let mut story = Story::at(Step::Identifying);
    story.says(Ready {
        ssrc: SSRC,
        port: 1,
        modes: vec![ModeName::from("plain"), ModeName::from("quantum")],
        ..Ready::default()
    });
    assert_eq!(*story.reason(), Reason::NoCommonMode("plain, quantum".to_owned()));
    assert!(story.state().is_final());
    assert_eq!(
        asked(&story.take()).last(),
        Some(&None),
        "no ghost stays in the channel"
    );
}

#[test]
fn a_session_description_that_breaks_the_protocol_is_not_used() {
    let broken = [
        SessionDescription {
            secret_key: None,
            ..SessionDescription::default()
        },
        SessionDescription {
            secret_key: Some(Secret::new(KEY)),
            mode: Some(EncryptionMode::Xsalsa20Poly1305.into()),
            ..SessionDescription::default()
        },
        SessionDescription {
            secret_key: Some(Secret::new(KEY)),
            dave_protocol_version: Some(1),
            ..SessionDescription::default()
        },
    ];
    for description in broken {
        let mut story = Story::at(Step::Selecting);
        story.says(description);
        assert!(
            matches!(story.reason(), Reason::BadMessage(_)),
            "{:?}",
            story.state()
        );
    }
}

#[test]
fn a_step_that_takes_too_long_is_tried_again() {
    for step in [Step::Dialing, Step::Identifying, Step::Selecting] {
        let mut story = Story::at(step);
        story.pass(Duration::from_secs(11));
        let retried = story
            .states
            .iter()
            .any(|state| matches!(state.reason(), Some(Reason::StepTimeout { .. })));
        assert!(retried, "{step:?}: {:?}", story.states);
    }
}

#[test]
fn the_roster_follows_ops_5_11_and_13() {
    let mut story = Story::at(Step::Connected);
    story.take();
    let friend = UserId(138_397_087_229_280_257);
    story.says_numbered(
        ClientsConnect {
            user_ids: vec![USER, friend],
            ..Default::default()
        },
        Some(0),
    );
    story.says_numbered(
        Speaking::from_server(friend, SpeakingFlags::VOICE, Ssrc(713_801)),
        Some(1),
    );
    story.says_numbered(
        Message::ClientDisconnect(voxhall_protocol::voice::ClientDisconnect::new(friend)),
        Some(2),
    );
    let source = RosterChange::Source {
        ssrc: Ssrc(713_801),
        user: friend,
        kind: SourceKind::Audio,
    };
    let changes = [RosterChange::Joined(friend), source, RosterChange::Left(friend)].map(Output::Roster);
    assert_eq!(story.take(), changes);
}

#[test]
fn udp_pings_go_out_every_five_seconds_and_measure_the_way() {
    let mut story = Story::at(Step::Connected);
    story.pass(Duration::from_secs(11));
    let pings = story.take().into_iter().filter_map(|output| match output {
        Output::SendUdp(datagram) if datagram.len() == ping::LENGTH => Some(datagram),
        _ => None,
    });
    let pings: Vec<_> = pings.collect();
    assert_eq!(pings.len(), 3, "at once, after 5 s, after 10 s");
    assert_eq!(story.machine.media_round_trip(), None);
    story.now += Duration::from_millis(30);
    let answer = ping::response(*pings[2].last_chunk().unwrap());
    story.feed(Input::Datagram(&answer));
    assert_eq!(
        story.machine.media_round_trip(),
        Some(Duration::from_millis(1_030))
    );
}

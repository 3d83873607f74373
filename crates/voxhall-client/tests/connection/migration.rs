use std::time::Duration;

use voxhall_client::connection::{Input, Output};
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::voice::{Message, VoiceCloseCode};

use crate::story::{CHANNEL, ENDPOINT, OTHER_CHANNEL, Step, Story, asked, dialed};

const NEXT: &str = "madrid1234.example:2048";

#[test]
fn a_server_update_in_any_step_leads_to_the_new_server() {
    for step in Step::ALL.into_iter().filter(|step| *step >= Step::Dialing) {
        let mut story = Story::at(step);
        story.take();
        story.voice_server("second", Some(NEXT));
        let outputs = story.take();
        assert_eq!(
            outputs[0],
            Output::Close(1000),
            "{step:?}: the old socket goes first"
        );
        let reason = Reason::ServerUpdate;
        assert_eq!(
            *story.state(),
            ConnectionState::Dialing {
                endpoint: NEXT.to_owned(),
                reason
            },
            "{step:?}"
        );
        assert_eq!(
            outputs.contains(&Output::StopMedia),
            step >= Step::Discovering,
            "{step:?}"
        );
        story.opens();
        let identify = story.sent().into_iter().find_map(|message| match message {
            Message::Identify(identify) => Some(identify),
            _ => None,
        });
        assert_eq!(
            identify.unwrap().token.expose(),
            "second",
            "{step:?}: never Resume across tokens"
        );
        story.ready();
        story.feed(Input::UdpOpened("192.0.2.7:50124".parse().unwrap()));
        story.discovers();
        story.describes();
        assert_eq!(*story.state(), ConnectionState::Connected, "{step:?}");
    }
}

#[test]
fn a_server_update_while_resuming_replaces_the_session() {
    let mut story = Story::at(Step::Connected);
    story.closes(VoiceCloseCode::Abnormal);
    story.opens();
    story.take();
    story.voice_server("second", Some(NEXT));
    assert!(story.take().contains(&Output::StopMedia));
    story.handshake_to(Step::Connected);
}

#[test]
fn the_same_server_update_twice_is_one() {
    let mut story = Story::at(Step::Connected);
    story.take();
    story.voice_server("first", Some(ENDPOINT));
    assert_eq!(story.take(), []);
}

#[test]
fn no_endpoint_means_wait() {
    for step in Step::ALL {
        let mut story = Story::at(step);
        story.take();
        story.voice_server("", None);
        assert_eq!(
            *story.state(),
            ConnectionState::WaitingForServer {
                reason: Reason::ServerGone
            },
            "{step:?}"
        );
        story.take();
        story.pass(Duration::from_secs(10));
        assert!(!dialed(&story.take()), "{step:?}");
        story.voice_state(Some(CHANNEL));
        story.voice_server("second", Some(NEXT));
        story.handshake_to(Step::Connected);
    }
}

#[test]
fn a_server_that_never_comes_is_asked_for() {
    let mut story = Story::at(Step::Connected);
    story.voice_server("", None);
    story.take();
    story.pass(Duration::from_secs(16));
    assert_eq!(asked(&story.take()), [Some(CHANNEL)]);
    assert!(matches!(
        story.state(),
        ConnectionState::Joining {
            reason: Reason::NoServer(_),
            ..
        }
    ));
}

#[test]
fn moving_keeps_the_old_channel_until_the_new_one_is_named() {
    let mut story = Story::at(Step::Connected);
    story.take();
    story.feed(Input::Move(OTHER_CHANNEL));
    assert_eq!(
        story.take(),
        [Output::VoiceState {
            channel: Some(OTHER_CHANNEL)
        }]
    );
    assert_eq!(*story.state(), ConnectionState::Connected);
    story.voice_state(Some(OTHER_CHANNEL));
    story.voice_server("second", Some(ENDPOINT));
    story.handshake_to(Step::Connected);
    assert_eq!(story.machine.channel(), Some(OTHER_CHANNEL));
}

#[test]
fn a_move_that_closes_the_old_socket_first_is_followed_too() {
    let mut story = Story::at(Step::Connected);
    story.voice_state(Some(OTHER_CHANNEL));
    story.closes(VoiceCloseCode::Disconnected);
    assert!(matches!(story.state(), ConnectionState::WaitingForServer { .. }));
    story.voice_server("second", Some(NEXT));
    story.handshake_to(Step::Connected);
    assert_eq!(story.machine.channel(), Some(OTHER_CHANNEL));
}

use std::time::Duration;

use voxhall_client::connection::{Input, Output};
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::voice::VoiceCloseCode;

use crate::story::{CHANNEL, ENDPOINT, OTHER_CHANNEL, SESSION, Step, Story, asked, dialed, token};

#[test]
fn both_events_are_awaited_in_either_order() {
    let mut story = Story::at(Step::Joining);
    story.voice_server("first", Some(ENDPOINT));
    assert!(!dialed(&story.take()));
    story.voice_state(Some(CHANNEL));
    assert!(dialed(&story.take()));
    story.handshake_to(Step::Connected);
}

#[test]
fn silence_is_a_refusal_after_fifteen_seconds() {
    let mut story = Story::at(Step::Joining);
    story.voice_state(Some(CHANNEL));
    story.take();
    story.pass(Duration::from_secs(14));
    assert!(!story.state().is_final());
    story.pass(Duration::from_secs(2));
    assert_eq!(
        *story.state(),
        ConnectionState::Failed {
            reason: Reason::NoAnswer(Duration::from_secs(15))
        }
    );
    assert!(story.reason().to_string().contains("CONNECT"));
    assert_eq!(
        asked(&story.take()),
        [None],
        "a late answer must not leave a ghost"
    );
}

#[test]
fn the_time_for_an_answer_runs_from_the_question() {
    let mut story = Story::at(Step::Joining);
    story.feed(Input::RequestHeld);
    story.pass(Duration::from_secs(300));
    assert!(!story.state().is_final(), "nobody was asked yet");
    story.feed(Input::RequestSent);
    story.pass(Duration::from_secs(14));
    assert!(!story.state().is_final());
    story.pass(Duration::from_secs(2));
    assert_eq!(*story.reason(), Reason::NoAnswer(Duration::from_secs(15)));
}

#[test]
fn leaving_closes_the_socket_first() {
    for step in Step::ALL {
        let mut story = Story::at(step);
        story.take();
        story.feed(Input::Leave);
        let outputs = story.take();
        let goodbye = outputs.iter().position(|output| *output == Output::Close(1000));
        let leave = outputs
            .iter()
            .position(|output| *output == Output::VoiceState { channel: None });
        assert!(leave.is_some(), "{step:?}");
        assert!(
            step == Step::Joining || goodbye < leave && goodbye.is_some(),
            "{step:?}: {outputs:?}"
        );
        assert_eq!(
            *story.state(),
            ConnectionState::Left {
                reason: Reason::Requested
            }
        );
        assert_eq!(story.machine.poll_timeout(), None, "{step:?}");
    }
}

#[test]
fn after_leaving_nothing_stirs_until_the_next_join() {
    let mut story = Story::at(Step::Connected);
    story.feed(Input::Leave);
    story.take();
    story.voice_state(None);
    story.voice_server("late", Some(ENDPOINT));
    story.closes(VoiceCloseCode::Disconnected);
    assert_eq!(story.take(), []);
    story.feed(Input::Join(OTHER_CHANNEL));
    story.voice_state(Some(OTHER_CHANNEL));
    story.voice_server("again", Some(ENDPOINT));
    story.handshake_to(Step::Connected);
    assert_eq!(story.machine.channel(), Some(OTHER_CHANNEL));
}

#[test]
fn being_removed_ends_the_connection() {
    let mut story = Story::at(Step::Connected);
    story.voice_state(None);
    assert_eq!(
        *story.state(),
        ConnectionState::Left {
            reason: Reason::Removed
        }
    );
    assert_eq!(
        asked(&story.take()).len(),
        1,
        "only the join: there is nothing left to leave"
    );
}

#[test]
fn another_session_of_the_account_takes_over() {
    let mut story = Story::at(Step::Connected);
    story.feed(Input::VoiceState {
        session_id: "another",
        channel: Some(CHANNEL),
    });
    assert_eq!(
        *story.state(),
        ConnectionState::Left {
            reason: Reason::TakenOver
        }
    );
}

#[test]
fn a_new_main_session_joins_again() {
    let mut story = Story::at(Step::Connected);
    story.take();
    story.feed(Input::GatewaySessionLost);
    assert_eq!(*story.reason(), Reason::GatewaySessionLost);
    assert_eq!(asked(&story.take()), [Some(CHANNEL)]);
    story.feed(Input::VoiceState {
        session_id: "new",
        channel: Some(CHANNEL),
    });
    story.voice_server("second", Some(ENDPOINT));
    story.handshake_to(Step::Connected);
}

#[test]
fn two_events_are_enough_for_a_connection_without_a_gateway() {
    let mut story = Story::with(|config| config.has_gateway = false);
    story.feed(Input::VoiceState {
        session_id: SESSION,
        channel: Some(CHANNEL),
    });
    story.feed(Input::VoiceServer {
        token: &token("first"),
        endpoint: Some(ENDPOINT),
    });
    story.handshake_to(Step::Connected);
    story.feed(Input::Leave);
    assert_eq!(asked(&story.take()), []);
}

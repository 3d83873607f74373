use std::time::Duration;

use voxhall_client::connection::Output;
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::voice::{CloseAction, Message, VoiceCloseCode};

use crate::story::{CHANNEL, ENDPOINT, Step, Story, asked, dialed};

/// Every code the protocol documents, unknown ones on both sides of 4000, and what follows.
fn table() -> Vec<(u16, CloseAction)> {
    use CloseAction::{AwaitServerUpdate, Rejoin, Resume, Stop};
    vec![
        (1000, Resume),
        (1001, Resume),
        (1006, Resume),
        (1011, Resume),
        (3999, Resume),
        (4001, Stop),
        (4002, Stop),
        (4003, Stop),
        (4004, Rejoin),
        (4005, Stop),
        (4006, Rejoin),
        (4009, Rejoin),
        (4011, AwaitServerUpdate),
        (4012, Stop),
        (4013, Resume),
        (4014, AwaitServerUpdate),
        (4015, Resume),
        (4016, Stop),
        (4017, Stop),
        (4020, Stop),
        (4021, Stop),
        (4022, AwaitServerUpdate),
        (4999, Stop),
    ]
}

#[test]
fn every_close_code_has_its_consequence() {
    for (number, action) in table() {
        let code = VoiceCloseCode::from(number);
        let mut story = Story::at(Step::Connected);
        story.take();
        story.closes(code);
        let outputs = story.take();
        let stops_media = outputs.contains(&Output::StopMedia);
        let expected = Reason::Closed(code);
        assert_eq!(*story.reason(), expected, "{number}");
        match action {
            CloseAction::Resume => {
                assert!(
                    matches!(story.state(), ConnectionState::Resuming { attempt: 1, .. }),
                    "{number}"
                );
                assert!(dialed(&outputs) && !stops_media, "{number}: media flow on");
            }
            CloseAction::Rejoin => {
                assert!(
                    matches!(story.state(), ConnectionState::Joining { .. }),
                    "{number}"
                );
                assert_eq!(asked(&outputs), [Some(CHANNEL)], "{number}");
                assert!(stops_media && !dialed(&outputs), "{number}");
            }
            CloseAction::AwaitServerUpdate => {
                assert!(
                    matches!(story.state(), ConnectionState::WaitingForServer { .. }),
                    "{number}"
                );
                assert!(
                    stops_media && !dialed(&outputs) && asked(&outputs).is_empty(),
                    "{number}"
                );
            }
            CloseAction::Stop => {
                assert!(
                    matches!(story.state(), ConnectionState::Failed { .. }),
                    "{number}"
                );
                assert_eq!(asked(&outputs), [None], "{number}: the channel is left");
            }
        }
    }
}

#[test]
fn nothing_comes_back_by_itself_from_a_final_code() {
    for (number, action) in table() {
        let mut story = Story::at(Step::Connected);
        story.closes(VoiceCloseCode::from(number));
        story.take();
        story.pass(Duration::from_secs(120));
        let came_back = dialed(&story.take());
        match action {
            CloseAction::Stop | CloseAction::AwaitServerUpdate => assert!(!came_back, "{number}"),
            CloseAction::Resume => assert!(came_back, "{number} is tried again"),
            CloseAction::Rejoin => assert_eq!(
                *story.reason(),
                Reason::NoAnswer(Duration::from_secs(15)),
                "{number}"
            ),
        }
    }
}

#[test]
fn being_put_out_waits_five_seconds_for_a_new_server() {
    for code in [
        VoiceCloseCode::Disconnected,
        VoiceCloseCode::CallTerminated,
        VoiceCloseCode::ServerNotFound,
    ] {
        let mut moved = Story::at(Step::Connected);
        moved.closes(code);
        moved.pass(Duration::from_secs(4));
        moved.take();
        moved.voice_server("second", Some("other.example"));
        assert_eq!(
            *moved.state(),
            ConnectionState::Dialing {
                endpoint: "other.example".to_owned(),
                reason: Reason::ServerUpdate
            }
        );
        let mut kicked = Story::at(Step::Connected);
        kicked.closes(code);
        kicked.pass(Duration::from_secs(6));
        assert!(kicked.state().is_final());
        assert_eq!(*kicked.reason(), Reason::Closed(code));
        kicked.take();
        kicked.voice_server("second", Some(ENDPOINT));
        assert_eq!(kicked.take(), [], "too late");
    }
}

#[test]
fn an_orderly_goodbye_is_resumed_once_and_then_rejoined() {
    let mut story = Story::at(Step::Connected);
    story.closes(VoiceCloseCode::Normal);
    assert!(matches!(story.state(), ConnectionState::Resuming { .. }));
    story.opens();
    story.says(Message::Resumed);
    story.closes(VoiceCloseCode::Normal);
    story.pass(Duration::from_secs(1));
    assert!(
        matches!(story.state(), ConnectionState::Joining { .. }),
        "{:?}",
        story.state()
    );
}

#[test]
fn without_a_gateway_a_needed_join_is_said_aloud() {
    let mut story = Story::with(|config| config.has_gateway = false);
    story.voice_state(Some(CHANNEL));
    story.voice_server("first", Some(ENDPOINT));
    story.handshake_to(Step::Connected);
    story.closes(VoiceCloseCode::SessionInvalid);
    let why = Box::new(Reason::Closed(VoiceCloseCode::SessionInvalid));
    assert_eq!(
        *story.state(),
        ConnectionState::Failed {
            reason: Reason::NeedsNewJoin(why)
        }
    );
    assert_eq!(asked(&story.take()), []);
}

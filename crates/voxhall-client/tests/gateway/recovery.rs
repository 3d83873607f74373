use std::time::Duration;

use voxhall_client::gateway::{GatewayInput, GatewayOutput, GatewayReason, GatewayState};
use voxhall_protocol::gateway::{ClientMessage, GatewayCloseAction, GatewayCloseCode};

use crate::story::{RESUME_URL, SESSION, Story, dial};

fn closed_with(outputs: &[GatewayOutput]) -> Option<u16> {
    outputs.iter().find_map(|output| match output {
        GatewayOutput::Close(code) => Some(*code),
        _ => None,
    })
}

#[test]
fn every_close_code_has_its_consequence() {
    for number in [
        1000, 1001, 1006, 1012, 4000, 4001, 4002, 4003, 4004, 4005, 4007, 4008, 4009, 4010, 4011, 4012, 4013,
        4014, 4015,
    ] {
        let code = GatewayCloseCode::from(number);
        let mut story = Story::ready();
        story.take();
        story.closes(number);
        let outputs = story.take();
        if code.action() == GatewayCloseAction::Stop {
            assert_eq!(story.closed(), Some(&GatewayReason::Closed(code)), "{number}");
            assert_eq!(dial(&outputs), None, "{number}");
            continue;
        }
        assert!(dial(&outputs).is_some(), "{number}");
        story.opens();
        let message = story.sent().pop();
        let resumes = matches!(&message, Some(ClientMessage::Resume(_)));
        assert_eq!(
            resumes,
            code.action() == GatewayCloseAction::Resume,
            "{number}: {message:?}"
        );
    }
}

#[test]
fn a_resume_goes_where_ready_said_with_the_last_seq() {
    let mut story = Story::ready();
    story.dispatches("CHANNEL_STATUSES", r#"{"guild_id":"1","channels":[]}"#);
    story.take();
    story.closes(1006);
    assert_eq!(
        dial(&story.take()),
        Some((Some(RESUME_URL), "?v=10&encoding=json"))
    );
    story.opens();
    let Some(ClientMessage::Resume(resume)) = story.sent().pop() else {
        panic!("no Resume");
    };
    assert_eq!((resume.session_id.as_str(), resume.seq), (SESSION, Some(2)));
    story.dispatches("RESUMED", "{}");
    assert_eq!(*story.machine.state(), GatewayState::Ready);
}

#[test]
fn a_missing_acknowledgement_leads_to_a_resume() {
    let mut story = Story::ready();
    story.acknowledges = false;
    story.take();
    story.pass(Duration::from_secs(90));
    let outputs = story.take();
    assert!(closed_with(&outputs).is_some_and(|code| code != 1000 && code != 1001));
    let lost = |state: &GatewayState| {
        matches!(
            state,
            GatewayState::Reconnecting {
                reason: GatewayReason::HeartbeatLost,
                ..
            }
        )
    };
    assert!(story.states.iter().any(lost), "{:?}", story.states);
}

#[test]
fn op_7_is_obeyed_without_ending_the_session() {
    let mut story = Story::ready();
    story.take();
    story.says(r#"{"op":7,"d":null}"#);
    let outputs = story.take();
    assert!(closed_with(&outputs).is_some_and(|code| code != 1000 && code != 1001));
    assert!(dial(&outputs).is_some());
}

#[test]
fn an_invalid_session_begins_anew_on_the_same_socket_after_a_pause() {
    let mut story = Story::ready();
    story.closes(1006);
    story.opens();
    story.take();
    story.says(r#"{"op":9,"d":false}"#);
    assert_eq!(story.sent(), []);
    story.pass(Duration::from_secs(6));
    assert!(matches!(story.sent()[..], [ClientMessage::Identify(_)]));
    story.logs_in();
}

#[test]
fn a_server_that_stays_away_is_given_up_with_growing_pauses() {
    let mut story = Story::ready();
    story.closes(1006);
    let begun = story.now;
    while story.closed().is_none() {
        story.feed(GatewayInput::DialFailed("refused".to_owned()));
        story.pass(Duration::from_secs(1));
    }
    let waited = story.now - begun;
    assert!(
        Duration::from_secs(60) < waited && waited < Duration::from_secs(400),
        "{waited:?}"
    );
    assert!(matches!(
        story.closed(),
        Some(GatewayReason::GaveUp { tries: 10, .. })
    ));
}

use std::time::Duration;

use voxhall_client::connection::Output;
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{Heartbeat, Message, Speaking, SpeakingFlags, Ssrc, VoiceVersion};

use crate::story::{Step, Story};

fn beats(messages: &[Message]) -> Vec<&Heartbeat> {
    let beats = messages.iter().filter_map(|message| match message {
        Message::Heartbeat(heartbeat) => Some(heartbeat),
        _ => None,
    });
    beats.collect()
}

#[test]
fn heartbeats_come_every_five_seconds_and_carry_the_seq() {
    for version in [VoiceVersion::V4, VoiceVersion::V8] {
        let mut story = Story::on_version(version);
        story.go_to(Step::Connected);
        story.says_numbered(
            Speaking::from_server(UserId(3), SpeakingFlags::VOICE, Ssrc(9)),
            Some(7),
        );
        story.pass(Duration::from_secs(20));
        let messages = story.sent();
        let beats = beats(&messages);
        assert_eq!(beats.len(), 4, "{version:?}");
        assert!(
            beats
                .iter()
                .all(|beat| beat.seq_ack == version.has_seq().then_some(7))
        );
        assert_eq!(*story.state(), ConnectionState::Connected);
    }
}

#[test]
fn a_missing_acknowledgement_closes_resumably_and_resumes() {
    let mut story = Story::at(Step::Connected);
    story.acknowledges = false;
    story.take();
    story.pass(Duration::from_secs(10));
    let outputs = story.take();
    let code = outputs.iter().find_map(|output| match output {
        Output::Close(code) => Some(*code),
        _ => None,
    });
    assert!(code.is_some_and(|code| code != 1000 && code != 1001), "{code:?}");
    assert_eq!(
        *story.state(),
        ConnectionState::Resuming {
            attempt: 1,
            reason: Reason::HeartbeatLost
        }
    );
    story.acknowledges = true;
    story.opens();
    story.says(Message::Resumed);
    story.pass(Duration::from_secs(30));
    assert_eq!(*story.state(), ConnectionState::Connected);
}

#[test]
fn a_heartbeat_from_the_server_is_answered_at_once() {
    let mut story = Story::at(Step::Connected);
    story.pass(Duration::from_secs(6));
    story.take();
    story.says(Heartbeat::new(99, None));
    assert_eq!(beats(&story.sent()).len(), 1);
}

#[test]
fn the_way_to_the_gateway_is_measured() {
    let mut story = Story::at(Step::Connected);
    story.pass(Duration::from_secs(6));
    assert_eq!(story.machine.gateway_round_trip(), Some(Duration::ZERO));
}

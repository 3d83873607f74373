use voxhall_client::connection::{Input, Output};
use voxhall_protocol::voice::{SpeakingFlags, VoiceCloseCode};

use crate::story::{Step, Story, spoken};

#[test]
fn packets_follow_op_5_and_never_precede_it() {
    let mut story = Story::at(Step::Connected);
    story.take();
    assert!(!story.machine.may_send());
    story.feed(Input::Speak(SpeakingFlags::VOICE));
    let outputs = story.outputs.clone();
    assert!(
        matches!(
            outputs[..],
            [Output::Send(_), Output::Speaking(SpeakingFlags::VOICE)]
        ),
        "{outputs:?}"
    );
    assert_eq!(spoken(&story.sent()), [SpeakingFlags::VOICE]);
    assert!(story.machine.may_send());
}

#[test]
fn what_was_said_already_is_not_repeated() {
    let mut story = Story::at(Step::Connected);
    story.feed(Input::Speak(SpeakingFlags::VOICE));
    story.take();
    story.feed(Input::Speak(SpeakingFlags::VOICE));
    assert_eq!(story.take(), []);
    story.feed(Input::Speak(SpeakingFlags::NONE));
    assert_eq!(spoken(&story.sent()), [SpeakingFlags::NONE]);
    assert!(!story.machine.may_send());
}

#[test]
fn a_wish_from_before_the_connection_is_kept() {
    let mut story = Story::at(Step::Identifying);
    story.feed(Input::Speak(SpeakingFlags::VOICE));
    story.take();
    story.ready();
    story.feed(Input::UdpOpened("192.0.2.7:1".parse().unwrap()));
    story.discovers();
    story.describes();
    assert_eq!(spoken(&story.sent()), [SpeakingFlags::NONE, SpeakingFlags::VOICE]);
}

#[test]
fn a_new_session_is_told_again() {
    let mut story = Story::at(Step::Connected);
    story.feed(Input::Speak(SpeakingFlags::VOICE));
    story.closes(VoiceCloseCode::SessionInvalid);
    story.voice_server("second", Some("next.example"));
    story.take();
    story.handshake_to(Step::Connected);
    assert_eq!(spoken(&story.sent()), [SpeakingFlags::NONE, SpeakingFlags::VOICE]);
}

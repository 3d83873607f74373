use std::time::Duration;

use voxhall_client::connection::{Input, Output};
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{Message, Resume, SpeakingFlags, VoiceCloseCode, VoiceVersion};

use crate::story::{CHANNEL, LOCAL, SESSION, Step, Story, address, asked, dialed, spoken};

fn resume_of(messages: &[Message]) -> Option<&Resume> {
    messages.iter().find_map(|message| match message {
        Message::Resume(resume) => Some(resume),
        _ => None,
    })
}

fn names(messages: &[Message]) -> Vec<&'static str> {
    messages
        .iter()
        .filter_map(Message::opcode)
        .map(|op| op.name())
        .collect()
}

#[test]
fn a_lost_socket_is_resumed_with_the_last_seq_and_media_flow_on() {
    for version in [4, 7, 8, 9].map(|number| VoiceVersion::new(number).unwrap()) {
        let mut story = Story::on_version(version);
        story.go_to(Step::Connected);
        let gone = voxhall_protocol::voice::ClientDisconnect::new(UserId(5));
        story.says_numbered(Message::ClientDisconnect(gone), Some(65_535));
        story.says_numbered(Message::MlsProposals(vec![0]), Some(0));
        story.take();
        story.closes(VoiceCloseCode::Abnormal);
        story.opens();
        let messages = story.sent();
        let resume = resume_of(&messages).unwrap_or_else(|| panic!("{version:?}: {messages:?}"));
        assert_eq!(resume.session_id, SESSION);
        assert_eq!(
            resume.channel_id,
            version.has_channel_id().then_some(CHANNEL),
            "{version:?}"
        );
        assert_eq!(
            resume.seq_ack,
            version.has_seq().then_some(0),
            "{version:?}: binary frames count too"
        );
        story.says(Message::Resumed);
        assert_eq!(*story.state(), ConnectionState::Connected);
        assert!(!story.take().contains(&Output::StopMedia));
    }
}

#[test]
fn before_ready_there_is_nothing_to_resume() {
    for step in [Step::Dialing, Step::Identifying] {
        let mut story = Story::at(step);
        story.take();
        story.closes(VoiceCloseCode::Abnormal);
        assert!(dialed(&story.take()), "{step:?}");
        story.opens();
        assert_eq!(names(&story.sent()), ["Identify"], "{step:?}");
        story.handshake_from_ready();
    }
}

#[test]
fn a_resume_amid_the_handshake_goes_on_where_it_was() {
    // Before the address is known.
    let mut story = Story::at(Step::Discovering);
    story.closes(VoiceCloseCode::Abnormal);
    story.opens();
    story.says(Message::Resumed);
    assert_eq!(*story.state(), ConnectionState::Discovering { attempt: 1 });
    story.take();
    story.discovers();
    assert_eq!(names(&story.sent()), ["Select Protocol"]);
    story.describes();
    assert_eq!(*story.state(), ConnectionState::Connected);

    // While the socket was down the address became known.
    let mut story = Story::at(Step::Discovering);
    story.closes(VoiceCloseCode::Abnormal);
    story.discovers();
    story.opens();
    story.take();
    story.says(Message::Resumed);
    assert_eq!(names(&story.sent()), ["Select Protocol"]);

    // Session Description was lost with the socket; it is not replayed, so it is asked for again.
    let mut story = Story::at(Step::Selecting);
    story.closes(VoiceCloseCode::Abnormal);
    story.opens();
    story.take();
    story.says(Message::Resumed);
    assert_eq!(names(&story.sent()), ["Select Protocol"]);
    story.describes();
    assert_eq!(*story.state(), ConnectionState::Connected);
}

#[test]
fn a_socket_lost_while_resuming_is_resumed_again() {
    let mut story = Story::at(Step::Connected);
    story.closes(VoiceCloseCode::Abnormal);
    story.closes(VoiceCloseCode::VoiceServerCrashed);
    story.pass(Duration::from_secs(1));
    story.opens();
    story.closes(VoiceCloseCode::Abnormal);
    story.pass(Duration::from_secs(2));
    story.opens();
    story.says(Message::Resumed);
    assert_eq!(*story.state(), ConnectionState::Connected);
    let attempts = story.states.iter().filter_map(|state| match state {
        ConnectionState::Resuming { attempt, reason } => Some((*attempt, reason.clone())),
        _ => None,
    });
    let closed = Reason::Closed;
    assert_eq!(
        attempts.collect::<Vec<_>>(),
        [
            (1, closed(VoiceCloseCode::Abnormal)),
            (2, closed(VoiceCloseCode::VoiceServerCrashed)),
            (3, closed(VoiceCloseCode::Abnormal)),
        ]
    );
}

#[test]
fn a_refused_resume_asks_for_a_fresh_token() {
    for code in [VoiceCloseCode::SessionInvalid, VoiceCloseCode::SessionTimeout] {
        let mut story = Story::at(Step::Connected);
        story.closes(VoiceCloseCode::Abnormal);
        story.opens();
        story.take();
        story.closes(code);
        story.pass(Duration::from_secs(1));
        let outputs = story.take();
        assert_eq!(asked(&outputs), [Some(CHANNEL)]);
        assert!(outputs.contains(&Output::StopMedia));
        story.voice_state(Some(CHANNEL));
        story.voice_server("second", Some("next.example"));
        story.opens();
        assert_eq!(names(&story.sent())[0], "Identify");
        story.handshake_from_ready();
    }
}

#[test]
fn an_unreachable_server_is_given_up_after_five_tries() {
    let mut story = Story::at(Step::Connected);
    story.closes(VoiceCloseCode::Abnormal);
    let mut dials = 0;
    while !story.state().is_final() {
        dials += story
            .take()
            .iter()
            .filter(|output| matches!(output, Output::Dial { .. }))
            .count();
        story.feed(Input::DialFailed("connection refused".to_owned()));
        story.pass(Duration::from_secs(10));
    }
    assert!((3..=5).contains(&dials), "{dials} dials");
    assert!(story.states.len() < 20, "{:?}", story.states);
}

#[test]
fn the_count_of_tries_starts_over_after_ten_good_seconds() {
    let mut story = Story::at(Step::Connected);
    for _ in 0..20 {
        story.pass(Duration::from_secs(11));
        story.closes(VoiceCloseCode::Abnormal);
        story.opens();
        story.says(Message::Resumed);
        assert_eq!(*story.state(), ConnectionState::Connected);
    }
    // A server that takes us in and drops us at once is not asked for ever.
    let mut flapping = 0;
    while flapping < 20 && !story.state().is_final() {
        flapping += 1;
        story.closes(VoiceCloseCode::Abnormal);
        story.pass(Duration::from_secs(9));
        story.opens();
        story.says(Message::Resumed);
        story.pass(Duration::from_millis(100));
    }
    assert!(flapping < 10, "{:?}", story.state());
}

#[test]
fn speaking_that_changed_meanwhile_is_told_after_the_resume() {
    let mut story = Story::at(Step::Connected);
    story.closes(VoiceCloseCode::Abnormal);
    story.take();
    story.feed(Input::Speak(SpeakingFlags::VOICE));
    assert_eq!(story.take(), [], "nothing can be said without a socket");
    story.opens();
    story.take();
    story.says(Message::Resumed);
    assert_eq!(spoken(&story.sent()), [SpeakingFlags::VOICE]);
}

impl Story {
    /// From an identified socket to Connected.
    fn handshake_from_ready(&mut self) {
        self.ready();
        self.feed(Input::UdpOpened(address(LOCAL)));
        self.discovers();
        self.describes();
        assert_eq!(*self.state(), ConnectionState::Connected);
    }
}

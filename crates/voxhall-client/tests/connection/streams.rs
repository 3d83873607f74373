//! A stream is one more connection: another server id, another kind of sound, and an end of its own.

use std::time::Duration;

use voxhall_client::connection::{Input, Output, Room, StreamRoom};
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::gateway::{StreamDeleteReason, StreamKey};
use voxhall_protocol::ids::{ChannelId, ServerId};
use voxhall_protocol::voice::{Message, SpeakingFlags, VoiceCloseCode};

use crate::story::{CHANNEL, ENDPOINT, GUILD, SESSION, Step, Story, USER, asked, dialed};

const OWN_ROOM: ChannelId = ChannelId(77);
const SERVER: ServerId = ServerId(78);

fn room() -> Room {
    Room::Stream(StreamRoom {
        key: StreamKey::new(Some(GUILD), CHANNEL, USER),
        server: SERVER,
        own: true,
    })
}

/// A connection to a stream, with what STREAM_CREATE and STREAM_SERVER_UPDATE said.
fn told() -> Story {
    let mut story = Story::with(|config| config.room = room());
    story.voice_state(Some(OWN_ROOM));
    story.voice_server("first", Some(ENDPOINT));
    story
}

#[test]
fn it_identifies_with_the_server_and_the_room_of_its_own_and_the_session_of_the_call() {
    let mut story = told();
    story.opens();
    let sent = story.sent();
    let [Message::Identify(identify), ..] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(
        (identify.server_id, identify.channel_id),
        (SERVER, Some(OWN_ROOM))
    );
    assert_eq!(identify.session_id, SESSION);

    story.ready();
    story.feed(Input::UdpOpened(crate::story::address(crate::story::LOCAL)));
    story.discovers();
    story.describes();
    story.take();
    story.closes(VoiceCloseCode::Abnormal);
    assert!(dialed(&story.take()));
    story.opens();
    let sent = story.sent();
    let resume = sent.iter().find_map(|message| match message {
        Message::Resume(resume) => Some(resume),
        _ => None,
    });
    let resume = resume.unwrap_or_else(|| panic!("{sent:?}"));
    assert_eq!((resume.server_id, resume.channel_id), (SERVER, Some(OWN_ROOM)));
}

#[test]
fn what_is_played_there_is_no_voice() {
    assert_eq!(room().sound(), SpeakingFlags::SOUNDSHARE);
    assert_eq!(Room::Guild(GUILD).sound(), SpeakingFlags::VOICE);
    assert_eq!((room().server_id(), room().guild()), (SERVER, None));
}

#[test]
fn it_ends_with_the_stream_and_tells_nobody_that_it_leaves() {
    for step in [
        Step::Dialing,
        Step::Identifying,
        Step::Discovering,
        Step::Connected,
    ] {
        let mut story = told();
        story.handshake_to(step);
        story.take();
        let ended = Reason::StreamEnded(StreamDeleteReason::StreamEnded);
        story.feed(Input::RoomGone(ended.clone()));
        assert_eq!(*story.state(), ConnectionState::Left { reason: ended });
        let outputs = story.take();
        assert!(matches!(outputs[0], Output::Close(1000)), "{outputs:?}");
        assert_eq!(asked(&outputs), [], "there is nothing left to leave");
        story.feed(Input::RoomGone(Reason::Removed));
        story.pass(Duration::from_secs(100));
        assert!(story.take().is_empty() && !dialed(&story.outputs));
    }
}

#[test]
fn a_lost_session_asks_for_a_new_way_and_goes_on_there() {
    let mut story = told();
    story.handshake_to(Step::Connected);
    story.take();
    story.closes(VoiceCloseCode::SessionInvalid);
    story.pass(Duration::from_secs(5));
    assert_eq!(asked(&story.take()), [Some(OWN_ROOM)], "op 18 or 20 once more");
    story.voice_server("second", Some("elsewhere.example"));
    assert!(dialed(&story.outputs));
    story.handshake_to(Step::Connected);
    story.feed(Input::Leave);
    assert_eq!(asked(&story.take()), [None], "op 19");
}

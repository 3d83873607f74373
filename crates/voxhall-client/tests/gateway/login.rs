use std::time::Duration;

use voxhall_client::gateway::{Account, GatewayInput, GatewayOutput, GatewayReason, GatewayState};
use voxhall_protocol::gateway::{Capabilities, ClientMessage, Event, GatewayCloseCode};

use crate::story::{Story, dial};

#[test]
fn a_bot_identifies_with_intents_and_a_person_with_capabilities() {
    let mut bot = Story::new(Account::VOICE_BOT);
    assert_eq!(dial(&bot.take()), Some((None, "?v=10&encoding=json")));
    bot.opens();
    let Some(ClientMessage::Identify(identify)) = bot.sent().pop() else {
        panic!("no Identify");
    };
    assert_eq!(identify.intents.map(|intents| intents.bits()), Some(129));
    assert_eq!(
        (identify.token.expose().as_str(), identify.capabilities),
        ("secret", None)
    );

    let mut person = Story::new(Account::CALLER);
    assert_eq!(dial(&person.take()), Some((None, "?v=9&encoding=json")));
    person.opens();
    let Some(ClientMessage::Identify(identify)) = person.sent().pop() else {
        panic!("no Identify");
    };
    assert_eq!(identify.capabilities, Some(Capabilities::AUTO_CALL_CONNECT));
    assert_eq!(identify.intents, None);
}

#[test]
fn whoever_waits_for_ready_finds_the_event_told() {
    let mut story = Story::new(Account::VOICE_BOT);
    story.opens();
    story.take();
    story.machine.handle(
        story.now,
        GatewayInput::Text(
            r#"{"op":0,"t":"READY","s":1,"d":{"v":10,"user":{"id":"1","username":"b"},"session_id":"s"}}"#,
        ),
    );
    let outputs: Vec<_> = std::iter::from_fn(|| story.machine.poll_output()).collect();
    assert!(matches!(&outputs[0], GatewayOutput::Event(event) if matches!(**event, Event::Ready(_))));
    assert_eq!(outputs[1], GatewayOutput::State(GatewayState::Ready));
}

#[test]
fn a_first_login_that_fails_is_not_repeated() {
    let mut refused = Story::new(Account::VOICE_BOT);
    refused.feed(GatewayInput::DialFailed("connection refused".to_owned()));
    assert_eq!(
        refused.closed(),
        Some(&GatewayReason::Unreachable("connection refused".to_owned()))
    );

    let mut silent = Story::new(Account::VOICE_BOT);
    silent.feed(GatewayInput::SocketOpened);
    silent.pass(Duration::from_secs(16));
    assert_eq!(
        silent.closed(),
        Some(&GatewayReason::StepTimeout(Duration::from_secs(15)))
    );

    let mut wrong = Story::new(Account::VOICE_BOT);
    wrong.opens();
    wrong.closes(4004);
    assert_eq!(
        wrong.closed(),
        Some(&GatewayReason::Closed(GatewayCloseCode::AuthenticationFailed))
    );
}

#[test]
fn logging_out_ends_the_session() {
    let mut story = Story::ready();
    story.take();
    story.feed(GatewayInput::Close);
    assert_eq!(story.take(), [GatewayOutput::Close(1000)]);
    assert_eq!(story.closed(), Some(&GatewayReason::Requested));
    assert_eq!(story.machine.poll_timeout(), None);
}

#[test]
fn nonsense_is_survived() {
    let mut story = Story::ready();
    for text in [
        "",
        "null",
        "[]",
        "{",
        r#"{"op":0}"#,
        r#"{"op":99,"d":5}"#,
        r#"{"op":10,"d":{"heartbeat_interval":-1}}"#,
    ] {
        story.says(text);
        story.feed(GatewayInput::Binary(text.as_bytes()));
    }
    story.dispatches("GUILD_CREATE", "{}");
    story.dispatches("NEWS_OF_TOMORROW", r#"{"a":1}"#);
    story.pass(Duration::from_secs(5));
    assert_eq!(*story.machine.state(), GatewayState::Ready);
}

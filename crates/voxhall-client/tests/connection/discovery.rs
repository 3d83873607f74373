use std::time::Duration;

use voxhall_client::ConnectionState;
use voxhall_client::connection::{Input, Output};
use voxhall_protocol::discovery;
use voxhall_protocol::voice::{Message, ProtocolData, Ssrc};

use crate::story::{LOCAL, PUBLIC, SSRC, Step, Story, address};

fn selected(messages: &[Message]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        Message::SelectProtocol(select) => match &select.data {
            Some(ProtocolData::Udp(udp)) => Some(format!("{}:{}", udp.address, udp.port)),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn a_lost_request_is_repeated_every_second() {
    let mut story = Story::at(Step::Discovering);
    story.take();
    story.pass(Duration::from_millis(2_500));
    let requests: Vec<_> = story
        .take()
        .into_iter()
        .filter(|output| matches!(output, Output::SendUdp(_)))
        .collect();
    let request = discovery::Request::new(SSRC).encode().to_vec();
    assert_eq!(
        requests,
        [Output::SendUdp(request.clone()), Output::SendUdp(request)]
    );
    assert_eq!(*story.state(), ConnectionState::Discovering { attempt: 3 });
    story.discovers();
    assert_eq!(selected(&story.sent()).as_deref(), Some(PUBLIC));
}

#[test]
fn a_server_that_never_answers_is_told_the_local_address() {
    let mut story = Story::at(Step::Discovering);
    story.pass(Duration::from_secs(7));
    assert_eq!(selected(&story.sent()).as_deref(), Some(LOCAL));
    story.describes();
    assert_eq!(*story.state(), ConnectionState::Connected);
}

#[test]
fn answers_to_others_and_noise_are_ignored() {
    let mut story = Story::at(Step::Discovering);
    story.take();
    let found = address(PUBLIC);
    let foreign = discovery::Response {
        ssrc: Ssrc(SSRC.0 + 1),
        address: found.ip(),
        port: found.port(),
    };
    story.feed(Input::Datagram(&foreign.encode()));
    story.feed(Input::Datagram(&discovery::Request::new(SSRC).encode()));
    story.feed(Input::Datagram(&[0; 74]));
    story.feed(Input::Datagram(&[]));
    assert_eq!(selected(&story.sent()), None);
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut story = Story::at(Step::Selecting);
    story.take();
    story.discovers();
    assert_eq!(story.take(), []);
}

//! A scripted server behind a network that loses, repeats and reorders datagrams, and a control channel that breaks.
//! Every seed must end connected, or failed with a reason, and never spin.

use std::time::Duration;

use voxhall_client::connection::{Input, Output};
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::discovery;
use voxhall_protocol::voice::{Message, VoiceCloseCode};
use voxhall_sim::{Conditions, Network, Random};

use crate::story::{CHANNEL, LOCAL, PUBLIC, Story, address};

const SERVER: &str = "198.51.100.20:50001";

/// A voice server that forgets nothing and answers everything it gets.
struct Server {
    network: Network,
    random: Random,
    /// Chance that the control socket breaks at each message.
    breaks: f64,
    tokens: u32,
}

impl Server {
    fn new(seed: u64, breaks: f64) -> Self {
        Self {
            network: Network::new(seed, Conditions::ROUGH),
            random: Random::new(seed),
            breaks,
            tokens: 0,
        }
    }

    /// Does what the client asks, and answers.
    fn serve(&mut self, story: &mut Story) {
        for output in story.take() {
            match output {
                Output::VoiceState { channel: Some(_) } => {
                    self.tokens += 1;
                    story.voice_state(Some(CHANNEL));
                    story.voice_server(&format!("token {}", self.tokens), Some("voice.example"));
                }
                Output::Dial { .. } if self.random.chance(self.breaks) => {
                    story.feed(Input::DialFailed("refused".to_owned()));
                }
                Output::Dial { .. } => story.opens(),
                Output::OpenUdp { .. } => story.feed(Input::UdpOpened(address(LOCAL))),
                Output::SendUdp(datagram) => {
                    self.network
                        .send(story.now, address(LOCAL), address(SERVER), datagram);
                }
                Output::Send(frame) => {
                    story.outputs.push(Output::Send(frame));
                    for message in story.sent() {
                        self.answer(story, &message);
                    }
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, story: &mut Story, message: &Message) {
        if self.random.chance(self.breaks) {
            let codes = [
                VoiceCloseCode::Abnormal,
                VoiceCloseCode::VoiceServerCrashed,
                VoiceCloseCode::SessionInvalid,
            ];
            return story.closes(codes[self.random.below(codes.len())]);
        }
        match message {
            Message::Identify(_) => story.ready(),
            Message::SelectProtocol(_) => story.describes(),
            Message::Resume(_) => story.says(Message::Resumed),
            _ => {}
        }
    }

    /// Delivers a datagram, if one is due before the client's next timer.
    fn deliver(&mut self, story: &mut Story, until: std::time::Instant) -> bool {
        let Some(due) = self.network.next_delivery().filter(|due| *due <= until) else {
            return false;
        };
        story.now = story.now.max(due);
        let datagram = self.network.deliver(due).expect("one is due");
        if datagram.to == address(LOCAL) {
            story.feed(Input::Datagram(&datagram.payload));
        } else if let Ok(request) = discovery::Request::parse(&datagram.payload) {
            let answer = request.respond(address(PUBLIC)).to_vec();
            self.network
                .send(story.now, address(SERVER), address(LOCAL), answer);
        }
        true
    }
}

fn run(seed: u64, breaks: f64, time: Duration) -> Story {
    let mut story = Story::seeded(seed, |_| {});
    let mut server = Server::new(seed, breaks);
    let end = story.now + time;
    story.feed(Input::Join(CHANNEL));
    for _ in 0..20_000 {
        while !story.outputs.is_empty() {
            server.serve(&mut story);
        }
        let due = story.machine.poll_timeout().filter(|due| *due <= end);
        if server.deliver(&mut story, due.unwrap_or(end)) {
            continue;
        }
        let Some(due) = due else {
            return story;
        };
        story.now = story.now.max(due);
        story.feed(Input::Timeout);
    }
    panic!("seed {seed} spins: {:?}", story.states.last());
}

#[test]
fn lost_datagrams_only_cost_time() {
    for seed in 0..200 {
        let story = run(seed, 0.0, Duration::from_secs(30));
        assert_eq!(*story.state(), ConnectionState::Connected, "seed {seed}");
        let attempts = story
            .states
            .iter()
            .filter(|state| matches!(state, ConnectionState::Discovering { .. }))
            .count();
        assert!((1..=6).contains(&attempts), "seed {seed}");
    }
}

#[test]
fn a_breaking_control_channel_ends_connected_or_with_a_reason() {
    let mut connected = 0;
    for seed in 0..400 {
        let story = run(seed, 0.08, Duration::from_secs(60));
        match story.state() {
            ConnectionState::Connected | ConnectionState::Resuming { .. } => connected += 1,
            ConnectionState::Failed {
                reason: Reason::GaveUp { tries: 5, .. },
            } => {}
            other => assert!(!other.is_final(), "seed {seed}: {other:?}"),
        }
    }
    assert!(connected > 200, "only {connected} of 400 were up at the end");
}

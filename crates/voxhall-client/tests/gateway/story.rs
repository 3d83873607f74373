use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use voxhall_client::gateway::{
    Account, GatewayConfig, GatewayInput, GatewayMachine, GatewayOutput, GatewayReason, GatewayState,
};
use voxhall_protocol::Token;
use voxhall_protocol::gateway::{ClientMessage, GatewayCloseCode};

pub const SESSION: &str = "0123456789abcdef0123456789abcdef";
pub const RESUME_URL: &str = "wss://resume.example:8443";

/// One connection to the main Gateway, as a test tells its story.
pub struct Story {
    pub machine: GatewayMachine,
    pub now: Instant,
    pub states: Vec<GatewayState>,
    pub outputs: Vec<GatewayOutput>,
    pub acknowledges: bool,
    seq: u64,
}

impl Story {
    pub fn new(account: Account) -> Self {
        Self::with(account, |_| {})
    }

    pub fn with(account: Account, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let mut config = GatewayConfig::new(Token::from("secret"), account);
        change(&mut config);
        let mut story = Self {
            machine: GatewayMachine::new(config, StdRng::seed_from_u64(3)),
            now: Instant::now(),
            states: Vec::new(),
            outputs: Vec::new(),
            acknowledges: true,
            seq: 0,
        };
        story.feed(GatewayInput::Start);
        story
    }

    /// A bot that is logged in.
    pub fn ready() -> Self {
        let mut story = Self::new(Account::VOICE_BOT);
        story.opens();
        story.logs_in();
        story
    }

    pub fn feed(&mut self, input: GatewayInput<'_>) {
        self.machine.handle(self.now, input);
        let mut beats = 0;
        while let Some(output) = self.machine.poll_output() {
            match output {
                GatewayOutput::State(state) => self.states.push(state),
                other => {
                    beats += usize::from(matches!(sent(&other), Some(ClientMessage::Heartbeat(_))));
                    self.outputs.push(other);
                }
            }
        }
        for _ in 0..beats {
            if self.acknowledges {
                self.says(r#"{"op":11}"#);
            }
        }
    }

    pub fn says(&mut self, text: &str) {
        self.feed(GatewayInput::Text(text));
    }

    pub fn opens(&mut self) {
        self.feed(GatewayInput::SocketOpened);
        self.says(r#"{"op":10,"d":{"heartbeat_interval":41250},"s":null,"t":null}"#);
    }

    pub fn dispatches(&mut self, name: &str, data: &str) {
        self.seq += 1;
        self.says(&format!(r#"{{"op":0,"t":"{name}","s":{},"d":{data}}}"#, self.seq));
    }

    pub fn logs_in(&mut self) {
        let data = format!(
            r#"{{"v":10,"user":{{"id":"1","username":"bot"}},"guilds":[],"session_id":"{SESSION}",
               "resume_gateway_url":"{RESUME_URL}"}}"#
        );
        self.dispatches("READY", &data);
        assert_eq!(*self.machine.state(), GatewayState::Ready);
    }

    pub fn closes(&mut self, code: u16) {
        self.feed(GatewayInput::SocketClosed(GatewayCloseCode::from(code)));
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..10_000 {
            match self.machine.poll_timeout().filter(|due| *due <= end) {
                Some(due) => {
                    self.now = self.now.max(due);
                    self.feed(GatewayInput::Timeout);
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("the machine's timers make no progress");
    }

    pub fn take(&mut self) -> Vec<GatewayOutput> {
        std::mem::take(&mut self.outputs)
    }

    pub fn sent(&mut self) -> Vec<ClientMessage> {
        self.take().iter().filter_map(sent).collect()
    }

    pub fn closed(&self) -> Option<&GatewayReason> {
        match self.machine.state() {
            GatewayState::Closed { reason } => Some(reason),
            _ => None,
        }
    }
}

fn sent(output: &GatewayOutput) -> Option<ClientMessage> {
    match output {
        GatewayOutput::Send(text) => {
            Some(ClientMessage::decode(text.as_bytes()).expect("servers can read it"))
        }
        _ => None,
    }
}

/// Address and query of the last dial.
pub fn dial(outputs: &[GatewayOutput]) -> Option<(Option<&str>, &str)> {
    outputs.iter().rev().find_map(|output| match output {
        GatewayOutput::Dial { url, query } => Some((url.as_deref(), query.as_str())),
        _ => None,
    })
}

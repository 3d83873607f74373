//! A connection machine, a clock, and the words of the servers it talks to.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use voxhall_client::connection::{ConnectionMachine, Input, MachineConfig, Output, Room};
use voxhall_client::{ConnectionState, Reason};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_protocol::voice::{
    EncryptionMode, HeartbeatAck, Hello, Message, ModeName, Ready, SessionDescription, SpeakingFlags, Ssrc,
    Stream, VoiceCloseCode, VoiceVersion, WireFrame, decode_client_binary, decode_client_text, encode_server,
};
use voxhall_protocol::{Secret, Token, discovery};

pub const USER: UserId = UserId(959_467_381_011_415_120);
pub const GUILD: GuildId = GuildId(934_828_556_603_764_816);
pub const CHANNEL: ChannelId = ChannelId(934_828_556_603_764_821);
pub const OTHER_CHANNEL: ChannelId = ChannelId(966_416_163_309_518_878);
pub const ENDPOINT: &str = "rotterdam5347.example:443";
pub const SESSION: &str = "8dc6698fb78a211003eed23498d35aaa";
pub const SSRC: Ssrc = Ssrc(713_745);
pub const KEY: [u8; 32] = [0x42; 32];
pub const LOCAL: &str = "192.0.2.7:50123";
pub const PUBLIC: &str = "203.0.113.7:50999";

/// How far a handshake goes in one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Joining,
    Dialing,
    Identifying,
    Discovering,
    Selecting,
    Connected,
}

impl Step {
    pub const ALL: [Self; 6] = [
        Self::Joining,
        Self::Dialing,
        Self::Identifying,
        Self::Discovering,
        Self::Selecting,
        Self::Connected,
    ];
}

/// One connection, as a test tells its story.
pub struct Story {
    pub machine: ConnectionMachine,
    pub now: Instant,
    /// Every state that was entered.
    pub states: Vec<ConnectionState>,
    /// Every output but states, until [`Story::take`].
    pub outputs: Vec<Output>,
    /// Whether heartbeats are acknowledged.
    pub acknowledges: bool,
    version: VoiceVersion,
}

pub fn token(text: &str) -> Token {
    Token::from(text)
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Story {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn on_version(version: VoiceVersion) -> Self {
        Self::with(|config| config.version = version)
    }

    pub fn with(change: impl FnOnce(&mut MachineConfig)) -> Self {
        Self::seeded(1, change)
    }

    pub fn seeded(seed: u64, change: impl FnOnce(&mut MachineConfig)) -> Self {
        let mut config = MachineConfig::new(USER, Room::Guild(GUILD));
        change(&mut config);
        Self {
            version: config.version,
            machine: ConnectionMachine::new(config, StdRng::seed_from_u64(seed)),
            now: Instant::now(),
            states: Vec::new(),
            outputs: Vec::new(),
            acknowledges: true,
        }
    }

    /// A story that has come as far as `step`.
    pub fn at(step: Step) -> Self {
        let mut story = Self::new();
        story.go_to(step);
        story
    }

    pub fn feed(&mut self, input: Input<'_>) {
        self.machine.handle(self.now, input);
        self.collect();
    }

    fn collect(&mut self) {
        let mut acks = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            if let Output::Send(frame) = &output
                && let Message::Heartbeat(heartbeat) = decode(self.version, frame)
            {
                acks.push(HeartbeatAck::to(&heartbeat));
            }
            match output {
                Output::State(state) => self.states.push(state),
                other => self.outputs.push(other),
            }
        }
        if self.acknowledges {
            acks.into_iter().for_each(|ack| self.says(ack));
        }
    }

    /// Lets time pass, timer by timer.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..10_000 {
            match self.machine.poll_timeout().filter(|due| *due <= end) {
                Some(due) => {
                    self.now = self.now.max(due);
                    self.feed(Input::Timeout);
                }
                None => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("the machine's timers make no progress");
    }

    /// The voice gateway says something unnumbered.
    pub fn says(&mut self, message: impl Into<Message>) {
        self.says_numbered(message, None);
    }

    pub fn says_numbered(&mut self, message: impl Into<Message>, seq: Option<u16>) {
        match encode_server(self.version, &message.into(), seq) {
            WireFrame::Text(text) => self.feed(Input::Text(&text)),
            WireFrame::Binary(bytes) => self.feed(Input::Binary(&bytes)),
        }
    }

    pub fn closes(&mut self, code: VoiceCloseCode) {
        self.feed(Input::SocketClosed(code));
    }

    pub fn voice_state(&mut self, channel: Option<ChannelId>) {
        self.feed(Input::VoiceState {
            session_id: SESSION,
            channel,
        });
    }

    pub fn voice_server(&mut self, text: &str, endpoint: Option<&str>) {
        self.feed(Input::VoiceServer {
            token: &token(text),
            endpoint,
        });
    }

    /// Opens the socket that is being dialled and says Hello.
    pub fn opens(&mut self) {
        self.feed(Input::SocketOpened);
        let interval = 13_750.0;
        let v = Some(self.version.number());
        self.says(Hello {
            v,
            heartbeat_interval: interval,
            extra: Default::default(),
        });
    }

    pub fn ready(&mut self) {
        self.ready_with(Vec::new());
    }

    pub fn ready_with(&mut self, streams: Vec<Stream>) {
        self.says(Ready {
            streams: Some(streams),
            ssrc: SSRC,
            ip: Some("198.51.100.20".to_owned()),
            port: 50_001,
            modes: EncryptionMode::CURRENT.map(ModeName::from).to_vec(),
            ..Ready::default()
        });
    }

    pub fn discovers(&mut self) {
        let found = address(PUBLIC);
        let response = discovery::Response {
            ssrc: SSRC,
            address: found.ip(),
            port: found.port(),
        };
        self.feed(Input::Datagram(&response.encode()));
    }

    pub fn describes(&mut self) {
        self.says(SessionDescription {
            mode: Some(EncryptionMode::AeadAes256GcmRtpsize.into()),
            secret_key: Some(Secret::new(KEY)),
            dave_protocol_version: Some(0),
            ..SessionDescription::default()
        });
    }

    pub fn go_to(&mut self, step: Step) {
        self.feed(Input::Join(CHANNEL));
        if step >= Step::Dialing {
            self.voice_state(Some(CHANNEL));
            self.voice_server("first", Some(ENDPOINT));
        }
        self.handshake_to(step);
    }

    /// From a dialled socket to `step`.
    pub fn handshake_to(&mut self, step: Step) {
        if step >= Step::Identifying {
            self.opens();
        }
        if step >= Step::Discovering {
            self.ready();
            self.feed(Input::UdpOpened(address(LOCAL)));
        }
        if step >= Step::Selecting {
            self.discovers();
        }
        if step >= Step::Connected {
            self.describes();
            assert_eq!(*self.machine.state(), ConnectionState::Connected);
        }
    }

    /// The outputs since the last time.
    pub fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// The messages among the outputs since the last time.
    pub fn sent(&mut self) -> Vec<Message> {
        let version = self.version;
        let frames = self.take().into_iter().filter_map(|output| match output {
            Output::Send(frame) => Some(decode(version, &frame)),
            _ => None,
        });
        frames.collect()
    }

    pub fn state(&self) -> &ConnectionState {
        self.machine.state()
    }

    /// Why it stands where it stands.
    pub fn reason(&self) -> &Reason {
        self.state()
            .reason()
            .unwrap_or_else(|| panic!("{:?} has no reason", self.state()))
    }
}

fn decode(version: VoiceVersion, frame: &WireFrame) -> Message {
    let decoded = match frame {
        WireFrame::Text(text) => decode_client_text(version, text),
        WireFrame::Binary(bytes) => decode_client_binary(bytes),
    };
    decoded.expect("the client sends what servers can read").message
}

/// Whether a socket was dialled.
pub fn dialed(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Dial { .. }))
}

/// The channels of all op 4 among the outputs.
pub fn asked(outputs: &[Output]) -> Vec<Option<ChannelId>> {
    let asked = outputs.iter().filter_map(|output| match output {
        Output::VoiceState { channel } => Some(*channel),
        _ => None,
    });
    asked.collect()
}

/// The flags of all op 5 among the messages.
pub fn spoken(messages: &[Message]) -> Vec<SpeakingFlags> {
    let flags = messages.iter().filter_map(|message| match message {
        Message::Speaking(speaking) => Some(speaking.speaking),
        _ => None,
    });
    flags.collect()
}

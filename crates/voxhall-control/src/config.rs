//! What the control plane is told when it starts.

use std::time::Duration;

use voxhall_protocol::Token;

/// A voice region that clients may see and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its id, for example `rotterdam`.
    pub id: String,
    /// What people see.
    pub name: String,
}

/// Who may make an account of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignUpPolicy {
    /// Everybody.
    Open,
    /// Whoever has an invite: the operator's, or one to a guild.
    Invite,
    /// Nobody; the operator makes accounts.
    #[default]
    Closed,
}

/// How the control plane is to be run.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// The address clients are told, as `http(s)://host[:port]`; `None` tells each client the host that it named in
    /// its own request, which is right unless a proxy hides it.
    pub public_api: Option<String>,
    /// The regions on offer, the preferred one first. A node outside this list still takes calls.
    pub regions: Vec<Region>,
    /// What one client may take up.
    pub limits: Limits,
    /// Any unknown token logs in as a new bot of the guild of [`crate::dev`].
    pub dev: bool,
    /// Who may make an account.
    pub sign_up: SignUpPolicy,
    /// The token of the `/admin` endpoints; `None` switches them off.
    pub admin_token: Option<Token>,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            public_api: None,
            regions: vec![Region {
                id: "rotterdam".to_owned(),
                name: "Rotterdam".to_owned(),
            }],
            limits: Limits::default(),
            dev: false,
            sign_up: SignUpPolicy::Closed,
            admin_token: None,
        }
    }
}

/// What one client may take up (gateway-and-calls, section 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Time between two heartbeats of a client; one and a half times this without one closes with 4009.
    pub heartbeat_interval: Duration,
    /// A socket without a session and without Identify or Resume for this long is closed (4009). Libraries open the
    /// sockets of all shards at once and identify one after the other.
    pub identify_timeout: Duration,
    /// Messages of one connection within [`Self::message_window`], heartbeats included.
    pub messages: usize,
    /// How many of [`Self::messages`] only heartbeats may use.
    pub reserved_for_heartbeats: usize,
    /// The window that [`Self::messages`] counts over.
    pub message_window: Duration,
    /// Identifies of one bot token and shard bucket within [`Self::identify_window`].
    pub identifies: usize,
    /// The window that [`Self::identifies`] counts over.
    pub identify_window: Duration,
    /// Sessions that one bot may begin in a day (`session_start_limit`).
    pub session_starts: usize,
    /// How many shards of a bot may identify side by side (`max_concurrency`).
    pub max_concurrency: u64,
    /// Gateway sessions of one user account.
    pub user_sessions: usize,
    /// Guilds that one shard of a bot may hold before sharding is demanded.
    pub guilds_per_shard: usize,
    /// How long a session without a socket waits to be resumed.
    pub resume_window: Duration,
    /// Dispatches kept for a resume.
    pub replay_events: usize,
    /// Bytes of dispatches kept for a resume.
    pub replay_bytes: usize,
    /// How long a private call rings.
    pub ring_time: Duration,
    /// How long somebody may wait alone in a private call.
    pub alone_in_call: Duration,
    /// Viewers of one stream.
    pub stream_viewers: usize,
    /// Attempts to sign in from one address, and failed ones for one account, within [`Self::sign_in_window`].
    pub sign_ins: usize,
    /// The window that [`Self::sign_ins`] counts over.
    pub sign_in_window: Duration,
    /// Accounts that may be made from one address within [`Self::sign_up_window`].
    pub sign_ups: usize,
    /// The window that [`Self::sign_ups`] counts over.
    pub sign_up_window: Duration,
    /// Tokens of one account; signing in once more revokes the oldest.
    pub tokens: usize,
    /// The highest bitrate a voice channel may be given, in bit/s.
    pub max_bitrate: u32,
    /// Requests over REST; `None` counts none.
    pub rest: Option<RestLimits>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_millis(41_250),
            identify_timeout: Duration::from_secs(300),
            messages: 120,
            reserved_for_heartbeats: 5,
            message_window: Duration::from_secs(60),
            identifies: 1,
            identify_window: Duration::from_secs(5),
            session_starts: 1000,
            max_concurrency: 1,
            user_sessions: 50,
            guilds_per_shard: 2500,
            resume_window: Duration::from_secs(60),
            replay_events: 1000,
            replay_bytes: 4 << 20,
            ring_time: Duration::from_secs(30),
            alone_in_call: Duration::from_secs(300),
            stream_viewers: 50,
            sign_ins: 10,
            sign_in_window: Duration::from_secs(600),
            sign_ups: 5,
            sign_up_window: Duration::from_secs(3600),
            tokens: 100,
            max_bitrate: 384_000,
            rest: Some(RestLimits::strict()),
        }
    }
}

impl Limits {
    /// Limits for a development server: programs restart often and share tokens.
    #[must_use]
    pub fn dev() -> Self {
        Self {
            identifies: 1000,
            session_starts: 100_000,
            rest: Some(RestLimits::loose()),
            sign_ups: 1000,
            ..Self::default()
        }
    }
}

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// The time that they are counted over.
    pub per: Duration,
}

impl Rate {
    /// `requests` in `seconds`.
    #[must_use]
    pub const fn new(requests: u32, seconds: u64) -> Self {
        Self {
            requests,
            per: Duration::from_secs(seconds),
        }
    }

    /// `factor` times as many in the same time.
    pub(crate) const fn times(self, factor: u32) -> Self {
        Self {
            requests: self.requests.saturating_mul(factor),
            per: self.per,
        }
    }
}

/// What one client may ask for over REST. Each route has a rate of its own beside these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestLimits {
    /// Requests of one account, or from one address without a token.
    pub global: Rate,
    /// Requests from one address that end with 401, 403 or 429.
    pub refused: Rate,
    /// How many times its rate each route has.
    pub factor: u32,
}

impl RestLimits {
    /// Those that clients know.
    #[must_use]
    pub const fn strict() -> Self {
        Self {
            global: Rate::new(50, 1),
            refused: Rate::new(10_000, 600),
            factor: 1,
        }
    }

    /// Ten times as much: what a test suite does passes, what a loop without a brake does not.
    #[must_use]
    pub const fn loose() -> Self {
        let strict = Self::strict();
        Self {
            global: strict.global.times(10),
            refused: strict.refused.times(10),
            factor: 10,
        }
    }
}

//! Close codes of the main Gateway (gateway protocol, section 1).

use crate::naming::open_numbers;

open_numbers! {
    /// Why a main-Gateway socket was closed.
    GatewayCloseCode: u16 {
        /// Orderly end; from a client it ends the session.
        Normal = 1000 => "normal",
        /// The other side goes; from a client it ends the session.
        GoingAway = 1001 => "going away",
        /// The socket broke without a close frame; never sent, only observed.
        Abnormal = 1006 => "abnormal closure",
        /// Internal error, or taken over by a resume.
        UnknownError = 4000 => "unknown error",
        /// An opcode the server does not know, or not allowed for this account.
        UnknownOpcode = 4001 => "unknown opcode",
        /// Not JSON, too long, or wrong types.
        DecodeFailed = 4002 => "decode error",
        /// Something else came before Identify or Resume.
        NotAuthenticated = 4003 => "not authenticated",
        /// The token is wrong.
        AuthenticationFailed = 4004 => "authentication failed",
        /// A second Identify.
        AlreadyAuthenticated = 4005 => "already authenticated",
        /// Resume with a sequence number that was never sent.
        InvalidSeq = 4007 => "invalid seq",
        /// Too many messages.
        RateLimited = 4008 => "rate limited",
        /// Missed heartbeats.
        SessionTimedOut = 4009 => "session timed out",
        /// A shard that cannot be.
        InvalidShard = 4010 => "invalid shard",
        /// Too many guilds for one session.
        ShardingRequired = 4011 => "sharding required",
        /// A version or encoding the server does not speak.
        InvalidApiVersion = 4012 => "invalid API version",
        /// Intents that do not exist.
        InvalidIntents = 4013 => "invalid intents",
        /// Privileged intents that were not granted.
        DisallowedIntents = 4014 => "disallowed intents",
        /// Too many sessions of one user account.
        TooManySessions = 4015 => "too many sessions",
    }
}

/// What a client does after its socket was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GatewayCloseAction {
    /// Connect again and send Resume.
    Resume,
    /// Connect again and send Identify.
    NewSession,
    /// Stop: the same Identify fails again.
    Stop,
}

impl GatewayCloseCode {
    /// What a client does about this code, sent by a server.
    #[must_use]
    pub const fn action(self) -> GatewayCloseAction {
        match self {
            Self::AuthenticationFailed
            | Self::InvalidShard
            | Self::ShardingRequired
            | Self::InvalidApiVersion
            | Self::InvalidIntents
            | Self::DisallowedIntents
            | Self::TooManySessions => GatewayCloseAction::Stop,
            Self::InvalidSeq | Self::SessionTimedOut => GatewayCloseAction::NewSession,
            _ => GatewayCloseAction::Resume,
        }
    }

    /// Whether a Resume may follow, when a server sent this code.
    #[must_use]
    pub const fn may_resume(self) -> bool {
        matches!(self.action(), GatewayCloseAction::Resume)
    }

    /// Whether this code, sent by a client, ends its session at once.
    #[must_use]
    pub const fn ends_session(self) -> bool {
        matches!(self, Self::Normal | Self::GoingAway)
    }
}

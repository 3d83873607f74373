//! Close codes of the voice gateway and what a client does about them.

use crate::naming::open_numbers;

open_numbers! {
    /// Why a voice-gateway socket was closed (voice-gateway protocol, section 12).
    VoiceCloseCode: u16 {
        /// Orderly end.
        Normal = 1000 => "normal",
        /// The server is shutting down or being replaced.
        GoingAway = 1001 => "going away",
        /// The socket broke without a close frame; never sent, only observed.
        Abnormal = 1006 => "abnormal closure",
        /// An opcode the server does not know.
        UnknownOpcode = 4001 => "unknown opcode",
        /// Not JSON, or wrong types in Identify.
        DecodeFailed = 4002 => "failed to decode payload",
        /// Something else came before Identify or Resume.
        NotAuthenticated = 4003 => "not authenticated",
        /// The token is wrong, or not for this user and server.
        AuthenticationFailed = 4004 => "authentication failed",
        /// A second Identify.
        AlreadyAuthenticated = 4005 => "already authenticated",
        /// The session is unknown or over, or its token was superseded.
        SessionInvalid = 4006 => "session no longer valid",
        /// Missed heartbeats, or waited too long to identify.
        SessionTimeout = 4009 => "session timeout",
        /// There is no such server here.
        ServerNotFound = 4011 => "server not found",
        /// `protocol` of Select Protocol is unknown.
        UnknownProtocol = 4012 => "unknown protocol",
        /// The media process crashed.
        RtcWorkerCrashed = 4013 => "media worker crashed",
        /// This client was kicked or moved, or its main session is gone.
        Disconnected = 4014 => "disconnected",
        /// The voice server crashed.
        VoiceServerCrashed = 4015 => "voice server crashed",
        /// `mode` of Select Protocol was not on offer.
        UnknownEncryptionMode = 4016 => "unknown encryption mode",
        /// The room demands end-to-end encryption.
        DaveRequired = 4017 => "end-to-end encryption required",
        /// A malformed field in a known message.
        BadRequest = 4020 => "bad request",
        /// Too many messages or connections.
        RateLimited = 4021 => "rate limited",
        /// The call is over, the channel gone, or the voice server changed; for every client of the room.
        CallTerminated = 4022 => "disconnected, all clients",
    }
}

/// What a client does after its socket was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseAction {
    /// Open a new socket to the same endpoint and send Resume.
    Resume,
    /// Ask the main Gateway again (op 4) for a fresh token.
    Rejoin,
    /// Wait a few seconds for a VOICE_SERVER_UPDATE; without one, clean up.
    AwaitServerUpdate,
    /// Stop. Coming back with the same request fails again.
    Stop,
}

impl VoiceCloseCode {
    /// What a client does about this code.
    #[must_use]
    pub const fn action(self) -> CloseAction {
        match self {
            Self::RtcWorkerCrashed | Self::VoiceServerCrashed => CloseAction::Resume,
            Self::AuthenticationFailed | Self::SessionInvalid | Self::SessionTimeout => CloseAction::Rejoin,
            Self::Disconnected | Self::CallTerminated | Self::ServerNotFound => {
                CloseAction::AwaitServerUpdate
            }
            Self::Other(code) if code < 4000 => CloseAction::Resume,
            Self::Normal | Self::GoingAway | Self::Abnormal => CloseAction::Resume,
            _ => CloseAction::Stop,
        }
    }

    /// Whether a Resume may follow.
    #[must_use]
    pub const fn may_resume(self) -> bool {
        matches!(self.action(), CloseAction::Resume)
    }
}

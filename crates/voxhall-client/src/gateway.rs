//! A small client of the main Gateway: enough to log in, stay logged in, join voice and hear what happens.
//!
//! [`GatewayMachine`] is sans-IO like the voice connection's; `Gateway` drives it. What it does not do: sharding,
//! caches, presence.

mod driver;
mod inflate;
mod machine;
mod pace;
mod state;

pub(crate) use driver::News;
pub use driver::{Gateway, GatewayOptions};
pub use inflate::InflateError;
pub use machine::{GatewayConfig, GatewayInput, GatewayMachine, GatewayOutput};
pub use state::{GatewayReason, GatewayState};

use voxhall_protocol::gateway::{Capabilities, Intents};

/// The kind of account that logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// A bot, with the events it wants to hear.
    Bot(Intents),
    /// A person's account, with the forms of messages its client understands.
    User(Capabilities),
}

impl Account {
    /// A bot that wants what voice needs: guilds and voice states.
    pub const VOICE_BOT: Self = Self::Bot(Intents::VOICE);

    /// A person whose running calls are announced without being asked for.
    pub const CALLER: Self = Self::User(Capabilities::AUTO_CALL_CONNECT);

    /// The version of Gateway and REST that accounts of this kind use.
    #[must_use]
    pub const fn api_version(self) -> u8 {
        match self {
            Self::Bot(_) => 10,
            Self::User(_) => 9,
        }
    }
}

/// How the server's messages are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// One deflate stream for the whole connection; costs some 40 KiB of memory and saves three quarters of the bytes.
    ZlibStream,
}

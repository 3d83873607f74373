//! The control plane: main Gateway, REST, calls, permissions and the directory.
//!
//! [`Directory`] is what lasts: accounts, guilds, channels, permissions, in SQL with a whole copy in memory.
//! [`Control`] serves the main Gateway and REST over it and keeps the live state (who is in which room, on which
//! media node) on a [`Switchboard`](voxhall_switchboard::Switchboard). It opens no socket of its own: what it
//! serves is the [`axum::Router`] of [`Control::router`].
//!
//! A change of live state is one write to the switchboard with an expected revision; every event that a client
//! sees comes from *watching* that write. So the events of a join are told in the order in which its records were
//! written, by this process or any other.

mod attempts;
mod calls;
mod clock;
mod config;
mod control;
mod directory;
mod error;
mod gateway;
mod guilds;
mod interactions;
mod membership;
mod passwords;
mod permissions;
mod presence;
mod previews;
mod render;
mod rest;
mod wall;

pub mod dev;

pub use config::{ControlConfig, Limits, Rate, Region, RestLimits, SignUpPolicy};
pub use control::Control;
pub use directory::{
    Ban, Channel, Directory, Guild, GuildSettings, Location, Member, NewUser, Overwrite, OverwriteTarget,
    PrivateChannel, Role, Standing, User,
};
pub use error::Error;
pub use permissions::Permissions;
pub use rest::openapi;

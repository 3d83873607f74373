//! The whole system under test: servers as processes of their own, clients that use them.
//!
//! What stands in `tests/` is named for the behaviour it proves. `src/bin/judge/` runs the foreign clients of
//! `interop/`.

mod cable;
mod cli;
pub mod ffmpeg;
pub mod media;
mod server;
pub mod sound;
pub mod video;
pub mod wire;
mod witness;

use std::time::Duration;

pub use cable::Cable;
pub use cli::{Cli, run};
pub use server::{Account, Places, Server, World, program, wait_for_end};
pub use wire::{Incoming, Observer, Socket};
pub use witness::{Witness, assert_contains};

/// How long anything may take that should take no time, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

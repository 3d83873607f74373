//! The whole system under test: servers as processes of their own, clients that use them.
//!
//! What stands in `tests/` is named for the behaviour it proves. `src/bin/judge.rs` runs the foreign clients of
//! `interop/`.

mod server;

pub use server::{Account, Server, World, program, wait_for_end};

//! The connection to one voice gateway: a sans-IO machine, its states and reasons.

mod state;

pub use state::{ConnectionState, HandshakeStep, Reason};

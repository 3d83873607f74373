//! The media node: voice-gateway sessions and rooms over `voxhall-sfu`.
//!
//! [`core`] is the voice gateway as a state machine without I/O. [`Node`] drives it: a WebSocket task for each client,
//! the SFU workers, the watches on the switchboard, and one timer.
//!
//! What it does not know: the directory, permissions by name, the main Gateway. Who may connect stands in tickets on
//! the switchboard; what became of a connection is written there as links.

mod config;
pub mod core;
mod drops;
mod error;
mod follow;
mod links;
mod node;
mod registration;
mod shared;
mod socket;

pub use config::{Limits, NodeConfig};
pub use error::Error;
pub use node::{Node, NodeStats};

//! The media node: voice-gateway sessions and rooms over `voxhall-sfu`.

mod config;
mod error;
mod node;
mod registration;

pub use config::{Limits, NodeConfig};
pub use error::Error;
pub use node::{Node, NodeStats};

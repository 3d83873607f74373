//! Looking at exchanges: notes and logs printed by name, and notes held against a live server.

mod actor;
mod check;
mod compare;
mod log;
mod private;
mod socket;
mod voice;

pub use check::Check;
pub use log::{WireLine, print_log, print_notes};
pub use private::PrivateServer;

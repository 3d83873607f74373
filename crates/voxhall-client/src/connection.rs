//! The connection to one voice gateway: a sans-IO machine, its states and their reasons.
//!
//! [`ConnectionMachine`] knows when to join, dial, identify, discover, select, resume, come back and give up. It owns
//! no socket and no clock, and draws chance from the generator it is given; `VoiceConnection` drives it.

mod handshake;
mod io;
mod joining;
mod liveness;
mod machine;
mod modes;
mod recovery;
mod roster;
mod session;
mod state;
mod timer;
mod video;

pub use io::{
    Input, LayerSources, MachineConfig, MediaSession, Output, Room, RosterChange, SourceKind, StreamRoom,
};
pub use machine::ConnectionMachine;
pub use state::{ConnectionState, HandshakeStep, Reason};

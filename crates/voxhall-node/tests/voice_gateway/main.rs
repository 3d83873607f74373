//! The voice gateway in virtual time, one file for each thing it promises.

mod broadcast;
mod close_codes;
mod early_identify;
mod faults;
mod handshake;
mod hostile;
mod invariants;
mod resume;
mod streams;
mod tickets;
mod transcript;
mod wants;
mod webrtc;
mod workers;
mod world;

//! Stories of one voice connection and its servers, in virtual time.

mod close_codes;
mod discovery;
mod handshake;
mod heartbeat;
mod hostile_input;
mod joining;
mod migration;
mod resume;
mod rough_network;
mod speaking;
mod story;
mod streams;
mod video;

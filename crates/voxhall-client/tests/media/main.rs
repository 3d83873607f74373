//! Media through real sockets on loopback, against a scripted voice server: tracks in, voices out.

mod receiving;
mod sending;
mod server;

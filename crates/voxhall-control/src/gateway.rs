//! The main Gateway: sessions, their sockets, and what is said over them.
//!
//! [`connection`] is one socket and [`session`] what outlives it, both without I/O; [`hub`] knows all sessions;
//! [`driver`] gives a connection its socket and its clock.

pub(crate) mod announce;
pub(crate) mod commands;
pub(crate) mod compression;
pub(crate) mod connection;
pub(crate) mod driver;
pub(crate) mod faults;
pub(crate) mod hub;
pub(crate) mod limit;
pub(crate) mod login;
pub(crate) mod member_list;
pub(crate) mod members;
pub(crate) mod outgoing;
pub(crate) mod ready;
pub(crate) mod session;
pub(crate) mod socket;
mod streams;

//! Stories of a client and the main Gateway, in virtual time.
#![cfg(feature = "gateway")]

mod compression;
mod login;
mod rate_limit;
mod recovery;
mod story;
mod streams;

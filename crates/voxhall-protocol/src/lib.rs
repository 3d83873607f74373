//! The messages of the main Gateway, the voice gateway and REST as types; knows the wire, holds no state.

mod describe;
mod naming;
mod scalar;
#[cfg(feature = "schema")]
mod schema;

pub mod capture;
pub mod discovery;
pub mod extra;
pub mod gateway;
pub mod ids;
pub mod model;
pub mod nullable;
pub mod ping;
pub mod rest;
pub mod sdp;
pub mod secret;
pub mod voice;

pub use extra::Extra;
pub use nullable::Nullable;
pub use secret::{Password, Secret, Token};

//! The SDP fragments that WebRTC clients and the server exchange inside Select Protocol and Session Description
//! (media transport, sections 10.2 and 10.3). Neither is an SDP; they are lists of lines.

mod attribute;
mod client;
mod server;

pub use attribute::{ExtensionMap, ExtensionScope, Fingerprint, RtpMap, SdpError};
pub use client::ClientFragment;
pub use server::ServerFragment;

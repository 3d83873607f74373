//! The TCP edge: TLS and plain text on one port, the local certificate authority, HTTP serving.
//!
//! [`Identity`] is what the server shows in TLS handshakes, from files or from a local authority that is made on
//! first start. [`Listener`] accepts connections, tells TLS from plain text by the first byte, and serves
//! [`Sites`]: one `axum::Router`, or several told apart by `Host`. Every request carries a [`Peer`] extension, and
//! axum's `ConnectInfo` with the same address.
//!
//! ```no_run
//! # async fn run() -> Result<(), voxhall_edge::Error> {
//! use voxhall_edge::{Identity, Limits, Listener, LocalAuthority, Sites};
//!
//! let authority = LocalAuthority::open("state".as_ref(), std::time::SystemTime::now())?;
//! let identity = authority.identity(&["voice.lan".to_owned()], std::time::SystemTime::now())?;
//! let listener = Listener::bind("127.0.0.1:8443".parse().expect("an address"), &identity, Limits::default()).await?;
//! let router = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
//! listener.serve(Sites::new(router), std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: HTTP/2, and anything that knows the protocol served over it.

mod authority;
mod connection;
mod error;
pub mod file;
mod identity;
mod listener;
mod sites;
mod unread;
mod wire;

pub use authority::LocalAuthority;
pub use error::Error;
pub use identity::Identity;
pub use listener::{Limits, Listener, Peer};
pub use sites::Sites;

//! The voice client: [`VoiceClient`] keeps one [`VoiceConnection`] per guild, call or stream; tracks go in, voices come out.
//!
//! It speaks the Discord voice protocol (versions 4 to 9, over UDP, all encryption modes) to Voxhall or to any other
//! server of that protocol.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use voxhall_client::{ClientConfig, Trust, VoiceClient};
//! use voxhall_protocol::ids::{ChannelId, GuildId};
//!
//! let config = ClientConfig::bot("https://localhost:8443/api", "token").with_trust(Trust::CaFile("ca.pem".into()));
//! let client = VoiceClient::login(config).await?;
//! let connection = client.join(GuildId(934828556603764816), ChannelId(934828556603764821)).await?;
//! let track = connection.play(voxhall_media::source::open("music.opus", Default::default())?);
//! let mut voices = connection.packets(100);
//! tokio::select! {
//!     end = track.finished() => println!("{end:?}"),
//!     packet = voices.recv() => println!("somebody speaks: {packet:?}"),
//! }
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Two halves
//!
//! The half that talks to the main Gateway ([`VoiceClient`], [`gateway`], [`rest`]) and the half that drives a call
//! ([`VoiceConnection`]) stand alone. A program that has a Gateway library of its own makes connections with
//! [`VoiceConnection::connect`], or with [`VoiceConnection::idle`] if op 4 shall be sent for it.
//!
//! # How it is built
//!
//! Both connections are sans-IO machines ([`connection::ConnectionMachine`], [`gateway::GatewayMachine`]): inputs and
//! the time in, outputs and the next deadline out. One task each gives them a socket. Every state can be watched, with
//! its reason.
//!
//! Media never touch a task: one thread of the [`MediaEngine`] paces what all connections send, one receives for all,
//! and up to four read tracks ahead and encode. Their number does not grow with the number of connections.
//!
//! # Streams
//!
//! A Go Live stream is one more [`VoiceConnection`], beside that of the room in which it is shown: `VoiceClient::go_live`
//! begins one, `VoiceClient::watch` takes part in somebody's, `VoiceClient::watch_when_live` waits for it to begin.
//! Programs with a Gateway library of their own name [`Room::Stream`] in a [`ConnectionInfo`].
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `gateway` | yes | `VoiceClient`, the main Gateway and REST |
//! | `opus-codec` | yes | voices as PCM, tracks that are encoded, volume |
//!
//! # Not here
//!
//! Encoding and decoding of video, end-to-end encryption (DAVE version 0 is announced), WebRTC, sharding.

mod backoff;
#[cfg(feature = "gateway")]
mod client;
pub mod connection;
mod engine;
mod error;
#[cfg(feature = "gateway")]
pub mod gateway;
mod net;
#[cfg(feature = "gateway")]
pub mod rest;
mod subscription;
pub mod track;
mod trust;
pub mod video;
mod voice;
pub mod voices;

pub use backoff::BackoffPolicy;
#[cfg(feature = "gateway")]
pub use client::{ClientConfig, Ring, VoiceClient};
pub use connection::{ConnectionState, Reason, Room, StreamRoom};
pub use engine::{EngineStatistics, LinkStatistics, MediaEngine};
pub use error::Error;
#[cfg(feature = "gateway")]
pub use gateway::{Account, Compression};
pub use net::{Address, BadAddress};
#[cfg(feature = "gateway")]
pub use rest::Rest;
pub use subscription::Subscription;
pub use track::{TrackHandle, TrackState};
pub use trust::Trust;
pub use video::{VideoFrame, VideoInput, VideoOptions, VideoTrackHandle, VideoWants};
pub use voice::{ConnectionConfig, ConnectionInfo, GatewayRequest, MovieHandle, Statistics, VoiceConnection};
pub use voices::{OpusPacket, SpeakingChange};
#[cfg(feature = "opus-codec")]
pub use voices::{SpeakerPcm, VoiceTick};

//! The voice client: [`VoiceClient`], one [`VoiceConnection`] per guild or call, tracks in, voices out.
//!
//! What the handles offer (all `Clone`, all usable from any task):
//!
//! ```text
//! VoiceClient::login(ClientConfig::bot(api, token)).await? -> VoiceClient      (feature `gateway`)
//!     .user() -> &CurrentUser            .rest() -> &Rest
//!     .events(capacity) -> Subscription<Arc<GatewayEvent>>
//!     .join(GuildId, ChannelId).await? -> VoiceConnection      (returns once connected)
//!     .call(ChannelId, Ring).await? -> VoiceConnection         (private call, rings the others)
//!     .answer(ChannelId).await? / .decline(ChannelId).await?
//!     .private_channel(UserId).await? -> ChannelId
//!     .connection(Room) -> Option<VoiceConnection>
//!     .close().await
//! VoiceConnection::connect(ConnectionInfo, ConnectionConfig)? -> VoiceConnection   (any other Gateway library)
//!     .state() -> ConnectionState        .watch() -> watch::Receiver<ConnectionState>
//!     .connected().await?                .ended().await -> Reason
//!     .play(Box<dyn AudioSource>) -> TrackHandle    .enqueue(..)    .skip()    .stop()
//!     .packets(capacity) -> Subscription<OpusPacket>
//!     .speaking(capacity) -> Subscription<SpeakingChange>
//!     .pcm(capacity) -> Subscription<VoiceTick>                (feature `opus-codec`)
//!     .participants() -> Vec<UserId>     .statistics() -> Statistics
//!     .move_to(ChannelId).await?         .leave().await
//! TrackHandle: .pause() .resume() .stop() .state() .watch() .finished().await .position() .underruns()
//! Trust::{System, CaFile(path), Certificates(der)}     MediaEngine::shared()? / MediaEngine::start()?
//! ```

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
mod voice;
pub mod voices;

pub use backoff::BackoffPolicy;
#[cfg(feature = "gateway")]
pub use client::{ClientConfig, Ring, VoiceClient};
pub use connection::{ConnectionState, Reason, Room};
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
pub use voice::{ConnectionConfig, ConnectionInfo, GatewayRequest, Statistics, VoiceConnection};
pub use voices::{OpusPacket, SpeakingChange};
#[cfg(feature = "opus-codec")]
pub use voices::{SpeakerPcm, VoiceTick};

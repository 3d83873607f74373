//! Everything that can go wrong in this crate.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use voxhall_protocol::gateway::{StreamDeleteReason, StreamKey};
use voxhall_protocol::ids::{ChannelId, GuildId};

use crate::connection::Reason;
use crate::net::BadAddress;

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be dialled as written.
    #[error("the address cannot be used: {0}")]
    BadAddress(#[from] BadAddress),
    /// Nobody answers there.
    #[error("{address} cannot be reached ({source}); is the server running, and is the address right?")]
    Unreachable {
        /// `host:port` that was tried.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The server's certificate is not trusted.
    #[error(
        "{address} shows a certificate that is not trusted ({reason}); if it is your own server, pass its CA file \
         (`Trust::CaFile`, on the command line `--ca FILE`)"
    )]
    NotTrusted {
        /// `host:port` that was tried.
        address: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The server answered, but opens no WebSocket there.
    #[error("{address} refuses to open a WebSocket (HTTP {status}); is this the address of a gateway?")]
    UpgradeRefused {
        /// `host:port` that was tried.
        address: String,
        /// The HTTP status it answered with.
        status: u16,
    },
    /// The file with the trusted authorities cannot be used.
    #[error("the CA file {} cannot be used: {reason}; it must hold PEM certificates", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to check certificates against.
    #[error("no certificate authority can be used ({0}); pass one with `Trust::CaFile`")]
    NoTrust(String),
    /// The token belongs to nobody.
    #[error(
        "the server does not accept the token; copy it again, and check that it is a bot's or a user's as stated"
    )]
    WrongToken,
    /// The main Gateway ended the session for good.
    #[error("the main Gateway closed the connection: {reason}; {advice}")]
    GatewayClosed {
        /// The close code by name.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A bot was to take part in a private call.
    #[error("bots cannot take part in private calls; log in as a person")]
    PersonOnly,
    /// The main Gateway's client was closed, here, or for good by the server.
    #[error("the main Gateway client is closed; make a new one")]
    GatewayGone,
    /// The server said nothing at the login.
    #[error("the main Gateway did not finish the login within {} s; try again", waited.as_secs())]
    LoginTimeout {
        /// How long it was given.
        waited: Duration,
    },
    /// The account is in no such guild.
    #[error("this account is not in guild {guild}; check the id, or have the account invited")]
    UnknownGuild {
        /// The guild that was named.
        guild: GuildId,
    },
    /// The guild has no such channel, or hides it from the account.
    #[error(
        "guild {guild} has no channel {channel} that this account may see; check the id and VIEW_CHANNEL"
    )]
    UnknownChannel {
        /// The guild that was named.
        guild: GuildId,
        /// The channel that was named.
        channel: ChannelId,
    },
    /// Op 4 was not answered. The protocol has no refusals: silence is one.
    #[error(
        "no answer from the server within {} s: channel {channel} may be full or unknown, or you may lack CONNECT",
        waited.as_secs()
    )]
    NoAnswer {
        /// The channel that was to be joined.
        channel: ChannelId,
        /// How long it was given.
        waited: Duration,
    },
    /// Streams are begun and watched by those who are connected to the room.
    #[error("this account is not connected to the room of the stream; join it first")]
    NotInRoom,
    /// The server gives no stream.
    #[error("stream {stream} was refused ({reason}); {advice}")]
    StreamRefused {
        /// Which.
        stream: StreamKey,
        /// As the server says it.
        reason: StreamDeleteReason,
        /// What to do about it.
        advice: &'static str,
    },
    /// The voice connection has ended for good.
    #[error("the voice connection has ended: {0}")]
    Ended(Reason),
    /// A REST request was refused.
    #[error("{request} was refused: {message} (HTTP {status}, code {code}); {advice}")]
    Refused {
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The code of the JSON error body; 0 without one.
        code: u32,
        /// The message of the JSON error body.
        message: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A REST answer is not what the protocol says.
    #[error(
        "{request} was answered with something that is not this protocol ({reason}); is the address right?"
    )]
    BadAnswer {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The media threads cannot be started or a UDP socket not be opened.
    #[error(
        "the media engine cannot get what it needs from the system: {0}; look at the limit of open files"
    )]
    System(#[source] io::Error),
    /// The track's packets pass through untouched.
    #[error("the volume of this track is fixed; begin it with `play_adjustable`")]
    FixedVolume,
    /// The connection was made without saying that it shows pictures.
    #[error(
        "this connection shows no pictures; give its configuration `VideoOptions` with something to show"
    )]
    ShowsNothing,
    /// Pictures were handed over for a track that is over.
    #[error("the pictures are not shown any more; begin to show anew")]
    VideoOver,
    /// What was to be played cannot be.
    #[error(transparent)]
    Media(#[from] voxhall_media::Error),
}

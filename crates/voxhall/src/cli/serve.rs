//! `voxhall serve`: the server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;
use voxhall_control::{Location, RestLimits, SignUpPolicy};

use super::media_address::{self, MediaAddress};
use super::welcome;
use crate::demo;
use crate::output;
use crate::settings::Settings;
use crate::state::DEFAULT_FOLDER;
use crate::stop::StopSignals;
use crate::wiring::Server;

/// Run the server: main Gateway, REST, voice gateway and media in one process
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall serve --dev --demo
  voxhall serve --listen 0.0.0.0:8443 --voice-listen 0.0.0.0:8444 --media-address 192.0.2.7 --public-host voice.example.org")]
pub struct Args {
    /// The world of the captures, ready to use; any unknown token logs in as a new bot; writes dev.json
    #[arg(long)]
    dev: bool,

    /// A bot that plays generated music in the second voice channel (needs --dev)
    #[arg(long, requires = "dev")]
    demo: bool,

    /// Who may make an account [default: closed; with --dev: open]
    #[arg(long, value_name = "POLICY")]
    sign_up: Option<SignUp>,

    /// The folder for everything that lasts
    #[arg(long, value_name = "DIR", env = "VOXHALL_STATE", default_value = DEFAULT_FOLDER)]
    state: PathBuf,

    /// The database: a file of SQLite, or postgres://USER:PASSWORD@HOST:PORT/DATABASE [default: directory.db in the state folder]
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "VOXHALL_DATABASE",
        hide_env_values = true
    )]
    database: Option<Location>,

    /// Where main Gateway and REST listen, TLS and plain text alike; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,

    /// Where the voice gateway listens; may be the same as --listen if --voice-host is given
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8444")]
    voice_listen: SocketAddr,

    /// The first UDP port for media, one more for each further worker; 0 picks free ones
    #[arg(long, value_name = "PORT", default_value_t = 50_000)]
    media_port: u16,

    /// Take browsers over UDP alone: by default the media ports are opened for TCP too, for networks that block UDP
    #[arg(long)]
    no_media_tcp: bool,

    /// Where clients are told to send media, or "auto" for the address with which this machine goes out; may be repeated, the first is the one in Ready
    #[arg(long = "media-address", value_name = "IP", default_values_t = [MediaAddress::Fixed(IpAddr::V4(Ipv4Addr::LOCALHOST))])]
    media_addresses: Vec<MediaAddress>,

    /// Threads that forward media [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// How long a client that vanished may come back before everyone is told that it left
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    resume_window: u64,

    /// How long a private call rings before it counts as not answered
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    ring_time: u64,

    /// How many may watch one Go Live stream
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    stream_viewers: u32,

    /// Write every message of both gateways to this file, secrets taken out; `voxhall inspect` reads it
    #[arg(long, value_name = "FILE")]
    wire_log: Option<PathBuf>,
    /// How often clients are told to send heartbeats, so that a missing one shows soon (needs --dev) [default: 41250, and 13750 for voice]
    #[arg(long, value_name = "MS", requires = "dev", value_parser = clap::value_parser!(u64).range(500..=60_000))]
    heartbeat_interval: Option<u64>,

    /// The host name clients are told for main Gateway and REST
    #[arg(long, value_name = "NAME")]
    public_host: Option<String>,

    /// The host name clients are told for the voice gateway [default: that of --public-host]
    #[arg(long, value_name = "NAME")]
    voice_host: Option<String>,

    /// A certificate chain in PEM form, instead of one of the local authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of --tls-cert
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Offer the six historic encryption modes as well (implied by --dev)
    #[arg(long)]
    legacy_modes: bool,

    /// Serve voice-gateway versions 1 to 3 as well (implied by --dev)
    #[arg(long)]
    legacy_versions: bool,

    /// How many REST requests of one account, address or route are heard before 429 [default: strict; loose with --dev]
    #[arg(long, value_name = "HOW")]
    rest_limits: Option<Strictness>,
}

/// How REST requests are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Strictness {
    /// As Discord does
    Strict,
    /// Ten times as many
    Loose,
    /// Not at all
    Off,
}

impl Strictness {
    fn limits(self) -> Option<RestLimits> {
        match self {
            Self::Strict => Some(RestLimits::strict()),
            Self::Loose => Some(RestLimits::loose()),
            Self::Off => None,
        }
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SignUp {
    /// Everybody
    Open,
    /// Whoever has an invite: one of `voxhall invite create`, or one to a guild
    Invite,
    /// Nobody; accounts are made with `voxhall user create`
    Closed,
}

impl From<SignUp> for SignUpPolicy {
    fn from(policy: SignUp) -> Self {
        match policy {
            SignUp::Open => Self::Open,
            SignUp::Invite => Self::Invite,
            SignUp::Closed => Self::Closed,
        }
    }
}

impl Args {
    /// Where every message is to be written down.
    pub fn wire_log(&self) -> Option<&Path> {
        self.wire_log.as_deref()
    }

    /// Serves until the process is asked to stop.
    pub async fn run(self) -> Result<()> {
        let mut signals = StopSignals::listen()?;
        let settings = self.settings()?;
        let mut server = tokio::select! {
            started = Server::start(&settings) => started?,
            () = signals.received() => return Ok(()),
        };
        let demo = server.world.as_ref().filter(|_| self.demo).and_then(|world| {
            let channel = world.voice_channels.last()?;
            Some(demo::start(&server.file, world.guild_id, *channel))
        });
        // A server does not end because nobody can read what it says.
        let _ = output::print(&welcome::text(&server, &settings.state));
        signals.received().await;
        if let Some(demo) = demo {
            demo.abort();
        }
        let _ = output::line("Stopping: telling every session. Ask again to stop at once.");
        tokio::select! {
            () = server.stop() => Ok(()),
            () = signals.received() => bail!("stopped before every session was told"),
        }
    }

    fn strictness(&self) -> Strictness {
        self.rest_limits.unwrap_or(if self.dev {
            Strictness::Loose
        } else {
            Strictness::Strict
        })
    }

    fn settings(&self) -> Result<Settings> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Settings {
            state: self.state.clone(),
            database: self
                .database
                .clone()
                .unwrap_or_else(|| self.state.join("directory.db").into()),
            listen: self.listen,
            voice_listen: self.voice_listen,
            media_port: self.media_port,
            media_tcp: !self.no_media_tcp,
            media_addresses: media_address::resolve(&self.media_addresses)?,
            workers: self.workers.map_or(cores, usize::from),
            resume_window: Duration::from_secs(self.resume_window),
            ring_time: Duration::from_secs(self.ring_time),
            stream_viewers: self.stream_viewers as usize,
            heartbeat_interval: self.heartbeat_interval.map(Duration::from_millis),
            public_host: self.public_host.clone(),
            voice_host: self.voice_host.clone(),
            tls: self.tls_cert.clone().zip(self.tls_key.clone()),
            legacy_modes: self.legacy_modes || self.dev,
            legacy_versions: self.legacy_versions || self.dev,
            rest_limits: self.strictness().limits(),
            sign_up: self.sign_up.map_or(
                if self.dev {
                    SignUpPolicy::Open
                } else {
                    SignUpPolicy::Closed
                },
                SignUpPolicy::from,
            ),
            dev: self.dev,
        })
    }
}

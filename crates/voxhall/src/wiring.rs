//! Puts a server together: edge, control plane, media node and stores in one process, and takes it apart again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::watch;
use tokio::task::JoinSet;
use voxhall_control::dev::{self, DevWorld};
use voxhall_control::{Control, ControlConfig, Directory, Region};
use voxhall_edge::{Identity, Limits, Listener, LocalAuthority, Sites};
use voxhall_live::NodeId;
use voxhall_node::{Node, NodeConfig};
use voxhall_protocol::Token;
use voxhall_switchboard::{MemorySwitchboard, Switchboard};

use crate::page;
use crate::settings::Settings;
use crate::state::{self, DevFile, ServerFile};

/// How long a stopping node may take to tell its sessions.
const DRAIN: Duration = Duration::from_secs(5);

/// A server that runs.
pub struct Server {
    /// Where it is reached.
    pub file: ServerFile,
    /// The world of the captures, in a development server.
    pub world: Option<DevWorld>,
    /// The local authority was made by this start: no client trusts it yet.
    pub authority_is_new: bool,
    control: Arc<Control>,
    node: Arc<Node>,
    phase: watch::Sender<Phase>,
    listeners: JoinSet<()>,
}

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Takes nothing new and tells its sessions.
    Draining,
    /// Closes its ports.
    Stopped,
}

impl Server {
    /// Starts a server; when this returns, it answers on all its ports and its files are written.
    pub async fn start(settings: &Settings) -> Result<Self> {
        settings.check()?;
        std::fs::create_dir_all(&settings.state).with_context(|| {
            format!(
                "cannot make the state folder {}; choose another with --state",
                settings.state.display()
            )
        })?;
        let (identity, authority) = identity(settings)?;
        let doors = Doors::open(settings, &identity).await?;
        // Not before the ports are ours: the file of a server that runs must stay.
        DevFile::remove(&settings.state)?;
        let board: Arc<dyn Switchboard> = Arc::new(MemorySwitchboard::new());
        let directory = Arc::new(Directory::open(settings.database.clone()).await?);
        let world = if settings.dev {
            Some(dev::seed(&directory).await?)
        } else {
            None
        };
        let node = Node::start(node_config(settings, &doors), board.clone()).await?;
        let admin_token = state::admin_token(&settings.state)?;
        let control =
            Control::start(control_config(settings, &doors, &admin_token), directory, board).await?;
        let file = ServerFile {
            api: format!("https://{}/api", doors.api_authority(settings)),
            gateway: format!("wss://{}", doors.api_authority(settings)),
            ca: authority.as_ref().map(LocalAuthority::certificate_file),
            voice_endpoint: doors.voice_authority(settings),
            media: media(settings, &node),
            admin_token,
        };
        let (phase, phases) = watch::channel(Phase::Serving);
        let mut server = Self {
            file,
            world,
            authority_is_new: authority.is_some_and(|authority| authority.is_new()),
            listeners: doors.serve(settings, &control, &node, &phases),
            control,
            node,
            phase,
        };
        if let Err(error) = server.write_files(settings) {
            server.stop().await;
            return Err(error);
        }
        Ok(server)
    }

    fn write_files(&self, settings: &Settings) -> Result<()> {
        self.file.write(&settings.state)?;
        match &self.world {
            Some(world) => DevFile::new(&self.file, world).write(&settings.state),
            None => Ok(()),
        }
    }

    /// Tells every session that the server goes, then closes the ports.
    pub async fn stop(&mut self) {
        let _ = self.phase.send(Phase::Draining);
        self.control.drain();
        if tokio::time::timeout(DRAIN, self.node.drain()).await.is_err() {
            tracing::warn!("some voice sessions could not be told in time");
        }
        let _ = self.phase.send(Phase::Stopped);
        while self.listeners.join_next().await.is_some() {}
    }
}

/// The TCP ports.
struct Doors {
    api: Listener,
    /// `None` if the voice gateway shares the port.
    voice: Option<Listener>,
}

impl Doors {
    async fn open(settings: &Settings, identity: &Identity) -> Result<Self> {
        let api = Listener::bind(settings.listen, identity, Limits::default()).await?;
        let voice = if settings.shares_port() {
            None
        } else {
            Some(Listener::bind(settings.voice_listen, identity, Limits::default()).await?)
        };
        Ok(Self { api, voice })
    }

    fn api_authority(&self, settings: &Settings) -> String {
        format!("{}:{}", settings.api_host(), self.api.address().port())
    }

    fn voice_authority(&self, settings: &Settings) -> String {
        let listener = self.voice.as_ref().unwrap_or(&self.api);
        format!("{}:{}", settings.voice_gateway_host(), listener.address().port())
    }

    fn serve(
        self,
        settings: &Settings,
        control: &Arc<Control>,
        node: &Arc<Node>,
        phases: &watch::Receiver<Phase>,
    ) -> JoinSet<()> {
        let control = with_health(page::on_top_of(control.router()), phases);
        let voice = with_health(node.router(), phases);
        let mut listeners = JoinSet::new();
        match self.voice {
            Some(listener) => {
                listeners.spawn(listener.serve(Sites::new(voice), stopped(phases.clone())));
                listeners.spawn(self.api.serve(Sites::new(control), stopped(phases.clone())));
            }
            None => {
                let sites = Sites::new(control).with_host(&settings.voice_gateway_host(), voice);
                listeners.spawn(self.api.serve(sites, stopped(phases.clone())));
            }
        }
        listeners
    }
}

async fn stopped(mut phases: watch::Receiver<Phase>) {
    // An error means that the server is gone, which is a stop as well.
    let _ = phases.wait_for(|phase| *phase == Phase::Stopped).await;
}

/// `/healthz` says that the process lives, `/readyz` that it takes new sessions.
fn with_health(router: Router, phases: &watch::Receiver<Phase>) -> Router {
    let phases = phases.clone();
    let ready = move || async move {
        match *phases.borrow() {
            Phase::Serving => (StatusCode::OK, "ready\n"),
            Phase::Draining | Phase::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        }
    };
    router
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
}

fn identity(settings: &Settings) -> Result<(Identity, Option<LocalAuthority>)> {
    if let Some((certificate, key)) = &settings.tls {
        return Ok((Identity::from_files(certificate, key)?, None));
    }
    let folder = absolute(&settings.state)?;
    let now = SystemTime::now();
    let authority = LocalAuthority::open(&folder, now)?;
    Ok((authority.identity(&settings.names(), now)?, Some(authority)))
}

/// `ca` in the files must be usable from every folder.
fn absolute(folder: &std::path::Path) -> Result<PathBuf> {
    std::path::absolute(folder).with_context(|| format!("cannot tell where {} is", folder.display()))
}

fn node_config(settings: &Settings, doors: &Doors) -> NodeConfig {
    let mut limits = voxhall_node::Limits {
        resume_window: settings.resume_window,
        ..voxhall_node::Limits::default()
    };
    if let Some(interval) = settings.heartbeat_interval {
        limits.heartbeat_timeout = limits
            .heartbeat_timeout
            .mul_f64(interval.div_duration_f64(limits.heartbeat_interval));
        limits.heartbeat_interval = interval;
    }
    NodeConfig {
        limits,
        region: dev::REGION.to_owned(),
        media_addresses: settings.media_addresses.clone(),
        media_bind: settings.media_bind(),
        media_port: settings.media_port,
        media_tcp: settings.media_tcp,
        workers: settings.workers,
        legacy_modes: settings.legacy_modes,
        legacy_versions: settings.legacy_versions,
        ..NodeConfig::new(NodeId("local".to_owned()), doors.voice_authority(settings))
    }
}

fn control_config(settings: &Settings, doors: &Doors, admin_token: &Token) -> ControlConfig {
    let limits = if settings.dev {
        voxhall_control::Limits::dev()
    } else {
        voxhall_control::Limits::default()
    };
    ControlConfig {
        // Without a name of its own, each client is told the host it already reached.
        public_api: settings
            .public_host
            .as_ref()
            .map(|_| format!("https://{}", doors.api_authority(settings))),
        regions: vec![Region {
            id: dev::REGION.to_owned(),
            name: "Rotterdam".to_owned(),
        }],
        limits: voxhall_control::Limits {
            resume_window: settings.resume_window,
            heartbeat_interval: settings.heartbeat_interval.unwrap_or(limits.heartbeat_interval),
            ring_time: settings.ring_time,
            stream_viewers: settings.stream_viewers,
            rest: settings.rest_limits,
            ..limits
        },
        dev: settings.dev,
        sign_up: settings.sign_up,
        admin_token: Some(admin_token.clone()),
    }
}

fn media(settings: &Settings, node: &Node) -> Vec<SocketAddr> {
    let ports = node.media_ports();
    let of_address = |address| ports.iter().map(move |port| SocketAddr::new(address, *port));
    settings
        .media_addresses
        .iter()
        .copied()
        .flat_map(of_address)
        .collect()
}

//! Sockets cut in the middle of everything: the client comes back, media go on, and nobody else notices.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::mpsc;
use voxhall_client::gateway::GatewayState;
use voxhall_client::{
    ClientConfig, ConnectionConfig, ConnectionState, Room, Trust, VoiceClient, VoiceConnection,
};
use voxhall_protocol::gateway::Event;
use voxhall_protocol::ids::ChannelId;
use voxhall_protocol::voice::VoiceOpcode;
use voxhall_system::sound::{Listener, Numbered};
use voxhall_system::{Cable, Observer, PATIENCE, Server, Witness, World};

/// Long enough for an event that should not be.
const A_WHILE: Duration = Duration::from_millis(300);
/// What the voice gateway says up to Session Description, in reads: upgrade, Hello, Ready, Session Description.
const HANDSHAKE_READS: usize = 4;

/// A server, and a bot that hears a room.
struct Hall {
    server: Server,
    channel: ChannelId,
    listener: VoiceClient,
    listening: VoiceConnection,
}

impl Hall {
    async fn open() -> Result<Self> {
        let server = Server::start()?;
        let channel = server.world.voice_channels[0];
        let listener = server.world.login_bot(0).await?;
        let listening = listener.join(server.world.guild_id, channel).await?;
        Ok(Self {
            server,
            channel,
            listener,
            listening,
        })
    }

    /// What is heard of a client.
    fn hears(&self, client: &VoiceClient) -> Listener {
        Listener::to(&self.listening, client.user().id)
    }
}

/// Checks that what is played goes on for a while, without a gap.
async fn goes_on(heard: &mut Listener) {
    let until = heard.last() + 10;
    heard.catch_up(until).await;
}

/// A bot whose voice socket is led through a cable. Any token is a bot of the development world.
async fn log_in(world: &World, token: &str) -> Result<(VoiceClient, ConnectionConfig)> {
    let trust = Trust::CaFile(world.ca.clone());
    let mut voice = ConnectionConfig::new(&trust)?;
    // In plain text, a read is a message.
    voice.secure = false;
    let config = ClientConfig::bot(&world.api, token).with_trust(trust);
    Ok((VoiceClient::login(config).await?, voice))
}

/// Joins as `VoiceClient::join` does, but dials `endpoint` whatever the server names.
fn join_by_way_of(
    client: &VoiceClient,
    world: &World,
    channel: ChannelId,
    config: ConnectionConfig,
    endpoint: String,
) -> VoiceConnection {
    let (requests, mut asked) = mpsc::unbounded_channel();
    let own = client.user().id;
    let connection = VoiceConnection::idle(own, Room::Guild(world.guild_id), config, Some(requests));
    let (mut events, gateway, fed) = (client.events(256), client.gateway().clone(), connection.clone());
    let feed = move |event: Arc<Event>| match &*event {
        Event::VoiceStateUpdate(state) if state.user_id == own => {
            fed.voice_state(state.session_id.clone(), state.channel_id);
        }
        Event::VoiceServerUpdate(update) => fed.voice_server(update.token.clone(), Some(endpoint.clone())),
        _ => {}
    };
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(request) = asked.recv() => gateway.send(request.into()),
                Some(event) = events.recv() => feed(event),
                else => break,
            }
        }
    });
    connection.join(channel);
    connection
}

async fn until(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let begin = Instant::now();
    while !is_so() {
        ensure!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_step_of_the_voice_handshake() -> Result<()> {
    let hall = Hall::open().await?;
    let (world, voice) = (&hall.server.world, hall.server.places()?.voice_endpoint);
    let mut kept = Vec::new();
    for reads in 0..=HANDSHAKE_READS {
        let cable = Cable::breaking_after(&voice, reads).await?;
        let (client, config) = log_in(world, &format!("cut after {reads} reads")).await?;
        let connection = join_by_way_of(&client, world, hall.channel, config, cable.address());
        kept.push((reads, cable, client, connection));
    }
    for (reads, cable, client, connection) in &kept {
        let connected = tokio::time::timeout(PATIENCE, connection.connected()).await;
        connected.with_context(|| format!("cut after {reads} reads: {}", connection.state()))??;
        let mut heard = hall.hears(client);
        let track = connection.play(Numbered::default());
        heard.follow(20).await;
        track.stop();
        ensure!(
            cable.connections() >= 2,
            "the socket was cut after {reads} reads and dialled again"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_voice_socket_while_media_flow() -> Result<()> {
    let hall = Hall::open().await?;
    let (world, voice) = (&hall.server.world, hall.server.places()?.voice_endpoint);
    let observer = world.login_bot(1).await?;
    let mut observer = Observer::join(observer, Some(world.guild_id), hall.channel, &voice).await;

    let cable = Cable::to(&voice).await?;
    let (client, config) = log_in(world, "cut again and again").await?;
    let connection = join_by_way_of(&client, world, hall.channel, config, cable.address());
    connection.connected().await?;
    let joined = observer.witness.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(joined["user_id"], client.user().id.to_string());
    let mut heard = hall.hears(&client);
    let _track = connection.play(Numbered::default());
    heard.follow(5).await;

    for cuts in 1..=3 {
        let mut states = connection.watch();
        let away = tokio::spawn(async move {
            let away = states.wait_for(|state| *state != ConnectionState::Connected);
            away.await.map(|state| state.clone())
        });
        cable.cut();
        until("the client is back", || {
            cable.connections() == cuts + 1 && connection.state() == ConnectionState::Connected
        })
        .await?;
        // Over loopback that may be too quick to be seen.
        if away.is_finished() {
            let away = away.await??;
            ensure!(matches!(away, ConnectionState::Resuming { .. }), "{away}");
        }
        goes_on(&mut heard).await;
    }
    // Who left would have to join again, which all would be told.
    observer.witness.is_told_nothing(A_WHILE).await;
    observer
        .socket
        .never(VoiceOpcode::ClientDisconnect.number(), A_WHILE)
        .await;
    ensure!(
        hall.listening.participants().contains(&client.user().id),
        "it is still in the room"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_main_gateway_while_media_flow() -> Result<()> {
    let hall = Hall::open().await?;
    let world = &hall.server.world;

    let cable = Cable::to(world.address()).await?;
    let mut config = world.bot("cut from the main gateway");
    config.gateway = Some(format!("wss://{}", cable.address()));
    let client = VoiceClient::login(config).await?;
    let connection = client.join(world.guild_id, hall.channel).await?;
    let (mut own, mut other) = (
        Witness::of(&client, "the client"),
        Witness::of(&hall.listener, "the other"),
    );
    let mut heard = hall.hears(&client);
    let _track = connection.play(Numbered::default());
    heard.follow(5).await;
    for cuts in 1..=2 {
        cable.cut();
        own.expect("RESUMED").await;
        until("the login is back", || {
            client.gateway().state() == GatewayState::Ready
        })
        .await?;
        ensure!(
            cable.connections() == cuts + 1,
            "it resumes where READY says, by the same way"
        );
        assert_eq!(
            connection.state(),
            ConnectionState::Connected,
            "voice is not touched"
        );
        goes_on(&mut heard).await;
    }
    other.is_told_nothing(A_WHILE).await;

    // The resumed session still holds its voice state.
    connection.move_to(world.voice_channels[1]).await?;
    let moved = other.expect("VOICE_STATE_UPDATE").await;
    assert_eq!(moved["channel_id"], world.voice_channels[1].to_string());
    Ok(())
}

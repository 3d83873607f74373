//! Go Live streams over UDP: what the owner shows reaches those who watch, unchanged, and nobody else.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use serde_json::{Value, json};
use voxhall_client::video::Publication;
use voxhall_client::{ConnectionState, Error, Reason, Room, VideoWants, VoiceClient, VoiceConnection};
use voxhall_media::video::VideoCodec;
use voxhall_protocol::gateway::{ClientMessage, StreamCreate, StreamDeleteReason, StreamKey, StreamRef};
use voxhall_protocol::voice::{VoiceCloseCode, VoiceOpcode};
use voxhall_system::media::VideoMember;
use voxhall_system::sound::{Listener, Numbered};
use voxhall_system::wire::rest;
use voxhall_system::{PATIENCE, Server, Socket, Witness};

/// What is random comes from here.
const SEED: u64 = 1812;
/// A second and a half of video.
const FRAMES: u32 = 45;
/// Longer than anything on loopback takes.
const A_WHILE: Duration = Duration::from_millis(500);
/// The first byte of an H264 slice with which anybody can begin.
const KEY_FRAME: u8 = 0x65;
/// The first byte of one that needs those before it.
const DELTA: u8 = 0x41;

/// A server with two bots in a room, who are live on the main Gateway and on voice.
struct Party {
    server: Server,
    owner: VoiceClient,
    viewer: VoiceClient,
    calls: [VoiceConnection; 2],
    key: StreamKey,
}

impl Party {
    async fn meet() -> Result<Self> {
        let server = Server::start()?;
        let world = &server.world;
        let (guild, channel) = (world.guild_id, world.voice_channels[0]);
        let (owner, viewer) = (world.login_bot(0).await?, world.login_bot(1).await?);
        let calls = [
            owner.join(guild, channel).await?,
            viewer.join(guild, channel).await?,
        ];
        let key = StreamKey::new(Some(guild), channel, owner.user().id);
        Ok(Self {
            server,
            owner,
            viewer,
            calls,
            key,
        })
    }

    fn room(&self) -> Room {
        Room::Guild(self.server.world.guild_id)
    }

    fn create(&self) -> ClientMessage {
        ClientMessage::StreamCreate(StreamCreate::new(self.key.guild(), self.key.channel()))
    }

    fn watch(&self) -> ClientMessage {
        ClientMessage::StreamWatch(StreamRef::new(self.key))
    }

    /// What STREAM_CREATE and STREAM_SERVER_UPDATE tell one of the two, with the session that REST names, as the `d` of an
    /// Identify.
    async fn identify(&self, number: usize, witness: &mut Witness) -> Result<Value> {
        let created = witness.find("STREAM_CREATE", |_| true).await;
        let server = witness.find("STREAM_SERVER_UPDATE", |_| true).await;
        let (world, bot) = (&self.server.world, &self.server.world.bots[number]);
        let path = format!("/api/v10/guilds/{}/voice-states/@me", world.guild_id);
        let token = format!("Bot {}", bot.token);
        let (status, state) = rest(world.address(), "GET", &path, &token, &Value::Null).await;
        ensure!(status == 200, "{status} {state}");
        Ok(json!({
            "server_id": created["rtc_server_id"], "channel_id": created["rtc_channel_id"],
            "user_id": bot.id, "session_id": state["session_id"], "token": server["token"],
        }))
    }

    fn calls_go_on(&self) {
        for call in &self.calls {
            assert_eq!(call.state(), ConnectionState::Connected);
        }
    }
}

/// The frames of a video: of each its packets.
fn video() -> Vec<Vec<Vec<u8>>> {
    let mut random = StdRng::seed_from_u64(SEED);
    let frame = |number: u32| {
        let packets = random.random_range(1..6);
        let packet = |_| {
            let mut payload = vec![0; random.random_range(40..1100)];
            random.fill_bytes(&mut payload);
            payload[0] = if number.is_multiple_of(15) {
                KEY_FRAME
            } else {
                DELTA
            };
            payload
        };
        (0..packets).map(packet).collect()
    };
    (0..FRAMES).map(frame).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_video_that_the_owner_sends_reaches_the_viewer() -> Result<()> {
    let party = Party::meet().await?;
    let voice = party.server.places()?.voice_endpoint;
    let mut told_owner = Witness::of(&party.owner, "the owner");
    let mut told_viewer = Witness::of(&party.viewer, "the viewer");
    let own_id = party.owner.user().id.to_string();
    party.owner.gateway().send(party.create());
    let entering = party.identify(0, &mut told_owner).await?;
    let streams = |state: &Value| state["user_id"] == own_id && state["self_stream"] == true;
    told_viewer.find("VOICE_STATE_UPDATE", streams).await;
    let mut owner = VideoMember::enter(&voice, entering.clone()).await;

    party.viewer.gateway().send(party.watch());
    let watching = party.identify(1, &mut told_viewer).await?;
    let update = told_owner.find("STREAM_UPDATE", |_| true).await;
    assert_eq!(update["viewer_ids"], json!([party.viewer.user().id]));
    let mut viewer = VideoMember::enter(&voice, watching.clone()).await;

    owner.publish().await;
    let announced = viewer.socket.until(VoiceOpcode::Video.number()).await;
    assert_eq!(announced["user_id"], own_id);
    let ssrc = announced["video_ssrc"].as_u64().expect("a number");
    let mut sequence = 0;
    for (number, frame) in (0..).zip(video()) {
        for (at, packet) in frame.iter().enumerate() {
            let last = at + 1 == frame.len();
            owner.send_video(sequence, number * 3000, last, packet).await;
            sequence += 1;
            let received = viewer.receive().await;
            assert_eq!(
                (u64::from(received.0), received.1),
                (ssrc, last),
                "frame {number}"
            );
            assert!(received.2 == *packet, "frame {number}, packet {at}");
        }
    }
    owner.send_audio(1, b"the sound of it").await;
    assert_eq!(viewer.receive().await.2, b"the sound of it");
    assert_eq!(viewer.receive_within(A_WHILE).await, None, "and nothing but that");

    // What a viewer sends is nobody's business.
    viewer.publish().await;
    viewer.send_audio(1, b"me too").await;
    viewer.send_video(1, 0, true, &[KEY_FRAME, 1, 2, 3]).await;
    assert_eq!(owner.receive_within(A_WHILE).await, None);
    owner.socket.never(VoiceOpcode::Video.number(), A_WHILE).await;

    // No token opens anything but what it was given for.
    let mut outsider = watching.clone();
    outsider["user_id"] = json!(own_id);
    let mut mixed = entering.clone();
    mixed["server_id"] = json!(party.server.world.guild_id);
    for refused in [outsider, mixed] {
        let mut socket = Socket::open(&voice, "/?v=9").await;
        socket
            .send(json!({"op": VoiceOpcode::Identify.number(), "d": refused}))
            .await;
        let wrong = VoiceCloseCode::AuthenticationFailed.number();
        assert_eq!(socket.closed().await, Some(wrong));
    }

    let over = ClientMessage::StreamDelete(StreamRef::new(party.key));
    party.owner.gateway().send(over);
    let ended = told_viewer.find("STREAM_DELETE", |_| true).await;
    assert_eq!(ended["reason"], "stream_ended");
    for member in [&mut owner, &mut viewer] {
        let terminated = VoiceCloseCode::CallTerminated.number();
        assert_eq!(member.socket.closed().await, Some(terminated));
    }
    party.calls_go_on();
    Ok(())
}

/// Waits until a connection has ended, and says why.
async fn end_of(connection: &VoiceConnection) -> Reason {
    let ended = tokio::time::timeout(PATIENCE, connection.ended()).await;
    ended.expect("the connection ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_of_ours_go_live_and_watch_beside_their_call() -> Result<()> {
    let party = Party::meet().await?;
    let owner_id = party.owner.user().id;
    let refused = party.viewer.watch(party.key).await;
    let Err(Error::StreamRefused { reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(reason, StreamDeleteReason::StreamEnded);

    let shown = party.owner.go_live(party.room()).await?;
    let again = party.owner.go_live(party.room()).await?;
    assert_eq!((again.room(), again.channel()), (shown.room(), shown.channel()));
    let watched = party.viewer.watch(party.key).await?;
    assert_eq!(shown.room().server_id(), watched.room().server_id());
    assert_ne!(
        shown.channel(),
        Some(party.key.channel()),
        "it has a room of its own"
    );

    // Two sounds at once, each where it belongs and without a gap.
    let (call, stream) = (Numbered::default(), Numbered::default());
    let mut heard_in_call = Listener::to(&party.calls[1], owner_id);
    let mut heard_on_stream = Listener::to(&watched, owner_id);
    let mut echo = shown.packets(64);
    party.calls[0].play(call.clone());
    shown.play(stream.clone());
    heard_in_call.follow(30).await;
    heard_on_stream.follow(30).await;
    // A viewer is not heard.
    watched.play(Numbered::default());
    heard_on_stream.follow(30).await;
    assert!(echo.try_recv().is_none(), "viewers publish nothing");

    let mut told = Witness::of(&party.viewer, "the viewer");
    party.owner.pause_stream(party.key, true);
    let paused = told.find("STREAM_UPDATE", |_| true).await;
    assert_eq!(paused["paused"], true);

    // Left and gone live again in one breath.
    shown.leave().await;
    let shown = party.owner.go_live(party.room()).await?;
    assert_eq!(
        end_of(&watched).await,
        Reason::StreamEnded(StreamDeleteReason::StreamEnded)
    );
    let watched = party.viewer.watch(party.key).await?;
    watched.leave().await;
    let watched = party.viewer.watch(party.key).await?;
    assert!(party.viewer.stream(party.key).is_some());

    // The room is left, and the stream with it.
    party.calls[0].leave().await;
    let ended = Reason::StreamEnded(StreamDeleteReason::StreamEnded);
    assert_eq!(end_of(&shown).await, ended);
    assert_eq!(end_of(&watched).await, ended);
    assert!(party.viewer.stream(party.key).is_none());
    assert!(matches!(
        party.owner.go_live(party.room()).await,
        Err(Error::NotInRoom)
    ));
    Ok(())
}

/// A picture of VP8 that can be told from others: keyframes name their size, the rest is random.
fn picture(random: &mut StdRng, keyframe: bool) -> Bytes {
    let mut picture = vec![0; random.random_range(200..6000)];
    random.fill_bytes(&mut picture);
    if keyframe {
        picture[..10].copy_from_slice(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
    } else {
        picture[0] |= 1;
    }
    picture.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_that_a_client_of_ours_shows_reach_another_unchanged() -> Result<()> {
    let party = Party::meet().await?;
    let shown = party.owner.go_live(party.room()).await?;
    let watched = party.viewer.watch(party.key).await?;
    let mut pictures = watched.watch_video(64);
    let mut own = shown.watch_video(64);
    watched.want_video(VideoWants::everybody());
    shown.want_video(VideoWants::everybody());
    let (mut input, _track) = shown.show_live(Publication::of(VideoCodec::Vp8))?;
    tokio::time::timeout(PATIENCE, input.keyframe_wanted()).await?;

    let mut random = StdRng::seed_from_u64(SEED);
    for number in 0..FRAMES {
        let sent = picture(&mut random, number.is_multiple_of(15));
        input.send(sent.clone())?;
        let received = tokio::time::timeout(PATIENCE, pictures.recv()).await?;
        let received = received.expect("the connection lives");
        assert_eq!(received.user, party.owner.user().id);
        assert_eq!(received.keyframe, number.is_multiple_of(15), "picture {number}");
        assert!(received.data == sent, "picture {number} has changed");
    }
    // Whoever watches has nothing to show.
    let refused = watched.show_live(Publication::of(VideoCodec::Vp8));
    assert!(matches!(refused, Err(Error::ShowsNothing)));
    assert!(own.try_recv().is_none());
    party.calls_go_on();
    Ok(())
}

//! Noise from strangers at every door while two people talk: each gets its refusal, and the call does not notice.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use voxhall_client::{VoiceClient, VoiceConnection};
use voxhall_protocol::gateway::{GatewayCloseCode, GatewayOpcode};
use voxhall_protocol::voice::{EncryptionMode, Ssrc, VoiceCloseCode, VoiceOpcode};
use voxhall_system::sound::{Listener, Numbered};
use voxhall_system::{Incoming, Observer, Server, Socket, wire};
use voxhall_transport::stun::{ConnectivityCheck, IceRole, TransactionId};

/// All noise comes from here, so that what fails can be repeated.
const SEED: u64 = 0x0BAD_5EED;
/// Datagrams of each kind.
const DATAGRAMS: usize = 600;
/// Sockets of each kind.
const SOCKETS: usize = 40;
/// Connections to the media port, fewer than one address may have.
const CONNECTIONS: usize = 60;
/// A page of what may follow an attack: the packets that must still arrive.
const AFTER: u32 = 25;

/// Two bots in a channel, one of which plays packets that carry their number.
struct Call {
    server: Server,
    speaking: VoiceConnection,
    listening: VoiceConnection,
    heard: Listener,
    source: Numbered,
    /// A login that is dropped ends.
    _logins: [VoiceClient; 2],
}

impl Call {
    async fn begin() -> Result<Self> {
        let server = Server::start_with(&["--log=debug"])?;
        let (guild, channel) = (server.world.guild_id, server.world.voice_channels[0]);
        let (speaker, listener) = (server.world.login_bot(0).await?, server.world.login_bot(1).await?);
        let speaking = speaker.join(guild, channel).await?;
        let listening = listener.join(guild, channel).await?;
        let mut heard = Listener::to(&listening, speaker.user().id);
        let source = Numbered::default();
        let _track = speaking.play(source.clone());
        heard.follow(5).await;
        Ok(Self {
            server,
            speaking,
            listening,
            heard,
            source,
            _logins: [speaker, listener],
        })
    }

    /// Every packet played meanwhile has arrived, and more do; strangers are still let in.
    async fn goes_on(mut self) -> Result<()> {
        let sent = self.speaking.statistics().media;
        let until = self.heard.last() + AFTER;
        self.heard.catch_up(until).await;
        self.source.end();
        ensure!(self.server.is_alive()?, "the server has ended");
        ensure!(
            self.speaking.state().has_media() && self.listening.state().has_media(),
            "{sent:?}"
        );
        let world = &self.server.world;
        let guest = VoiceClient::login(world.bot("a guest")).await?;
        guest.join(world.guild_id, world.voice_channels[1]).await?;
        let log = self.server.log();
        ensure!(!log.contains("panicked"), "{log}");
        Ok(())
    }

    /// The log says why a socket was closed.
    fn logged(&self, reason: &str) -> Result<()> {
        let log = self.server.log();
        ensure!(
            log.contains(reason),
            "the log does not mention {reason:?}:\n{log}"
        );
        Ok(())
    }
}

/// Removes, doubles, overwrites or inserts a few bytes.
fn mutate(random: &mut StdRng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..12)).min(bytes.len());
        match random.random_range(0..4) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            2 if at < bytes.len() => bytes[at] = random.random(),
            _ => bytes.insert(at, random.random()),
        }
    }
    bytes
}

/// A datagram as it goes over TCP: behind its length.
fn framed(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes(), datagram].concat()
}

fn noise(random: &mut StdRng, longest: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(0..longest)];
    random.fill_bytes(&mut bytes);
    bytes
}

/// Datagrams as clients send them, for a source that is somebody else's: media, reports, discovery, keep-alive, and what
/// browsers begin with.
fn forgeries(ssrc: Ssrc) -> Vec<Vec<u8>> {
    let ssrc = ssrc.0.to_be_bytes();
    let mut media = vec![0x80, 0x78, 0, 1, 0, 0, 3, 0xC0];
    media.extend_from_slice(&ssrc);
    media.extend_from_slice(&[0x5A; 60]);
    let mut report = vec![0x80, 200, 0, 6];
    report.extend_from_slice(&ssrc);
    report.extend_from_slice(&[0xA5; 60]);
    let mut goodbye = vec![0x81, 203, 0, 1];
    goodbye.extend_from_slice(&ssrc);
    let mut discovery = vec![0, 1, 0, 70];
    discovery.extend_from_slice(&ssrc);
    discovery.resize(74, 0);
    let keep_alive = vec![0x13, 0x37, 0xCA, 0xFE, 0, 0, 0, 1];
    let mut hello = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60];
    hello.extend_from_slice(&[1, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 48, 0xFE, 0xFD]);
    hello.resize(13 + 60, 0x3C);
    let records = vec![23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7];
    let checks = ["srvr", "", "a name of nobody's"].map(check);
    [media, report, goodbye, discovery, keep_alive, hello, records]
        .into_iter()
        .chain(checks)
        .collect()
}

/// A connectivity check as browsers send it, for a member that nobody is.
fn check(receiver_ufrag: &str) -> Vec<u8> {
    let mut bytes = vec![0; 300];
    let check = ConnectivityCheck {
        transaction: TransactionId([9; 12]),
        receiver_ufrag,
        sender_ufrag: "clnt",
        priority: 1,
        use_candidate: true,
        role: IceRole::Controlling(1),
    };
    let length = check.write("0123456789012345678901", &mut bytes).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams() -> Result<()> {
    let call = Call::begin().await?;
    let media: SocketAddr = call.server.places()?.media[0];
    let mut packets = call.listening.packets(16);
    let ssrc = packets.recv().await.map(|packet| packet.ssrc);
    let forgeries = forgeries(ssrc.unwrap_or(Ssrc(1)));
    let flood = tokio::task::spawn_blocking(move || -> Result<()> {
        let mut random = StdRng::seed_from_u64(SEED);
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        for number in 0..DATAGRAMS {
            let forgery = &forgeries[number % forgeries.len()];
            for datagram in [
                noise(&mut random, 1500),
                mutate(&mut random, forgery),
                forgery.clone(),
            ] {
                socket.send_to(&datagram, media)?;
            }
            if number % 20 == 0 {
                // Not a flood: what the system drops says nothing about the server.
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        Ok(())
    });
    flood.await??;
    call.goes_on().await
}

/// Connections to the TCP side of the media port that prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_over_tcp() -> Result<()> {
    let mut call = Call::begin().await?;
    let media: SocketAddr = call.server.places()?.media[0];
    let mut packets = call.listening.packets(16);
    let ssrc = packets.recv().await.map(|packet| packet.ssrc);
    let forgeries = forgeries(ssrc.unwrap_or(Ssrc(1)));
    let mut random = StdRng::seed_from_u64(SEED);
    let mut held = Vec::new();
    for number in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(media).await?;
        let mut bytes: Vec<u8> = forgeries.iter().flat_map(|forgery| framed(forgery)).collect();
        if number % 2 == 1 {
            bytes.extend(mutate(&mut random, &bytes));
            bytes.extend(noise(&mut random, 4000));
        }
        // The server may have closed it in the middle of that: a length was none.
        let _ = stream.write_all(&bytes).await;
        held.push(stream);
    }
    let until = call.heard.last() + AFTER;
    call.heard.catch_up(until).await;
    for stream in &held {
        // Nothing is there yet, or the end is.
        let answer = stream.try_read(&mut [0; 100]);
        ensure!(!matches!(answer, Ok(1..)), "a stranger is answered: {answer:?}");
    }
    call.goes_on().await
}

/// Opens sockets and says something to each: gives how each was closed.
async fn provoke(
    address: &str,
    path: &str,
    opening: Option<&Value>,
    mut say: impl FnMut(&mut StdRng) -> Message,
) -> Vec<Option<u16>> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut ends = Vec::new();
    for _ in 0..SOCKETS {
        let mut socket = Socket::open(address, path).await;
        if let Some(opening) = opening {
            socket.send(opening.clone()).await;
        }
        for _ in 0..3 {
            let frame = say(&mut random);
            socket.send_frame(frame).await;
        }
        // Whoever is not closed by then says what no state allows.
        socket.send(json!({"op": 255})).await;
        ends.push(socket.closed().await);
    }
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_to_the_main_gateway() -> Result<()> {
    let call = Call::begin().await?;
    let address = call.server.world.address().to_owned();
    let identify = json!({
        "op": GatewayOpcode::Identify.number(), "d": {"token": "noise", "intents": 129, "properties": {}},
    });
    let join = json!({
        "op": GatewayOpcode::VoiceStateUpdate.number(),
        "d": {"guild_id": call.server.world.guild_id.to_string(), "channel_id": null, "self_mute": false,
              "self_deaf": false},
    });
    let expected = [
        GatewayCloseCode::UnknownOpcode,
        GatewayCloseCode::DecodeFailed,
        GatewayCloseCode::NotAuthenticated,
        GatewayCloseCode::AuthenticationFailed,
        GatewayCloseCode::AlreadyAuthenticated,
        GatewayCloseCode::InvalidSeq,
        GatewayCloseCode::InvalidShard,
        GatewayCloseCode::InvalidIntents,
        GatewayCloseCode::DisallowedIntents,
    ];
    let binary = |random: &mut StdRng| Message::binary(noise(random, 400));
    let texts = [identify.to_string(), join.to_string()];
    let text = |random: &mut StdRng| {
        let chosen = random.random_range(0..texts.len());
        Message::text(String::from_utf8_lossy(&mutate(random, texts[chosen].as_bytes())).into_owned())
    };
    let mut ends = provoke(&address, "/?v=10", None, binary).await;
    ends.extend(provoke(&address, "/?v=10", None, text).await);
    ends.extend(provoke(&address, "/?v=10", Some(&identify), text).await);
    for end in ends {
        let code = end.map(GatewayCloseCode::from);
        ensure!(
            code.is_some_and(|code| expected.contains(&code)),
            "closed with {code:?}"
        );
    }
    let mut oversized = Socket::open(&address, "/?v=10").await;
    oversized.send(json!({"op": 1, "d": "x".repeat(16 * 1024)})).await;
    assert_eq!(
        oversized.closed().await,
        Some(GatewayCloseCode::DecodeFailed.number())
    );
    call.logged("code=4002")?;
    call.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_to_the_voice_gateway() -> Result<()> {
    let call = Call::begin().await?;
    let world = call.server.world.clone();
    let voice = call.server.places()?.voice_endpoint;
    let identify = json!({
        "op": VoiceOpcode::Identify.number(),
        "d": {"server_id": world.guild_id.to_string(), "user_id": world.bots[0].id.to_string(),
              "session_id": "nobody's", "token": "0123456789abcdef"},
    });
    let expected = [
        VoiceCloseCode::UnknownOpcode,
        VoiceCloseCode::DecodeFailed,
        VoiceCloseCode::NotAuthenticated,
        VoiceCloseCode::AuthenticationFailed,
        VoiceCloseCode::SessionInvalid,
        VoiceCloseCode::ServerNotFound,
        // An Identify may wait for its ticket; a second one in the meantime is one too many.
        VoiceCloseCode::AlreadyAuthenticated,
    ];
    let binary = |random: &mut StdRng| Message::binary(noise(random, 400));
    let text = |random: &mut StdRng| {
        Message::text(String::from_utf8_lossy(&mutate(random, identify.to_string().as_bytes())).into_owned())
    };
    let mut ends = provoke(&voice, "/?v=8", None, binary).await;
    ends.extend(provoke(&voice, "/?v=8", None, text).await);
    ends.extend(provoke(&voice, "/?v=8", None, |_| Message::text(identify.to_string())).await);
    for end in ends {
        let code = end.map(VoiceCloseCode::from);
        ensure!(
            code.is_some_and(|code| expected.contains(&code)),
            "closed with {code:?}"
        );
    }
    call.logged("a client sent what is no message")?;
    call.goes_on().await
}

/// A member of the very room turns hostile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_goes_mad() -> Result<()> {
    let call = Call::begin().await?;
    let world = call.server.world.clone();
    let voice = call.server.places()?.voice_endpoint;
    let (guild, channel) = (Some(world.guild_id), world.voice_channels[0]);
    let mut random = StdRng::seed_from_u64(SEED);
    let sensible = [
        json!({"op": VoiceOpcode::Speaking.number(), "d": {"speaking": 1, "delay": 0, "ssrc": 1}}),
        json!({"op": VoiceOpcode::MediaSinkWants.number(), "d": {"any": 100}}),
        json!({"op": VoiceOpcode::Video.number(), "d": {"audio_ssrc": 1, "video_ssrc": 2, "rtx_ssrc": 3}}),
        wire::select(EncryptionMode::AeadAes256GcmRtpsize),
    ];
    for number in 0..6 {
        let client = VoiceClient::login(world.bot(&format!("mad {number}"))).await?;
        let mut member = Observer::join(client, guild, channel, &voice).await;
        for _ in 0..20 {
            let chosen = sensible[random.random_range(0..sensible.len())].to_string();
            let bytes = mutate(&mut random, chosen.as_bytes());
            member
                .socket
                .send_frame(Message::text(String::from_utf8_lossy(&bytes).into_owned()))
                .await;
        }
        member.socket.send(json!({"op": 255})).await;
        let code = member.socket.closed().await.map(VoiceCloseCode::from);
        let expected = [
            VoiceCloseCode::UnknownOpcode,
            VoiceCloseCode::DecodeFailed,
            VoiceCloseCode::AlreadyAuthenticated,
            VoiceCloseCode::UnknownProtocol,
            VoiceCloseCode::UnknownEncryptionMode,
            VoiceCloseCode::BadRequest,
        ];
        ensure!(
            code.is_some_and(|code| expected.contains(&code)),
            "closed with {code:?}"
        );
    }
    call.goes_on().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_half_open_connections() -> Result<()> {
    let call = Call::begin().await?;
    let address = call.server.world.address().to_owned();
    let voice = call.server.places()?.voice_endpoint;
    // Beginnings that never go on: nothing yet, a TLS handshake, a head, a body, an upgrade.
    let body = format!(
        "POST /api/v10/users/@me/channels HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100\r\n\r\n{{"
    );
    let beginnings: [&[u8]; 5] = [
        b"",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /api/v10",
        body.as_bytes(),
        b"\x16",
    ];
    let mut half_open = Vec::new();
    for door in [&address, &voice] {
        for beginning in beginnings {
            let mut stream = TcpStream::connect(door).await?;
            stream.write_all(beginning).await?;
            half_open.push(stream);
        }
    }

    let host = format!("Host: {address}\r\nConnection: close\r\n");
    let long_head = format!(
        "GET /api/v10/gateway HTTP/1.1\r\n{host}X: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    let long_body = format!(
        "POST /api/v10/users/@me/channels HTTP/1.1\r\n{host}Authorization: Bot {}\r\nContent-Type: application/json\r\n\
         Content-Length: 400000\r\n\r\n{}",
        call.server.world.bots[0].token,
        "[".repeat(400_000)
    );
    let no_json = format!(
        "POST /api/v10/users/@me/channels HTTP/1.1\r\n{host}Authorization: Bot {}\r\nContent-Type: application/json\r\n\
         Content-Length: 3\r\n\r\n{{{{{{",
        call.server.world.bots[0].token
    );
    let bad_chunk = format!(
        "POST /api/v10/users/@me/channels HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    );
    let cases = [
        (long_head, "431"),
        (long_body, "413"),
        (no_json, "400"),
        (bad_chunk, "4"),
        ("\u{1}\u{2}\u{3} nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET /api/v10/nowhere HTTP/1.1\r\n{host}\r\n"), "404"),
    ];
    for (request, status) in cases {
        let answer = wire::exchange(&address, request.as_bytes()).await;
        let line = answer.lines().next().unwrap_or_default();
        let expected = format!("HTTP/1.1 {status}");
        ensure!(
            line.starts_with(&expected),
            "{:?} is answered {line:?}, not {expected}",
            &request[..30]
        );
    }

    let mut random = StdRng::seed_from_u64(SEED);
    let sensible = format!("GET /api/v10/gateway HTTP/1.1\r\n{host}\r\n");
    for _ in 0..SOCKETS {
        let request = mutate(&mut random, sensible.as_bytes());
        wire::poke(&address, &request).await;
    }
    for door in [&address, &voice] {
        let mut socket = Socket::open(door, "/?v=9").await;
        ensure!(
            matches!(socket.next().await, Incoming::Message(_)),
            "a door is stuck behind half-open connections"
        );
    }
    call.goes_on().await
}

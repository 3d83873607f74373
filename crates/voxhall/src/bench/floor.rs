//! The floor of `bench fanout` in a process of its own: the least that forwarding can cost, with the same members.

use std::io::BufRead as _;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use voxhall_protocol::voice::Ssrc;
use voxhall_sfu::floor::{Floor, FloorStream};
use voxhall_transport::TransportKey;

use super::member::{Keys, LoadMember};
use super::process::Peer;

/// SSRC of the first stream; the others count on.
const FIRST: Ssrc = Ssrc(1);
/// Bytes of queue each way, as much as the worker asks for.
const BUFFER: usize = 4 << 20;

/// A speaker's key, and everyone who listens to it; the first line the floor's process reads.
#[derive(Debug, Serialize, Deserialize)]
struct Stream {
    key: [u8; TransportKey::LENGTH],
    listeners: Vec<(SocketAddr, [u8; TransportKey::LENGTH])>,
}

/// Where the floor takes packets; the first line it prints.
#[derive(Debug, Serialize, Deserialize)]
struct Address {
    media: SocketAddr,
}

/// Starts the floor for these rooms; in each, the first `speakers` members speak, room after room.
///
/// Returns the process and, for each speaker in that order, where it sends and as which SSRC.
pub fn start(rooms: &[Vec<LoadMember>], speakers: usize) -> Result<(Peer, Vec<(SocketAddr, Ssrc)>)> {
    let streams = rooms
        .iter()
        .flat_map(|room| (0..speakers).map(move |speaker| stream(room, speaker)))
        .collect::<Result<Vec<_>>>()?;
    let mut peer = Peer::start(&["bench".to_owned(), "floor".to_owned()])?;
    peer.write(&streams)?;
    let Address { media } = peer.read()?;
    let sources = (FIRST.0..)
        .map(|ssrc| (media, Ssrc(ssrc)))
        .take(streams.len())
        .collect();
    Ok((peer, sources))
}

fn stream(room: &[LoadMember], speaker: usize) -> Result<Stream> {
    let others = room.iter().enumerate().filter(|(index, _)| *index != speaker);
    let listeners = others
        .map(|(_, member)| Ok((member.socket.local_addr()?, key(member)?)))
        .collect::<Result<_>>()?;
    Ok(Stream {
        key: key(&room[speaker])?,
        listeners,
    })
}

fn key(member: &LoadMember) -> Result<[u8; TransportKey::LENGTH]> {
    match &member.keys {
        Keys::Udp(_, key) => Ok(*key),
        Keys::WebRtc(_) => bail!("the floor's members are on UDP"),
    }
}

/// Runs the floor until standard input is closed.
pub fn run() -> Result<()> {
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    input
        .read_line(&mut line)
        .context("reading the floor's streams")?;
    let streams: Vec<Stream> = serde_json::from_str(&line).context("the floor's streams are malformed")?;
    let streams: Vec<FloorStream> = streams.into_iter().map(FloorStream::from).collect();
    let floor = Floor::spawn("127.0.0.1:0".parse()?, BUFFER, FIRST, &streams)?;
    println!(
        "{}",
        serde_json::to_string(&Address {
            media: floor.local_addr()
        })?
    );
    // Nothing more is said; the end of the input is the sign to stop.
    std::io::copy(&mut input, &mut std::io::sink())?;
    floor.stop()?;
    Ok(())
}

impl From<Stream> for FloorStream {
    fn from(stream: Stream) -> Self {
        let listeners = stream
            .listeners
            .into_iter()
            .map(|(address, key)| (address, key.into()))
            .collect();
        Self {
            key: stream.key.into(),
            listeners,
        }
    }
}

//! The part of `bench connect` that asks what an idle voice session costs the server in memory.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use voxhall_client::Trust;
use voxhall_protocol::voice::EncryptionMode;

use super::fanout::join_all;
use super::member::Joining;
use super::node;
use super::world::Member;

/// Members of one room.
const ROOM: u32 = 10;
/// For buffers of the handshakes to be given back.
const SETTLE: Duration = Duration::from_secs(2);

/// What was measured.
pub struct IdleSessions {
    /// Memory of the server's own per session: socket buffers of the kernel are not in it, TLS is.
    pub bytes_per_session: u64,
    /// Threads of the server.
    pub threads: usize,
}

/// Lets at least `sessions` members connect over TLS, ten to a room, and be silent.
pub async fn measure(sessions: u32, state: PathBuf) -> Result<IdleSessions> {
    let rooms = sessions.div_ceil(ROOM);
    ensure!(rooms > 0, "no sessions, nothing to measure");
    let (server, address) = node::Args {
        rooms,
        members: ROOM,
        workers: 1,
        state,
    }
    .start()?;
    let tls = Trust::CaFile(address.ca.clone()).tls_config()?;
    let before = server.usage()?.memory;
    let how = Joining {
        tls: Some(tls),
        ..Joining::audio(EncryptionMode::AeadAes256GcmRtpsize)
    };
    let members = join_all(&address.voice, Member::all(rooms, ROOM), |_| how.clone()).await?;
    tokio::time::sleep(SETTLE).await;
    let after = server.usage()?;
    drop(members);
    Ok(IdleSessions {
        bytes_per_session: after.memory.saturating_sub(before) / u64::from(rooms * ROOM),
        threads: after.threads,
    })
}

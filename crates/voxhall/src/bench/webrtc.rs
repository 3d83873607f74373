//! The WebRTC half of a load member: connectivity checks, DTLS, and the keys that come out of it.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::distr::{Alphanumeric, SampleString as _};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use voxhall_protocol::sdp::{ClientFragment, ExtensionMap, ServerFragment};
use voxhall_protocol::voice::{Codec, SelectProtocol};
use voxhall_sfu::{DtlsIdentity, Established, Handshake};
use voxhall_transport::demux::{self, Datagram, LegacyDiscovery};
use voxhall_transport::srtp::SrtpOpener;
use voxhall_transport::stun::{BindingResponse, ConnectivityCheck, IceRole, TransactionId};

use super::member::Gateway;

/// What a check that was not answered waits for.
const RETRY: Duration = Duration::from_millis(100);
/// Checks, and looks at the handshake's timers, before the member gives up.
const TRIES: usize = 100;
/// Bytes of a datagram.
const DATAGRAM: usize = 1500;
/// Header extensions that browsers list, by their usual ids.
const EXTENSIONS: [(u8, &str); 4] = [
    (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    (2, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
    (
        3,
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ),
    (5, "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"),
];

/// Consent is asked for this often; the server gives up after 30 s.
const CONSENT: Duration = Duration::from_secs(5);

/// What DTLS left behind. As long as it lives, the server has consent to send.
pub struct Association {
    established: Established,
    consent: JoinHandle<()>,
}

impl Association {
    /// Opens what the server sends.
    pub fn opener(&self) -> SrtpOpener {
        SrtpOpener::new(self.established.profile, &self.established.keys.inbound)
    }
}

impl Drop for Association {
    fn drop(&mut self) {
        self.consent.abort();
    }
}

/// The credentials of one side.
struct Credentials {
    ufrag: String,
    password: String,
}

impl Credentials {
    fn random() -> Self {
        let text = |length| Alphanumeric.sample_string(&mut rand::rng(), length);
        Self {
            ufrag: text(4),
            password: text(24),
        }
    }
}

/// Selects WebRTC and goes through ICE and DTLS; gives the socket back in blocking mode.
pub async fn connect(
    gateway: &mut Gateway,
    socket: UdpSocket,
    codecs: Vec<Codec>,
) -> Result<(UdpSocket, Association)> {
    let identity = DtlsIdentity::generate()?;
    let own = Credentials::random();
    let select = SelectProtocol {
        codecs: Some(codecs),
        ..SelectProtocol::for_webrtc(fragment(&own, &identity).to_string())
    };
    gateway.send(&select.into()).await?;
    let description = gateway.description().await?;
    let sdp = description
        .sdp
        .context("Session Description holds no SDP fragment")?;
    let server = ServerFragment::parse(&sdp)?;
    let media = *server
        .candidates
        .first()
        .context("the server names no candidate")?;

    socket.set_nonblocking(true)?;
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    check(&socket, media, &server, &own).await?;
    let established = handshake(&socket, media, &identity).await?;
    if established.fingerprint != server.fingerprint {
        bail!("the server's certificate is not the one that it announced");
    }
    let socket = socket.into_std()?;
    let consent = tokio::spawn(consent(socket.try_clone()?, media, server, own));
    Ok((socket, Association { established, consent }))
}

/// Goes on with checks. What they are answered is read, and passed over, by whoever listens on the socket.
async fn consent(socket: UdpSocket, media: SocketAddr, server: ServerFragment, own: Credentials) {
    let mut buffer = [0; DATAGRAM];
    loop {
        tokio::time::sleep(CONSENT).await;
        // A check that was not sent is made up for by the next.
        if let Ok(length) = request(&server, &own, TransactionId(rand::random()), &mut buffer) {
            let _ = socket.send_to(&buffer[..length], media);
        }
    }
}

/// Writes a check that chooses the pair.
fn request(
    server: &ServerFragment,
    own: &Credentials,
    transaction: TransactionId,
    buffer: &mut [u8],
) -> Result<usize> {
    let check = ConnectivityCheck {
        transaction,
        receiver_ufrag: &server.ice_ufrag,
        sender_ufrag: &own.ufrag,
        priority: 1,
        use_candidate: true,
        role: IceRole::Controlling(rand::random()),
    };
    Ok(check.write(server.ice_pwd.expose(), buffer)?)
}

fn fragment(own: &Credentials, identity: &DtlsIdentity) -> ClientFragment {
    let extension = |(id, uri): (u8, &str)| ExtensionMap {
        id,
        scope: Default::default(),
        uri: uri.to_owned(),
        parameters: String::new(),
    };
    ClientFragment {
        fingerprint: Some(identity.fingerprint()),
        extensions: EXTENSIONS.into_iter().map(extension).collect(),
        ..ClientFragment::new(own.ufrag.clone(), own.password.clone())
    }
}

/// Chooses the one pair of addresses that there is.
async fn check(
    socket: &tokio::net::UdpSocket,
    media: SocketAddr,
    server: &ServerFragment,
    own: &Credentials,
) -> Result<()> {
    let password = server.ice_pwd.expose();
    let mut buffer = [0; DATAGRAM];
    for _ in 0..TRIES {
        let transaction = TransactionId(rand::random());
        let length = request(server, own, transaction, &mut buffer)?;
        socket.send_to(&buffer[..length], media).await?;
        let Ok(received) = timeout(RETRY, socket.recv(&mut buffer)).await else {
            continue;
        };
        match BindingResponse::parse(&buffer[..received?], transaction, password) {
            Ok(BindingResponse::Success(_)) => return Ok(()),
            Ok(BindingResponse::Refused(code)) => bail!("the server refuses connectivity checks with {code}"),
            Err(_) => {}
        }
    }
    bail!("{media} does not answer connectivity checks")
}

async fn handshake(
    socket: &tokio::net::UdpSocket,
    media: SocketAddr,
    identity: &DtlsIdentity,
) -> Result<Established> {
    let mut handshake = Handshake::client(identity, Instant::now());
    let mut buffer = [0; DATAGRAM];
    let mut received: Option<usize> = None;
    for _ in 0..TRIES {
        let mut flight: Vec<Vec<u8>> = Vec::new();
        let datagram = received.map(|length| &buffer[..length]);
        let established = handshake
            .advance(Instant::now(), datagram, &mut |packet| {
                flight.push(packet.to_vec())
            })
            .map_err(|failure| anyhow::anyhow!("DTLS failed: {failure:?}"))?;
        for packet in flight {
            socket.send_to(&packet, media).await?;
        }
        if let Some(established) = established {
            return Ok(established);
        }
        let wait = handshake.due().saturating_duration_since(Instant::now());
        received = match timeout(wait, socket.recv(&mut buffer)).await {
            Ok(length) => Some(length?).filter(|&length| is_dtls(&buffer[..length])),
            Err(_) => None,
        };
    }
    bail!("{media} does not finish the DTLS handshake")
}

fn is_dtls(datagram: &[u8]) -> bool {
    matches!(
        demux::classify(datagram, LegacyDiscovery::Refused),
        Datagram::Dtls
    )
}

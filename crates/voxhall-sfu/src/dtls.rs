//! The DTLS end of WebRTC (RFC 5764): the server's certificate, and a handshake that yields SRTP keys. The protocol
//! itself is `dimpl`'s; this is all that touches it.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile as NegotiatedProfile};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use voxhall_protocol::sdp::Fingerprint;
use voxhall_transport::srtp::{DtlsRole, SrtpKeys, SrtpProfile};

use crate::Error;

/// What a client has for the whole handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// When the server says a flight again that was not answered; doubled each time. Shorter than DTLS has it, because the
/// way was just proved by ICE.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(250);

/// With the doubling, retransmissions take about as long as the handshake may.
const RETRANSMISSIONS: usize = 6;

/// Records are kept to this, so that a certificate comes through a path with tunnels in it.
const MTU: usize = 1150;

/// The longest certificate that a client may present: those of browsers have 300 bytes.
const MAX_OUTPUT: usize = 16 * 1024;

/// The shortest time between two looks at a handshake's timers.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The certificate that a server shows to WebRTC clients. Clones share it.
#[derive(Debug, Clone)]
pub struct DtlsIdentity {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
    config: Arc<Config>,
}

impl DtlsIdentity {
    /// Makes a self-signed certificate with a new ECDSA key on P-256. Clients know it by its fingerprint alone, so it
    /// says nothing else and does not end.
    ///
    /// # Errors
    /// [`Error::Certificate`] if the cryptographic library refuses.
    pub fn generate() -> Result<Self, Error> {
        let failed = |error: rcgen::Error| Error::Certificate(error.to_string());
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "voxhall");
        let certificate = params.self_signed(&key).map_err(failed)?.der().to_vec();
        let config = Config::builder()
            .mtu(MTU)
            // The client's address was proved by ICE.
            .use_server_cookie(false)
            .require_client_certificate(true)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .flight_retries(RETRANSMISSIONS)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            .build()
            .map_err(|error| Error::Certificate(error.to_string()))?;
        Ok(Self {
            shared: Arc::new(Shared {
                fingerprint: fingerprint_of(&certificate),
                certificate: DtlsCertificate {
                    certificate,
                    private_key: key.serialize_der(),
                },
                config: Arc::new(config),
            }),
        })
    }

    /// What op 4 tells clients of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.shared.fingerprint
    }
}

/// Why a WebRTC member has no transport and will have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportFailure {
    /// The client's certificate is not the one that op 1 announced.
    WrongFingerprint,
    /// The handshake cannot succeed: nothing in common, or the client breaks the protocol.
    Handshake,
    /// The handshake did not end in time.
    TimedOut,
    /// The code panicked: a bug.
    Panic,
}

/// What a handshake yields.
#[derive(Debug)]
pub struct Established {
    /// How media is protected.
    pub profile: SrtpProfile,
    /// The keys for it.
    pub keys: SrtpKeys,
    /// Of the peer's certificate. Whether it is the right one is for the caller to say.
    pub fingerprint: Fingerprint,
}

/// One side of one handshake. The server is [`passive`](Self::new); who generates load is a [`client`](Self::client).
pub struct Handshake {
    dtls: Dtls,
    role: DtlsRole,
    fingerprint: Option<Fingerprint>,
    due: Instant,
    /// When it is given up. The library's own limit begins with the first record, which may never come.
    deadline: Option<Instant>,
}

impl Handshake {
    /// A handshake that waits for the client.
    #[must_use]
    pub fn new(identity: &DtlsIdentity, now: Instant) -> Self {
        let shared = &identity.shared;
        Self {
            dtls: Dtls::new_auto(shared.config.clone(), shared.certificate.clone(), now),
            role: DtlsRole::Server,
            fingerprint: None,
            due: now + HANDSHAKE_TIMEOUT,
            deadline: Some(now + HANDSHAKE_TIMEOUT),
        }
    }

    /// The side that begins, as browsers are; the first [`advance`](Self::advance) sends its first flight.
    #[must_use]
    pub fn client(identity: &DtlsIdentity, now: Instant) -> Self {
        let mut handshake = Self {
            role: DtlsRole::Client,
            ..Self::new(identity, now)
        };
        handshake.dtls.set_active(true);
        handshake
    }

    /// When [`Handshake::advance`] is to be called next.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.deadline.map_or(self.due, |deadline| self.due.min(deadline))
    }

    /// Takes a datagram of the client, if one came, and does what is due. What is to be sent goes to `send`. After an
    /// error the handshake is of no use.
    pub fn advance(
        &mut self,
        now: Instant,
        datagram: Option<&[u8]>,
        send: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Established>, TransportFailure> {
        // Bytes from the network must not end a worker, whatever a library makes of them.
        panic::catch_unwind(AssertUnwindSafe(|| self.step(now, datagram, send)))
            .unwrap_or(Err(TransportFailure::Panic))
    }

    fn step(
        &mut self,
        now: Instant,
        datagram: Option<&[u8]>,
        send: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Established>, TransportFailure> {
        self.dtls.handle_timeout(now).map_err(|error| failure(&error))?;
        if let Some(datagram) = datagram {
            self.dtls
                .handle_packet(datagram)
                .map_err(|error| failure(&error))?;
        }
        let mut buffer = vec![0; 2 * MTU];
        let (mut connected, mut established) = (false, None);
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => send(packet),
                Output::PeerCert(der) => self.fingerprint = Some(fingerprint_of(der)),
                Output::KeyingMaterial(material, profile) => {
                    established = Some(self.establish(&material, profile)?);
                }
                Output::Connected => connected = true,
                Output::BufferTooSmall { needed } if needed <= MAX_OUTPUT => buffer.resize(needed, 0),
                Output::BufferTooSmall { .. } => return Err(TransportFailure::Handshake),
                Output::Timeout(at) => {
                    self.due = at.max(now + SHORTEST_WAIT);
                    break;
                }
                _ => {}
            }
        }
        if established.is_some() {
            self.deadline = None;
        } else if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(TransportFailure::TimedOut);
        }
        // Without keys for SRTP there is nothing to be connected for.
        if connected && established.is_none() {
            return Err(TransportFailure::Handshake);
        }
        Ok(established)
    }

    fn establish(
        &self,
        material: &[u8],
        profile: NegotiatedProfile,
    ) -> Result<Established, TransportFailure> {
        let profile = match profile {
            NegotiatedProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
            NegotiatedProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
            NegotiatedProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmHmacSha1_80,
            _ => return Err(TransportFailure::Handshake),
        };
        let keys = SrtpKeys::from_exported(profile, material, self.role);
        Ok(Established {
            profile,
            keys: keys.map_err(|_| TransportFailure::Handshake)?,
            fingerprint: self.fingerprint.ok_or(TransportFailure::Handshake)?,
        })
    }
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Handshake").finish_non_exhaustive()
    }
}

fn failure(error: &dimpl::Error) -> TransportFailure {
    match error {
        dimpl::Error::Timeout(_) => TransportFailure::TimedOut,
        _ => TransportFailure::Handshake,
    }
}

fn fingerprint_of(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, der).as_ref());
    Fingerprint(bytes)
}

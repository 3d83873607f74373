use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};

use crate::Error;
use crate::file::{self, Access};
use crate::identity::{Identity, provider, read_certificates, read_key};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_VALID: Duration = Duration::from_secs(DAY.as_secs() * 3650);
const LEAF_VALID: Duration = Duration::from_secs(DAY.as_secs() * 365);
/// A leaf with less than this left is replaced.
const RENEW_BEFORE: Duration = Duration::from_secs(DAY.as_secs() * 30);
/// Certificates begin this long ago, for clients whose clock is behind.
const CLOCK_SKEW: Duration = DAY;
/// Names that every leaf is valid for.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate authority of this server's own, for machines that no public authority vouches for.
///
/// It lives in the state folder: `ca.pem` is what clients are given to trust, `ca-key.pem` (mode 0600) stays, and
/// `server.pem` with `server-key.pem` is the certificate the server shows. It is made on first start and never
/// replaced silently, since every client would have to be told.
#[derive(Debug)]
pub struct LocalAuthority {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
    is_new: bool,
}

impl LocalAuthority {
    /// Reads the authority of a state folder, or makes one if the folder has none.
    ///
    /// # Errors
    /// [`Error::HalfAuthority`] if only one of its two files is there, and file errors.
    pub fn open(folder: &Path, now: SystemTime) -> Result<Self, Error> {
        let (certificate, key) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        match (certificate.exists(), key.exists()) {
            (true, true) => Self::read(folder),
            (false, false) => Self::create(folder, now),
            (true, false) => Err(Error::HalfAuthority {
                missing: key,
                present: certificate,
            }),
            (false, true) => Err(Error::HalfAuthority {
                missing: certificate,
                present: key,
            }),
        }
    }

    /// The file clients are given to trust.
    #[must_use]
    pub fn certificate_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Whether [`open`](Self::open) has just made it: no client trusts it yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The server's certificate for these host names and addresses, besides the loopback ones.
    ///
    /// The one in the state folder is used again as long as it covers every name and has a month left.
    ///
    /// # Errors
    /// [`Error::BadName`]; [`Error::Authority`] if the authority has expired or does not fit its key; file errors.
    pub fn identity(&self, names: &[String], now: SystemTime) -> Result<Identity, Error> {
        let names = parse_names(names)?;
        if let Some(identity) = self.stored_identity(&names, now) {
            return Ok(identity);
        }
        let (leaf, key) = self.issue(&names, now)?;
        self.check(leaf.der(), &names, now)
            .map_err(|source| Error::Authority {
                path: self.certificate_file(),
                source,
            })?;
        let chain_pem = leaf.pem() + &self.certificate_pem;
        file::replace(
            &self.folder.join("server-key.pem"),
            key.serialize_pem().as_bytes(),
            Access::Secret,
        )?;
        file::replace(
            &self.folder.join("server.pem"),
            chain_pem.as_bytes(),
            Access::Public,
        )?;
        tracing::info!("made a new server certificate");
        let chain = vec![leaf.der().clone(), self.certificate.clone()];
        Ok(Identity::new(chain, key.into())?)
    }

    fn read(folder: &Path) -> Result<Self, Error> {
        let (certificate_file, key_file) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        let not_pem = |what, path: &Path| Error::NotPem {
            what,
            path: path.to_owned(),
        };
        let certificate_pem = read_text("the authority's certificate", &certificate_file)?;
        let certificate = read_certificates(&certificate_file)?
            .pop()
            .ok_or_else(|| not_pem("the authority's certificate", &certificate_file))?;
        let key = KeyPair::from_pem(&read_text("the authority's key", &key_file)?)
            .map_err(|_| not_pem("the authority's key", &key_file))?;
        Ok(Self {
            folder: folder.to_owned(),
            certificate,
            certificate_pem,
            key,
            is_new: false,
        })
    }

    fn create(folder: &Path, now: SystemTime) -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let mut params = authority_params(&key);
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = (now + AUTHORITY_VALID).into();
        let certificate = params.self_signed(&key)?;
        // The key goes first: a crash in between leaves a half that `open` reports.
        file::replace(
            &folder.join("ca-key.pem"),
            key.serialize_pem().as_bytes(),
            Access::Secret,
        )?;
        file::replace(
            &folder.join("ca.pem"),
            certificate.pem().as_bytes(),
            Access::Public,
        )?;
        Ok(Self {
            folder: folder.to_owned(),
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key,
            is_new: true,
        })
    }

    /// The pair in the state folder, if it still serves; whatever is wrong with it, a new one is made.
    fn stored_identity(&self, names: &[SanType], now: SystemTime) -> Option<Identity> {
        let chain = read_certificates(&self.folder.join("server.pem")).ok()?;
        let key = read_key(&self.folder.join("server-key.pem")).ok()?;
        let leaf = chain.first()?;
        self.check(leaf, names, now).ok()?;
        self.check(leaf, names, now + RENEW_BEFORE).ok()?;
        Identity::new(chain, key).ok()
    }

    fn issue(&self, names: &[SanType], now: SystemTime) -> Result<(rcgen::Certificate, KeyPair), Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Voxhall server");
        params.subject_alt_names = names.to_vec();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = (now - CLOCK_SKEW).into();
        params.not_after = (now + LEAF_VALID).into();
        let issuer = Issuer::new(authority_params(&self.key), &self.key);
        Ok((params.signed_by(&key, &issuer)?, key))
    }

    /// Checks a leaf as a client will: signed by this authority, valid at `at`, for server use, for every name.
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        names: &[SanType],
        at: SystemTime,
    ) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let verify = |certificate: &_, name: &_| verifier.verify_server_cert(certificate, &[], name, &[], at);
        // The authority's own dates are not looked at when it is the root, though OpenSSL does; as a leaf it is
        // refused in any case, and for its dates first.
        let localhost = ServerName::try_from(LOOPBACK[0]).expect("localhost is a host name");
        if let Err(
            outdated @ rustls::Error::InvalidCertificate(
                CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. },
            ),
        ) = verify(&self.certificate, &localhost)
        {
            return Err(outdated);
        }
        names
            .iter()
            .filter_map(server_name)
            .try_for_each(|name| verify(leaf, &name).map(drop))
    }
}

/// The authority's name ends in its key's fingerprint, so that two authorities on one machine are not confused and
/// the name can be had from the key alone.
fn authority_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let fingerprint = params.key_identifier(key);
    let short: String = fingerprint
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Voxhall local authority {short}"));
    params
}

fn parse_names(names: &[String]) -> Result<Vec<SanType>, Error> {
    let mut parsed: Vec<SanType> = Vec::new();
    for name in LOOPBACK.into_iter().chain(names.iter().map(String::as_str)) {
        let san = match name.parse::<IpAddr>() {
            // "All addresses" is where to listen, not where to dial.
            Ok(address) if address.is_unspecified() => continue,
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host_name(name)?),
        };
        if !parsed.contains(&san) {
            parsed.push(san);
        }
    }
    Ok(parsed)
}

fn host_name(name: &str) -> Result<rcgen::string::Ia5String, Error> {
    let bad = || Error::BadName(name.to_owned());
    ServerName::try_from(name).map_err(|_| bad())?;
    name.to_ascii_lowercase().try_into().map_err(|_| bad())
}

fn server_name(san: &SanType) -> Option<ServerName<'static>> {
    match san {
        SanType::DnsName(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
        SanType::IpAddress(address) => Some(ServerName::from(*address)),
        _ => None,
    }
}

fn read_text(what: &'static str, path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => Error::NotPem {
            what,
            path: path.to_owned(),
        },
        _ => Error::Read {
            what,
            path: path.to_owned(),
            source,
        },
    })
}

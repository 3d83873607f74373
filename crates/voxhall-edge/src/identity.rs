use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Error;

/// What the server shows in a TLS handshake: its certificate chain and the key to it.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) config: Arc<ServerConfig>,
}

impl Identity {
    /// Reads a certificate chain (leaf first) and its private key from PEM files.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotPem`], and [`Error::Pair`] if the key is not the certificate's.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let chain = read_certificates(certificate)?;
        let private = read_key(key)?;
        Self::new(chain, private).map_err(|source| Error::Pair {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        })
    }

    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    const WHAT: &str = "the certificate";
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| pem_error(WHAT, path, source))?;
    if chain.is_empty() {
        return Err(Error::NotPem {
            what: WHAT,
            path: path.to_owned(),
        });
    }
    Ok(chain)
}

pub(crate) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| pem_error("the private key", path, source))
}

/// A file that is not text is the wrong file, not an unreadable one.
fn pem_error(what: &'static str, path: &Path, error: pem::Error) -> Error {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
            Error::Read { what, path, source }
        }
        _ => Error::NotPem { what, path },
    }
}

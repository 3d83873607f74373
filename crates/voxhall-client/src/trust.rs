//! Which certificates a TLS connection accepts.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// Whose certificates are trusted. Applies to the main Gateway, REST and voice alike.
///
/// A server with a certificate from a public authority needs [`Trust::System`]. A server with its own local authority
/// writes that authority's certificate to a file; pass the file with [`Trust::CaFile`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// The authorities the operating system trusts.
    #[default]
    System,
    /// The authorities in this PEM file, and no others.
    CaFile(PathBuf),
    /// These authorities (DER), and no others.
    Certificates(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// Builds what TLS connections share.
    ///
    /// # Errors
    /// [`Error::CaFile`] if the file cannot be read or holds no certificate, [`Error::NoTrust`] if the system has
    /// no usable authority.
    pub fn tls_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let roots = match self {
            Self::System => system_roots()?,
            Self::CaFile(path) => roots_of_file(path)?,
            Self::Certificates(certificates) => roots_of(certificates.iter().cloned())?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::NoTrust(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Small fragments keep the buffers of a thousand idle connections small; messages are small anyway.
        config.max_fragment_size = Some(4096);
        Ok(Arc::new(config))
    }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found
            .errors
            .first()
            .map_or_else(|| "none are installed".to_owned(), ToString::to_string);
        return Err(Error::NoTrust(why));
    }
    Ok(roots)
}

fn roots_of_file(path: &std::path::Path) -> Result<RootCertStore, Error> {
    let unusable = |reason: String| Error::CaFile {
        path: path.to_owned(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable("it holds no PEM certificate".to_owned()));
    }
    roots_of(certificates).map_err(|error| unusable(error.to_string()))
}

fn roots_of(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|error| Error::NoTrust(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Error::NoTrust("the list of certificates is empty".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_file_is_named() {
        let error = Trust::CaFile("no-such-ca.pem".into()).tls_config().unwrap_err();
        assert!(error.to_string().contains("no-such-ca.pem"), "{error}");
    }

    #[test]
    fn empty_list_trusts_nobody() {
        assert!(matches!(
            Trust::Certificates(Vec::new()).tls_config(),
            Err(Error::NoTrust(_))
        ));
    }
}

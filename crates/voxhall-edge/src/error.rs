use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the edge could not be set up. Nothing a network peer does ends here: such connections are only closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program listens there.
    #[error(
        "port {} of {} is in use by another program; stop it, or choose another port (0 picks a free one)",
        .0.port(), .0.ip()
    )]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a port you may open"
    )]
    Listen {
        /// Where it was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {what} {}: {source}; check that the file exists and that this user may read it", path.display())]
    Read {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; choose a state folder that this user may write to", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is there but holds something else.
    #[error("{} does not hold {what} in PEM form; give the right file", path.display())]
    NotPem {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key are not a pair, or of a kind that cannot serve TLS.
    #[error(
        "the certificate {} and the key {} do not work together: {source}; give the two files of one pair",
        certificate.display(), key.display()
    )]
    Pair {
        /// The certificate chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// One half of the local authority is lost.
    #[error(
        "the local authority is incomplete: {} is missing; put it back, or delete {} as well to make a new authority \
         (every client must then be given the new certificate)", missing.display(), present.display()
    )]
    HalfAuthority {
        /// The half that is not there.
        missing: PathBuf,
        /// The half that is.
        present: PathBuf,
    },
    /// The local authority has expired, or its certificate and key do not belong together.
    #[error(
        "the local authority {} cannot vouch for this server: {source}; move its ca.pem and ca-key.pem away to make a \
         new one (every client must then be given the new certificate)", path.display()
    )]
    Authority {
        /// The authority's certificate.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A name that cannot stand in a certificate.
    #[error("{0:?} is neither an IP address nor a host name; give one like voice.example.org or 192.0.2.7")]
    BadName(String),
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}; this is a fault of the cryptographic library, report it")]
    Certificate(#[from] rcgen::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}; this is a fault of the cryptographic library, report it")]
    Tls(#[from] rustls::Error),
}

//! Reaching a server: addresses, TCP, TLS and the WebSocket upgrade. All protocol knowledge is elsewhere.

mod address;
mod socket;
mod stream;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

pub use address::{Address, BadAddress};
pub(crate) use socket::{optional, say_goodbye, send, sleep_until};
pub(crate) use stream::Stream;

use crate::Error;

/// How long reaching a server (name, TCP, TLS, upgrade) may take.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Read and write buffers of a WebSocket: one control message, not a stream of data.
const SOCKET_BUFFER: usize = 2048;

/// An open WebSocket, with or without TLS; boxed, because it is large and handed around.
pub(crate) type WebSocket = Box<WebSocketStream<Stream>>;

/// Opens TCP and, for a secure address, TLS.
pub(crate) async fn connect(address: &Address, tls: &Arc<rustls::ClientConfig>) -> Result<Stream, Error> {
    let unreachable = |source| Error::Unreachable {
        address: address.authority(),
        source,
    };
    let tcp = TcpStream::connect((address.host(), address.port()))
        .await
        .map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    if !address.is_secure() {
        return Ok(Stream::Plain(tcp));
    }
    let name = ServerName::try_from(address.host().to_owned()).map_err(|_| BadAddress::Host)?;
    let session = TlsConnector::from(Arc::clone(tls))
        .connect(name, tcp)
        .await
        .map_err(|source| tls_error(address, source))?;
    Ok(Stream::Tls(Box::new(session)))
}

/// Opens a WebSocket whose messages are at most `max_message` bytes, within [`DIAL_TIMEOUT`].
pub(crate) async fn open_websocket(
    address: &Address,
    tls: &Arc<rustls::ClientConfig>,
    max_message: usize,
) -> Result<WebSocket, Error> {
    let upgrade = async {
        let stream = connect(address, tls).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(SOCKET_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(64 * 1024)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let opened =
            tokio_tungstenite::client_async_with_config(address.to_string(), stream, Some(config)).await;
        opened
            .map(|(socket, _)| Box::new(socket))
            .map_err(|error| upgrade_error(address, error))
    };
    match tokio::time::timeout(DIAL_TIMEOUT, upgrade).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::Unreachable {
            address: address.authority(),
            source: io::Error::new(io::ErrorKind::TimedOut, "no answer within 10 s"),
        }),
    }
}

fn tls_error(address: &Address, source: io::Error) -> Error {
    let tls = source
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(reason)) => Error::NotTrusted {
            address: address.authority(),
            reason: rustls::Error::InvalidCertificate(reason.clone()).to_string(),
        },
        _ => Error::Unreachable {
            address: address.authority(),
            source,
        },
    }
}

fn upgrade_error(address: &Address, error: tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Io(source) => tls_error(address, source),
        tungstenite::Error::Http(response) => Error::UpgradeRefused {
            address: address.authority(),
            status: response.status().as_u16(),
        },
        other => Error::Unreachable {
            address: address.authority(),
            source: io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
        },
    }
}

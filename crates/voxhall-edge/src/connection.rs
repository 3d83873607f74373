//! One accepted connection: TLS or not, then HTTP until it ends or is upgraded.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::listener::{Limits, Peer};
use crate::sites::Sites;
use crate::unread;
use crate::wire::{Held, Wire};

/// The first byte of a TLS connection: content type `handshake` (RFC 8446 section 5.1). No HTTP method starts so.
const TLS_HANDSHAKE: u8 = 0x16;

/// What all connections of a listener have in common.
pub(crate) struct Shared {
    pub(crate) tls: TlsAcceptor,
    pub(crate) limits: Limits,
    pub(crate) sites: Sites,
    /// Becomes true when the listener stops.
    pub(crate) stopped: watch::Receiver<bool>,
}

impl Shared {
    /// Serves one connection to its end. What goes wrong is the peer's doing and ends this connection alone.
    pub(crate) async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        slot: OwnedSemaphorePermit,
    ) {
        let opened = tokio::select! {
            opened = timeout(self.limits.handshake, self.open(stream, slot)) => opened,
            () = self.told_to_stop() => return,
        };
        match opened {
            Ok(Ok(Opened::Plain(wire))) => self.speak_http(wire, address).await,
            Ok(Ok(Opened::Tls(wire))) => self.speak_http(wire, address).await,
            // Browsers open connections in advance and drop those that they do not need.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                tracing::debug!(%address, "connection ended before the first request");
            }
            Ok(Err(error)) => tracing::info!(%address, %error, "connection failed before the first request"),
            Err(_) => tracing::debug!(%address, "connection was too slow to begin"),
        }
    }

    async fn open(&self, stream: TcpStream, slot: OwnedSemaphorePermit) -> io::Result<Opened> {
        // Gateway messages are small and each is awaited: they must not wait for the last one's acknowledgement.
        stream.set_nodelay(true)?;
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[0] == TLS_HANDSHAKE {
            let stream = Box::new(self.tls.accept(stream).await?);
            Ok(Opened::Tls(Held::new(stream, slot)))
        } else {
            Ok(Opened::Plain(Held::new(stream, slot)))
        }
    }

    async fn speak_http<W: Wire>(self: &Arc<Self>, wire: Held<W>, address: SocketAddr) {
        let peer = Peer { address, tls: W::TLS };
        let service = service_fn(|request| self.clone().answer(request, peer));
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(self.limits.head_bytes)
            .serve_connection(TokioIo::new(wire), service)
            .with_upgrades();
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = self.told_to_stop() => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        match ended {
            Ok(()) => {}
            Err(error) if error.is_parse() => tracing::info!(%address, %error, "what came is not HTTP"),
            Err(error) => tracing::debug!(%address, %error, "connection failed"),
        }
        // A WebSocket is its handler's now.
        if let Some(parts) = connection.into_parts() {
            // Boxed, because requests should not carry the size of their connection's end around.
            let lingering = Box::pin(parts.io.into_inner().linger(self.limits.linger));
            tokio::select! {
                () = lingering => {}
                () = self.told_to_stop() => {}
            }
        }
    }

    async fn told_to_stop(&self) {
        // An error means that the listener is gone, which is a stop as well.
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }

    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        peer: Peer,
    ) -> Result<Response, std::convert::Infallible> {
        let (mut request, unread) = unread::watch(request);
        let extensions = request.extensions_mut();
        // In axum's own words too, for routers that need not know this crate.
        extensions.insert(ConnectInfo(peer.address));
        extensions.insert(peer);
        let router = TowerToHyperService::new(self.sites.route(&request).clone());
        let answer = timeout(self.limits.request, router.call(request)).await;
        // The answer waits for the rest of the body, so that the connection can be kept.
        let _ = timeout(self.limits.linger, unread.throw_away(self.limits.body_bytes)).await;
        answer.unwrap_or_else(|_| Ok(StatusCode::REQUEST_TIMEOUT.into_response()))
    }
}

enum Opened {
    Plain(Held<TcpStream>),
    Tls(Held<Box<TlsStream<TcpStream>>>),
}

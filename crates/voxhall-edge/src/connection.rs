//! One accepted connection: TLS or not, then HTTP until it ends or is upgraded.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::listener::{Limits, Peer};
use crate::sites::Sites;

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
            Ok(Ok(Opened::Plain(stream))) => self.speak_http(stream, Peer { address, tls: false }).await,
            Ok(Ok(Opened::Tls(stream))) => self.speak_http(stream, Peer { address, tls: true }).await,
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
        let stream = Held { stream, _slot: slot };
        if first[0] == TLS_HANDSHAKE {
            Ok(Opened::Tls(Box::new(self.tls.accept(stream).await?)))
        } else {
            Ok(Opened::Plain(stream))
        }
    }

    async fn speak_http<S>(self: &Arc<Self>, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| self.clone().answer(request, peer));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(self.limits.head_bytes)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.told_to_stop() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        let address = peer.address;
        match ended {
            Ok(()) => {}
            Err(error) if error.is_parse() => tracing::info!(%address, %error, "what came is not HTTP"),
            Err(error) => tracing::debug!(%address, %error, "connection failed"),
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
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        // In axum's own words too, for routers that need not know this crate.
        extensions.insert(ConnectInfo(peer.address));
        extensions.insert(peer);
        let router = TowerToHyperService::new(self.sites.route(&request).clone());
        match timeout(self.limits.request, router.call(request)).await {
            Ok(answer) => answer,
            Err(_) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
        }
    }
}

enum Opened {
    Plain(Held),
    Tls(Box<tokio_rustls::server::TlsStream<Held>>),
}

/// A TCP stream with its place among [`Limits::connections`], which it keeps when it is upgraded to a WebSocket.
struct Held {
    stream: TcpStream,
    _slot: OwnedSemaphorePermit,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

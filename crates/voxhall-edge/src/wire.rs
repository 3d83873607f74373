//! The byte stream below HTTP: a TCP connection, with TLS or without, and how it ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// Bytes thrown away at once.
const THROWN_AWAY: usize = 4096;

/// What bytes go over: TCP itself, or TLS over it.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether what is said is secret.
    const TLS: bool;

    /// Tells the peer that nothing more comes, as far as that goes without waiting.
    fn say_goodbye(&mut self);

    /// The connection below.
    fn tcp(&mut self) -> &mut TcpStream;
}

impl Wire for TcpStream {
    const TLS: bool = false;

    fn say_goodbye(&mut self) {
        // The system says it when the socket is closed.
    }

    fn tcp(&mut self) -> &mut TcpStream {
        self
    }
}

impl Wire for Box<TlsStream<TcpStream>> {
    const TLS: bool = true;

    /// Without `close_notify` the peer cannot tell an end from a cut (RFC 8446 section 6.1), and many report an error.
    fn say_goodbye(&mut self) {
        let (tcp, session) = self.get_mut();
        session.send_close_notify();
        // Who takes nothing any more hears no goodbye either.
        while session.wants_write() && session.write_tls(&mut WithoutWaiting(tcp)).is_ok() {}
    }

    fn tcp(&mut self) -> &mut TcpStream {
        self.get_mut().0
    }
}

struct WithoutWaiting<'a>(&'a TcpStream);

impl io::Write for WithoutWaiting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A wire with its place among [`Limits::connections`](crate::Limits::connections), which it keeps when it is upgraded
/// to a WebSocket. Whoever drops it, the peer hears a goodbye.
pub(crate) struct Held<W: Wire> {
    wire: W,
    _slot: OwnedSemaphorePermit,
}

impl<W: Wire> Held<W> {
    pub(crate) fn new(wire: W, slot: OwnedSemaphorePermit) -> Self {
        Self { wire, _slot: slot }
    }

    /// Ends the connection so that the peer can read what it was told last: a connection that is closed with unread
    /// bytes in it, or is sent more, is reset, and the reset may overtake the answer.
    ///
    /// Says goodbye, then throws away what still comes, for `patience` at most.
    pub(crate) async fn linger(mut self, patience: Duration) {
        let lingering = async {
            self.wire.shutdown().await?;
            let mut thrown_away = [0; THROWN_AWAY];
            while self.wire.tcp().read(&mut thrown_away).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        // However it goes, it is over.
        let _ = timeout(patience, lingering).await;
    }
}

impl<W: Wire> Drop for Held<W> {
    fn drop(&mut self) {
        self.wire.say_goodbye();
    }
}

impl<W: Wire> AsyncRead for Held<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl<W: Wire> AsyncWrite for Held<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }
}

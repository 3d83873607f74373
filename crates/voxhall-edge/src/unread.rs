//! Request bodies that a handler left unread.
//!
//! Some answers do not need the body: who is not known is refused whatever was asked for. If it has not all come by
//! then, hyper closes the connection behind the answer, and a client that still writes finds it broken before it reads.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::EXPECT;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// The rest of a request's body, once its handler is done with it.
pub(crate) struct Unread(Option<oneshot::Receiver<Incoming>>);

/// Splits what a handler leaves of the body from a request.
pub(crate) fn watch(request: hyper::Request<Incoming>) -> (axum::extract::Request, Unread) {
    // Who asks before sending a body sends none to whom it has not been told to.
    let asks = request.headers().contains_key(EXPECT);
    if asks || request.body().is_end_stream() {
        return (request.map(Body::new), Unread(None));
    }
    let (back, rest) = oneshot::channel();
    let request = request.map(|body| {
        Body::new(Watched {
            body: Some(body),
            back: Some(back),
        })
    });
    (request, Unread(Some(rest)))
}

impl Unread {
    /// Reads what was left, up to `most` bytes, and throws it away.
    pub(crate) async fn throw_away(self, most: usize) {
        let Some(mut body) = self.0.and_then(|mut rest| rest.try_recv().ok()) else {
            return;
        };
        let mut left = most;
        while let Some(Ok(frame)) = next(&mut body).await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

async fn next(body: &mut Incoming) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await
}

/// A body that goes back to the server when its handler drops it before its end.
struct Watched {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody waits for it if the answer took too long.
            let _ = back.send(body);
        }
    }
}

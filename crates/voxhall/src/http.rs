//! Requests to a server: TCP, TLS with a chosen authority, HTTP/1.1, one connection each.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use voxhall_client::{Address, Trust};
use voxhall_protocol::Token;

/// How long a server may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST_ANSWER: usize = 8 << 20;

/// A connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Reaches servers, and trusts whom it was told to.
#[derive(Clone)]
pub struct Dialer {
    tls: Arc<rustls::ClientConfig>,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON body; `Null` without one.
    pub body: Value,
}

impl Dialer {
    /// A dialer with these authorities.
    pub fn new(trust: &Trust) -> Result<Self> {
        Ok(Self {
            tls: trust.tls_config()?,
        })
    }

    /// Opens TCP and, for a secure address, TLS.
    pub async fn connect(&self, address: &Address) -> Result<Box<dyn Stream>> {
        let authority = address.authority();
        let tcp = TcpStream::connect((address.host(), address.port()))
            .await
            .with_context(|| format!("{authority} cannot be reached"))?;
        if !address.is_secure() {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(address.host().to_owned()).map_err(|_| {
            anyhow!(
                "{} is no host name that a certificate could be for",
                address.host()
            )
        })?;
        let secured = TlsConnector::from(self.tls.clone())
            .connect(name, tcp)
            .await
            .with_context(|| format!("{authority} cannot be trusted"))?;
        Ok(Box::new(secured))
    }

    /// Sends a request and reads the whole answer.
    pub async fn request(
        &self,
        method: Method,
        address: &Address,
        token: Option<&Token>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let authorization = token.map(|token| format!("Bearer {}", token.expose()));
        self.request_as(method, address, authorization.as_deref(), body)
            .await
    }

    /// The same with another kind of authorization.
    pub async fn request_as(
        &self,
        method: Method,
        address: &Address,
        authorization: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let exchange = self.exchange(method, address, authorization, body);
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(answer) => answer.with_context(|| format!("no answer from {address}")),
            Err(_) => Err(anyhow!(
                "no answer from {address} within {} s",
                PATIENCE.as_secs()
            )),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        address: &Address,
        authorization: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(address.path())
            .header(HOST, address.authority());
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let content = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(content)))?;
        let stream = TokioIo::new(self.connect(address).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        let answer = async move {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let content = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
            let content = content.map_err(|error| anyhow!("the answer broke off: {error}"))?;
            anyhow::Ok((status, content.to_bytes()))
        };
        // The connection must be driven along; what goes wrong with it, the answer says as well.
        let (answer, _) = tokio::join!(answer, connection);
        let (status, bytes) = answer?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, body })
    }
}

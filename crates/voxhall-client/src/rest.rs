//! The few REST requests that voice and calls need, over HTTP/1.1 with or without TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::model::{Channel, User};
use voxhall_protocol::rest::{
    ApiError, ApiErrorCode, CreateDm, GatewayUrl, PatchCall, RingRequest, Ringable, StopRinging,
};
use voxhall_protocol::{Extra, Nullable, Token, rest};

use crate::Error;
use crate::gateway::Account;
use crate::net::{self, Address};

/// How long a request may take, answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Largest answer that is read.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// A client of the REST API for one account.
#[derive(Debug, Clone)]
pub struct Rest {
    base: Address,
    tls: Arc<rustls::ClientConfig>,
    authorization: Token,
}

impl Rest {
    /// Requests go to `api` (the base address up to and without `/v10`) in the name of the account.
    ///
    /// # Errors
    /// [`Error::BadAddress`] if `api` cannot be dialled.
    pub fn new(
        api: &str,
        token: &Token,
        account: Account,
        tls: Arc<rustls::ClientConfig>,
    ) -> Result<Self, Error> {
        let address: Address = api.parse()?;
        let path = format!(
            "{}/v{}",
            address.path().trim_end_matches('/'),
            account.api_version()
        );
        let authorization = match account {
            Account::Bot(_) => Token::new(format!("Bot {}", token.expose())),
            Account::User(_) => token.clone(),
        };
        Ok(Self {
            base: address.with_path(&path),
            tls,
            authorization,
        })
    }

    /// Where the main Gateway is.
    ///
    /// # Errors
    /// As every request: [`Error::Unreachable`], [`Error::NotTrusted`], [`Error::WrongToken`], [`Error::Refused`],
    /// [`Error::BadAnswer`].
    pub async fn gateway_url(&self) -> Result<String, Error> {
        let answer: GatewayUrl = self.get("/gateway").await?;
        Ok(answer.url)
    }

    /// The own account.
    ///
    /// # Errors
    /// As every request; see [`gateway_url`](Self::gateway_url).
    pub async fn me(&self) -> Result<User, Error> {
        self.get("/users/@me").await
    }

    /// The private channel with a user, opened if there is none.
    ///
    /// # Errors
    /// As every request; see [`gateway_url`](Self::gateway_url).
    pub async fn private_channel(&self, user: UserId) -> Result<Channel, Error> {
        let body = CreateDm {
            recipients: Some(vec![user]),
            recipient_id: None,
            extra: Extra::new(),
        };
        self.send(Method::POST, "/users/@me/channels", &body).await
    }

    /// Whether the others of a private channel can be rung.
    ///
    /// # Errors
    /// As every request; see [`gateway_url`](Self::gateway_url).
    pub async fn is_ringable(&self, channel: ChannelId) -> Result<bool, Error> {
        let answer: Ringable = self.get(&format!("/channels/{channel}/call")).await?;
        Ok(answer.ringable)
    }

    /// Rings people of a call that is running; `None`: all others.
    ///
    /// # Errors
    /// As every request; see [`gateway_url`](Self::gateway_url).
    pub async fn ring(&self, channel: ChannelId, recipients: Option<Vec<UserId>>) -> Result<(), Error> {
        let body = RingRequest {
            recipients: Nullable::from(recipients),
            extra: Extra::new(),
        };
        let path = format!("/channels/{channel}/call/ring");
        self.send_only(Method::POST, &path, &body).await
    }

    /// Stops ringing people; `None`: oneself, which declines the call.
    ///
    /// # Errors
    /// As every request; see [`gateway_url`](Self::gateway_url).
    pub async fn stop_ringing(
        &self,
        channel: ChannelId,
        recipients: Option<Vec<UserId>>,
    ) -> Result<(), Error> {
        let body = StopRinging {
            recipients: recipients.map_or(Nullable::Absent, Nullable::Value),
            extra: Extra::new(),
        };
        let path = format!("/channels/{channel}/call/stop-ringing");
        self.send_only(Method::POST, &path, &body).await
    }

    /// Moves a running call to another region.
    ///
    /// # Errors
    /// As every request; see [`gateway_url`](Self::gateway_url).
    pub async fn move_call(&self, channel: ChannelId, region: &str) -> Result<(), Error> {
        let body = PatchCall {
            region: Some(region.to_owned()),
            extra: Extra::new(),
        };
        self.send_only(Method::PATCH, &format!("/channels/{channel}/call"), &body)
            .await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = self.request(Method::GET, path, Bytes::new()).await?;
        read(&Method::GET, path, &answer)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let answer = self.request(method.clone(), path, json(body)).await?;
        read(&method, path, &answer)
    }

    async fn send_only(&self, method: Method, path: &str, body: &impl Serialize) -> Result<(), Error> {
        self.request(method, path, json(body)).await.map(drop)
    }

    /// One request on a connection of its own: there are few, and none waits for another.
    async fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
        let exchange = self.exchange(&method, path, body);
        let answered = tokio::time::timeout(REQUEST_TIMEOUT, exchange).await;
        let (status, body) = answered.unwrap_or_else(|_| {
            let silence = io::Error::new(io::ErrorKind::TimedOut, "no answer within 15 s");
            Err(self.unreachable(silence))
        })?;
        if status.is_success() {
            return Ok(body);
        }
        Err(refusal(&method, path, status, &body))
    }

    async fn exchange(&self, method: &Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Error> {
        let broken = |error: hyper::Error| self.unreachable(io::Error::other(error));
        let stream = net::connect(&self.base, &self.tls).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base.path()))
            .header(HOST, self.base.authority())
            .header(USER_AGENT, concat!("voxhall-client/", env!("CARGO_PKG_VERSION")))
            .header(AUTHORIZATION, self.authorization.expose())
            .header(CONTENT_TYPE, rest::CONTENT_TYPE)
            .body(Full::new(body))
            // Only a token with line breaks in it cannot become a header.
            .map_err(|_| Error::WrongToken)?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        connection.abort();
        match body {
            Ok(body) => Ok((status, body.to_bytes())),
            Err(error) => Err(Error::BadAnswer {
                request: format!("{method} {path}"),
                reason: error.to_string(),
            }),
        }
    }

    fn unreachable(&self, source: io::Error) -> Error {
        Error::Unreachable {
            address: self.base.authority(),
            source,
        }
    }
}

fn json(body: &impl Serialize) -> Bytes {
    // The bodies here are structs with string keys.
    Bytes::from(serde_json::to_vec(body).expect("request bodies are plain structs"))
}

fn read<T: DeserializeOwned>(method: &Method, path: &str, answer: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(answer).map_err(|error| Error::BadAnswer {
        request: format!("{method} {path}"),
        reason: error.to_string(),
    })
}

fn refusal(method: &Method, path: &str, status: StatusCode, body: &[u8]) -> Error {
    if status == StatusCode::UNAUTHORIZED {
        return Error::WrongToken;
    }
    let error = serde_json::from_slice::<ApiError>(body).ok();
    let code = error.as_ref().map_or(ApiErrorCode::General, |error| error.code);
    let reason = status.canonical_reason().unwrap_or("refused");
    Error::Refused {
        request: format!("{method} {path}"),
        status: status.as_u16(),
        code: code.number(),
        message: error.map_or_else(|| reason.to_owned(), |error| error.message),
        advice: advice(status, code),
    }
}

fn advice(status: StatusCode, code: ApiErrorCode) -> &'static str {
    match code {
        ApiErrorCode::UnknownChannel => "check the channel's id, and that this account may see it",
        ApiErrorCode::UnknownGuild => "check the guild's id, and that this account is in it",
        ApiErrorCode::UnknownUser | ApiErrorCode::UnknownMember => "check the user's id",
        ApiErrorCode::BotsNotAllowed => "use a person's account: bots cannot do this",
        ApiErrorCode::MissingAccess | ApiErrorCode::MissingPermissions => {
            "ask for the permission, or use an account that has it"
        }
        _ => match status {
            StatusCode::TOO_MANY_REQUESTS => "wait a little and try again",
            StatusCode::NOT_FOUND => "check the ids, and that a call is running there",
            status if status.is_server_error() => "try again later; the server's log says more",
            _ => "check the request",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let body = br#"{"message":"Unknown Channel","code":10003}"#;
        let error = refusal(
            &Method::POST,
            "/channels/1/call/ring",
            StatusCode::NOT_FOUND,
            body,
        );
        let text = error.to_string();
        assert!(
            text.contains("Unknown Channel") && text.contains("10003") && text.contains("check the channel")
        );
        let error = refusal(&Method::GET, "/gateway", StatusCode::BAD_GATEWAY, b"<html>");
        assert!(error.to_string().contains("Bad Gateway"), "{error}");
        let wrong = refusal(&Method::GET, "/users/@me", StatusCode::UNAUTHORIZED, b"");
        assert!(matches!(wrong, Error::WrongToken));
    }
}

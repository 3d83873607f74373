//! The operator's side of a running server: its `/admin` endpoints, authorised by the token in the state folder.

use std::path::PathBuf;

use anyhow::{Result, bail};
use hyper::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use voxhall_client::{Address, Trust};

use crate::http::Dialer;
use crate::state::{DEFAULT_FOLDER, ServerFile};

/// Which server is administered.
#[derive(Debug, clap::Args)]
pub struct AdminArgs {
    /// The state folder of the running server
    #[arg(long, value_name = "DIR", env = "VOXHALL_STATE", default_value = DEFAULT_FOLDER, global = true)]
    state: PathBuf,

    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// A running server, as its operator speaks to it.
pub struct Admin {
    server: ServerFile,
    base: Address,
    dialer: Dialer,
}

impl AdminArgs {
    /// Finds the server.
    pub fn connect(&self) -> Result<Admin> {
        let server = ServerFile::read(&self.state)?;
        let trust = server.ca.clone().map_or(Trust::System, Trust::CaFile);
        Ok(Admin {
            base: server.api.parse()?,
            dialer: Dialer::new(&trust)?,
            server,
        })
    }
}

impl Admin {
    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.request(Method::GET, path, None).await
    }

    /// Makes something.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.request(Method::POST, path, Some(body)).await
    }

    /// Changes something.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.request(Method::PATCH, path, Some(body)).await
    }

    /// Puts something in its place.
    pub async fn put(&self, path: &str) -> Result<()> {
        self.request::<Value>(Method::PUT, path, None).await.map(drop)
    }

    /// Deletes something.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.request(Method::DELETE, path, None).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let address = self.base.with_path(&format!("/admin{path}"));
        let answer = self
            .dialer
            .request(method, &address, Some(&self.server.admin_token), body)
            .await?;
        if !answer.status.is_success() {
            bail!(
                "the server refused: {}; {}",
                reason(&answer.body, answer.status),
                advice(answer.status)
            );
        }
        Ok(serde_json::from_value(answer.body)?)
    }
}

/// What the JSON error body says, the fault of a field included.
fn reason(body: &Value, status: StatusCode) -> String {
    let message = body["message"]
        .as_str()
        .map_or_else(|| status.to_string(), str::to_owned);
    let field = body["errors"].as_object().and_then(|errors| errors.iter().next());
    match field {
        Some((name, fault)) => {
            let said = fault["_errors"][0]["message"].as_str().unwrap_or("is not valid");
            format!("{message} ({name}: {said})")
        }
        None => message,
    }
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "is this the state folder of the server that runs now?",
        StatusCode::NOT_FOUND => {
            "check it with the `list` of `voxhall user`, `guild`, `channel`, `role` or `invite`"
        }
        StatusCode::BAD_REQUEST => "change what is named and try again",
        _ => "its log says more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_the_field_that_is_wrong() {
        let body = serde_json::json!({
            "message": "Invalid Form Body", "code": 50035,
            "errors": { "name": { "_errors": [{ "code": "INVALID", "message": "give 1 to 100 characters" }] } },
        });
        let said = reason(&body, StatusCode::BAD_REQUEST);
        assert_eq!(said, "Invalid Form Body (name: give 1 to 100 characters)");
        assert_eq!(reason(&Value::Null, StatusCode::NOT_FOUND), "404 Not Found");
    }
}

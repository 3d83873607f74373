use std::collections::HashMap;

use axum::Router;
use axum::extract::Request;
use axum::http::header::HOST;

/// What is served on one port: a router for everything, and others for the host names given to them.
#[derive(Debug, Clone)]
pub struct Sites {
    default: Router,
    by_host: HashMap<String, Router>,
}

impl Sites {
    /// Serves `router` under every name.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self {
            default: router,
            by_host: HashMap::new(),
        }
    }

    /// Serves `router` to requests whose `Host` is `host`, whatever port it names.
    #[must_use]
    pub fn with_host(mut self, host: &str, router: Router) -> Self {
        self.by_host.insert(host.to_ascii_lowercase(), router);
        self
    }

    pub(crate) fn map(self, mut change: impl FnMut(Router) -> Router) -> Self {
        Self {
            default: change(self.default),
            by_host: self
                .by_host
                .into_iter()
                .map(|(host, router)| (host, change(router)))
                .collect(),
        }
    }

    pub(crate) fn route(&self, request: &Request) -> &Router {
        if self.by_host.is_empty() {
            return &self.default;
        }
        request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .and_then(|host| self.by_host.get(&without_port(host).to_ascii_lowercase()))
            .unwrap_or(&self.default)
    }
}

/// `name:443` → `name`, `[::1]:443` → `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_cut_off_names_and_addresses() {
        assert_eq!(without_port("voice.lan:443"), "voice.lan");
        assert_eq!(without_port("voice.lan"), "voice.lan");
        assert_eq!(without_port("[::1]:8443"), "[::1]");
        assert_eq!(without_port("[fe80::a]"), "[fe80::a]");
    }
}

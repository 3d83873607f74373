use std::fmt;
use std::str::FromStr;

/// Why a text is not an address this client can dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Neither http, https, ws nor wss in front.
    #[error("it must begin with http://, https://, ws:// or wss://")]
    Scheme,
    /// The host is empty or no valid name.
    #[error("it has no valid host name")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

/// Where to dial: scheme, host, port and the path that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    web_socket: bool,
    host: String,
    port: u16,
    path: String,
}

impl Address {
    /// The voice gateway at `endpoint` (`host[:port]`, as VOICE_SERVER_UPDATE gives it) for voice version `version`.
    ///
    /// A `:80` suffix is an old mistake of the endpoint's and means the default port (voice-gateway.md §1).
    ///
    /// # Errors
    /// [`BadAddress`] if `endpoint` is not `host[:port]`.
    pub fn voice(endpoint: &str, version: u8, secure: bool) -> Result<Self, BadAddress> {
        let endpoint = endpoint.strip_suffix(":80").unwrap_or(endpoint);
        let scheme = if secure { "wss" } else { "ws" };
        format!("{scheme}://{endpoint}/?v={version}").parse()
    }

    /// The same server with another path (which begins with `/`).
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// Host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, beginning with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether TLS is spoken there.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// `host:port`, with brackets around an IPv6 host.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.web_socket, self.secure) {
            (true, true) => "wss",
            (true, false) => "ws",
            (false, true) => "https",
            (false, false) => "http",
        };
        write!(formatter, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (scheme, rest) = text.split_once("://").ok_or(BadAddress::Scheme)?;
        let (web_socket, secure) = match scheme {
            "wss" => (true, true),
            "ws" => (true, false),
            "https" => (false, true),
            "http" => (false, false),
            _ => return Err(BadAddress::Scheme),
        };
        let split = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(split);
        let (host, port) = split_authority(authority)?;
        let path = if tail.starts_with('/') {
            tail.to_owned()
        } else {
            format!("/{tail}")
        };
        Ok(Self {
            secure,
            web_socket,
            host: host.to_owned(),
            port: port.unwrap_or(if secure { 443 } else { 80 }),
            path,
        })
    }
}

/// Splits `host[:port]`, `[v6]` or `[v6]:port`.
fn split_authority(authority: &str) -> Result<(&str, Option<u16>), BadAddress> {
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or(BadAddress::Host)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(BadAddress::Host),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
    if host.is_empty() || !host.bytes().all(legal) {
        return Err(BadAddress::Host);
    }
    let port = match port {
        None => None,
        Some(text) => match text.parse() {
            Ok(0) | Err(_) => return Err(BadAddress::Port),
            Ok(port) => Some(port),
        },
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_endpoints() {
        let address = Address::voice("rotterdam5347.discord.media:443", 9, true).unwrap();
        assert_eq!(address.to_string(), "wss://rotterdam5347.discord.media:443/?v=9");
        let stripped = Address::voice("smart.loyal.discord.gg:80", 4, true).unwrap();
        assert_eq!(stripped.port(), 443);
        let plain = Address::voice("127.0.0.1:4000", 8, false).unwrap();
        assert_eq!((plain.is_secure(), plain.port()), (false, 4000));
        assert_eq!(Address::voice("wss://host", 9, true), Err(BadAddress::Port));
    }

    #[test]
    fn addresses_round_trip() {
        for text in [
            "http://localhost:8080/api",
            "wss://[::1]:7000/?v=10&encoding=json",
            "https://a.b:443/",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!(
            "ws://h?v=9".parse::<Address>().unwrap().to_string(),
            "ws://h:80/?v=9"
        );
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!("host:80".parse::<Address>(), Err(BadAddress::Scheme));
        assert_eq!("ftp://host".parse::<Address>(), Err(BadAddress::Scheme));
        assert_eq!("ws://".parse::<Address>(), Err(BadAddress::Host));
        assert_eq!("ws://a b/".parse::<Address>(), Err(BadAddress::Host));
        assert_eq!("ws://a:0/".parse::<Address>(), Err(BadAddress::Port));
        assert_eq!("ws://a:99999/".parse::<Address>(), Err(BadAddress::Port));
        assert_eq!("ws://[::1/".parse::<Address>(), Err(BadAddress::Host));
    }
}

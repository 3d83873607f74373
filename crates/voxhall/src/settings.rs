//! What a server is told, and the addresses that follow from it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use voxhall_control::{Location, RestLimits, SignUpPolicy};

/// What `voxhall serve` is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where everything that lasts is kept.
    pub state: PathBuf,
    /// Where accounts, guilds and channels are kept.
    pub database: Location,
    /// Main Gateway and REST.
    pub listen: SocketAddr,
    /// The voice gateway; equal to `listen` if both share a port and are told apart by host name.
    pub voice_listen: SocketAddr,
    /// The first worker's UDP port; 0 for any.
    pub media_port: u16,
    /// Whether browsers may come over TCP too, on the same port numbers.
    pub media_tcp: bool,
    /// What clients are told to send media to.
    pub media_addresses: Vec<IpAddr>,
    /// Threads that forward media.
    pub workers: usize,
    /// How long a lost session waits to be resumed, on the main Gateway and on the voice gateway.
    pub resume_window: Duration,
    /// How long a private call rings.
    pub ring_time: Duration,
    /// How many may watch one stream.
    pub stream_viewers: usize,
    /// How often clients are told to send heartbeats on either gateway, in place of what each has for itself.
    pub heartbeat_interval: Option<Duration>,
    /// The host name of main Gateway and REST.
    pub public_host: Option<String>,
    /// The host name of the voice gateway.
    pub voice_host: Option<String>,
    /// Certificate chain and key, instead of those of the local authority.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Offer the six historic encryption modes.
    pub legacy_modes: bool,
    /// Serve voice-gateway versions 1 to 3.
    pub legacy_versions: bool,
    /// How many requests over REST are heard; `None` counts none.
    pub rest_limits: Option<RestLimits>,
    /// Who may make an account.
    pub sign_up: SignUpPolicy,
    /// The world of the captures; any token logs in.
    pub dev: bool,
}

impl Settings {
    /// Checks what the types cannot say.
    pub fn check(&self) -> Result<()> {
        for address in &self.media_addresses {
            ensure!(
                !address.is_unspecified() && !address.is_multicast(),
                "--media-address {address} is no address that a client can send to; give the one clients reach"
            );
            ensure!(
                address.is_ipv4(),
                "--media-address {address} is no IPv4 address, and the clients' IP discovery takes no other; give an \
                 IPv4 address"
            );
        }
        if self.shares_port() && self.voice_host.is_none() {
            bail!(
                "--listen and --voice-listen are both {}; give --voice-host, by which requests on a shared port are \
                 told apart, or another port",
                self.listen
            );
        }
        Ok(())
    }

    /// Whether one port serves both gateways.
    pub fn shares_port(&self) -> bool {
        self.listen == self.voice_listen && self.listen.port() != 0
    }

    /// The host under which main Gateway and REST are handed out.
    pub fn api_host(&self) -> String {
        self.public_host
            .clone()
            .unwrap_or_else(|| self.host_of(self.listen.ip()))
    }

    /// The host under which the voice gateway is handed out.
    pub fn voice_gateway_host(&self) -> String {
        let other = self.voice_host.as_ref().or(self.public_host.as_ref());
        other
            .cloned()
            .unwrap_or_else(|| self.host_of(self.voice_listen.ip()))
    }

    /// Everything the certificate must be valid for.
    pub fn names(&self) -> Vec<String> {
        let hosts = self.public_host.iter().chain(&self.voice_host).cloned();
        let addresses = [self.listen.ip(), self.voice_listen.ip()];
        let addresses = addresses
            .iter()
            .chain(&self.media_addresses)
            .map(ToString::to_string);
        hosts.chain(addresses).collect()
    }

    /// Where the media sockets are bound: loopback as long as nobody else is told to come.
    pub fn media_bind(&self) -> IpAddr {
        if self.media_addresses.iter().all(IpAddr::is_loopback) {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
    }

    /// A listening address as a client dials it: "all addresses" is reached by the first media address.
    fn host_of(&self, address: IpAddr) -> String {
        let address = if address.is_unspecified() {
            self.media_addresses
                .first()
                .copied()
                .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
        } else {
            address
        };
        match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str, voice_listen: &str, media: &str) -> Settings {
        Settings {
            state: PathBuf::new(),
            database: PathBuf::new().into(),
            listen: listen.parse().unwrap(),
            voice_listen: voice_listen.parse().unwrap(),
            media_port: 0,
            media_tcp: true,
            media_addresses: vec![media.parse().unwrap()],
            workers: 1,
            resume_window: Duration::from_secs(60),
            ring_time: Duration::from_secs(30),
            stream_viewers: 50,
            heartbeat_interval: None,
            public_host: None,
            voice_host: None,
            tls: None,
            legacy_modes: false,
            legacy_versions: false,
            rest_limits: None,
            sign_up: SignUpPolicy::Closed,
            dev: false,
        }
    }

    #[test]
    fn all_addresses_are_handed_out_as_the_first_media_address() {
        let open = settings("0.0.0.0:8443", "[::1]:8444", "192.0.2.7");
        assert_eq!(open.api_host(), "192.0.2.7");
        assert_eq!(open.voice_gateway_host(), "[::1]");
        assert!(open.media_bind().is_unspecified());
        assert!(
            settings("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1")
                .media_bind()
                .is_loopback()
        );
    }

    #[test]
    fn a_shared_port_needs_a_name_for_the_voice_gateway() {
        let mut shared = settings("127.0.0.1:443", "127.0.0.1:443", "127.0.0.1");
        assert!(shared.check().unwrap_err().to_string().contains("--voice-host"));
        shared.voice_host = Some("voice.lan".to_owned());
        shared.check().unwrap();
        assert!(!settings("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1").shares_port());
    }

    #[test]
    fn media_addresses_must_be_ones_that_clients_can_send_to() {
        for unusable in ["0.0.0.0", "224.0.0.1", "::1"] {
            let error = settings("127.0.0.1:1", "127.0.0.1:2", unusable)
                .check()
                .unwrap_err();
            assert!(error.to_string().contains(unusable), "{error}");
        }
    }
}

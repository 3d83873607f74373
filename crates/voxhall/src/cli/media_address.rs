//! `--media-address`: what clients are told to send media to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

use anyhow::{Result, ensure};

/// A place far away, of the block for documentation (RFC 5737). Nothing is ever sent there.
const FAR_AWAY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// One value of the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaAddress {
    /// This one.
    Fixed(IpAddr),
    /// The one with which this machine goes out, if it has any.
    Auto,
}

impl FromStr for MediaAddress {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            address => address.parse().map(Self::Fixed),
        }
    }
}

impl fmt::Display for MediaAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(address) => address.fmt(formatter),
            Self::Auto => formatter.write_str("auto"),
        }
    }
}

/// The addresses in their order, each once.
pub fn resolve(given: &[MediaAddress]) -> Result<Vec<IpAddr>> {
    resolve_by(given, outgoing)
}

fn resolve_by(given: &[MediaAddress], outgoing: impl Fn() -> Option<IpAddr>) -> Result<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    for address in given {
        let found = match address {
            MediaAddress::Fixed(address) => Some(*address),
            MediaAddress::Auto => outgoing(),
        };
        match found {
            Some(found) if addresses.contains(&found) => {}
            Some(found) => addresses.push(found),
            None => tracing::info!("this machine has no address but those of loopback: media stay on it"),
        }
    }
    ensure!(
        !addresses.is_empty(),
        "--media-address auto finds no network that this machine is in; connect it, or give the address that clients reach"
    );
    Ok(addresses)
}

/// The address from which the system would send to somewhere far away. Asking sends nothing.
fn outgoing() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(FAR_AWAY).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: MediaAddress = MediaAddress::Fixed(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7));

    #[test]
    fn auto_is_the_address_on_the_way_out() {
        let found = resolve_by(&[HERE, MediaAddress::Auto], || Some(HOME)).unwrap();
        assert_eq!(found, [IpAddr::V4(Ipv4Addr::LOCALHOST), HOME]);
        let twice = [MediaAddress::Auto, MediaAddress::Fixed(HOME)];
        assert_eq!(resolve_by(&twice, || Some(HOME)).unwrap(), [HOME]);
    }

    #[test]
    fn without_a_network_the_other_addresses_do() {
        assert_eq!(resolve_by(&[HERE, MediaAddress::Auto], || None).unwrap().len(), 1);
        let nothing = resolve_by(&[MediaAddress::Auto], || None)
            .unwrap_err()
            .to_string();
        assert!(
            nothing.contains("give the address that clients reach"),
            "{nothing}"
        );
    }

    #[test]
    fn values_are_addresses_or_auto() {
        for text in ["auto", "192.0.2.7", "::1"] {
            assert_eq!(text.parse::<MediaAddress>().unwrap().to_string(), text);
        }
        assert!("here".parse::<MediaAddress>().is_err());
    }
}

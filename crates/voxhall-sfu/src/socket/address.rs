//! Socket addresses as the system takes them.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// An IPv4 or IPv6 socket address in the layout of the system.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    /// The length that the system may fill.
    pub(super) const CAPACITY: libc::socklen_t = mem::size_of::<Self>() as libc::socklen_t;

    /// No address.
    pub(super) const fn empty() -> Self {
        // SAFETY: every field is an integer or an array of integers, for which zero is a value.
        unsafe { mem::zeroed() }
    }

    /// Stores an address and returns its length. An IPv6 socket reaches an IPv4 address in its mapped form.
    pub(super) fn set(&mut self, address: SocketAddr, socket_is_v6: bool) -> libc::socklen_t {
        match address {
            SocketAddr::V4(address) if socket_is_v6 => self.set_v6(&SocketAddrV6::new(
                address.ip().to_ipv6_mapped(),
                address.port(),
                0,
                0,
            )),
            SocketAddr::V4(address) => self.set_v4(&address),
            SocketAddr::V6(address) => self.set_v6(&address),
        }
    }

    /// The address; IPv4 for a mapped one.
    pub(super) fn get(&self) -> Option<SocketAddr> {
        // SAFETY: the family is the first field of both forms, and `empty` initialised every byte.
        match i32::from(unsafe { self.family }) {
            libc::AF_INET => {
                // SAFETY: the family says that this form was stored; any bytes are a value of it.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let v6 = unsafe { self.v6 };
                let port = u16::from_be(v6.sin6_port);
                Some(match Ipv6Addr::from(v6.sin6_addr.s6_addr).to_canonical() {
                    IpAddr::V4(ip) => SocketAddrV4::new(ip, port).into(),
                    IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into(),
                })
            }
            _ => None,
        }
    }

    fn set_v4(&mut self, address: &SocketAddrV4) -> libc::socklen_t {
        self.v4 = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: address.port().to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from(*address.ip()).to_be(),
            },
            sin_zero: [0; 8],
        };
        mem::size_of::<libc::sockaddr_in>() as libc::socklen_t
    }

    fn set_v6(&mut self, address: &SocketAddrV6) -> libc::socklen_t {
        self.v6 = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as libc::sa_family_t,
            sin6_port: address.port().to_be(),
            sin6_flowinfo: address.flowinfo(),
            sin6_addr: libc::in6_addr {
                s6_addr: address.ip().octets(),
            },
            sin6_scope_id: address.scope_id(),
        };
        mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_survive() {
        for text in ["203.0.113.7:50123", "[2001:db8::7]:443", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut raw = RawAddress::empty();
            raw.set(address, address.is_ipv6());
            assert_eq!(raw.get(), Some(address));
        }
    }

    #[test]
    fn ipv4_goes_through_an_ipv6_socket_and_comes_back_as_ipv4() {
        let address: SocketAddr = "203.0.113.7:50123".parse().unwrap();
        let mut raw = RawAddress::empty();
        let length = raw.set(address, true);
        assert_eq!(length as usize, mem::size_of::<libc::sockaddr_in6>());
        assert_eq!(raw.get(), Some(address));
    }

    #[test]
    fn an_empty_address_is_none() {
        assert_eq!(RawAddress::empty().get(), None);
    }
}

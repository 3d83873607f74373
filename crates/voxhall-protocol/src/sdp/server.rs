//! What the server says about itself to a WebRTC client.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::attribute::{Fingerprint, SdpError, fingerprint, ice_password, ice_ufrag, lines};
use crate::Secret;

/// The priority of a host candidate that is preferred over all others (RFC 8445, section 5.1.2).
const HOST_PRIORITY: u64 = 2_130_706_431;

/// That of one that is only preferred over nothing (RFC 6544, section 4.2).
const TCP_PRIORITY: u64 = 1_671_430_143;

/// The server's fragment, `sdp` of Session Description (media transport, section 10.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFragment {
    /// Hash of the server's DTLS certificate.
    pub fingerprint: Fingerprint,
    /// Names the server's side of ICE.
    pub ice_ufrag: String,
    /// Proves the server's side of ICE.
    pub ice_pwd: Secret<String>,
    /// Where media go, preferred first; at least one.
    pub candidates: Vec<SocketAddr>,
    /// Where media go over TCP if no UDP comes through; the server listens (RFC 6544).
    pub tcp_candidates: Vec<SocketAddr>,
}

impl ServerFragment {
    /// Reads a fragment: fingerprint, credentials and at least one UDP candidate are required. Priorities mean nothing.
    ///
    /// # Errors
    ///
    /// [`SdpError`] for what is missing or malformed.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let (mut print, mut ufrag, mut pwd, mut candidates) = (None, None, None, Vec::new());
        let mut tcp_candidates = Vec::new();
        for line in lines(text) {
            let Some((name, value)) = line.strip_prefix("a=").and_then(|line| line.split_once(':')) else {
                continue;
            };
            match name {
                "fingerprint" if print.is_none() => print = fingerprint(value)?,
                "ice-ufrag" if ufrag.is_none() => ufrag = Some(ice_ufrag(value)?),
                "ice-pwd" if pwd.is_none() => pwd = Some(ice_password(value)?),
                "candidate" => match candidate(value)? {
                    Some(Candidate::Udp(address)) => candidates.push(address),
                    Some(Candidate::Tcp(address)) => tcp_candidates.push(address),
                    None => {}
                },
                _ => {}
            }
        }
        if candidates.is_empty() {
            return Err(SdpError::Missing("a=candidate"));
        }
        Ok(Self {
            fingerprint: print.ok_or(SdpError::Missing("a=fingerprint"))?,
            ice_ufrag: ufrag.ok_or(SdpError::Missing("a=ice-ufrag"))?,
            ice_pwd: Secret::new(pwd.ok_or(SdpError::Missing("a=ice-pwd"))?),
            candidates,
            tcp_candidates,
        })
    }
}

/// A candidate that a client can use.
enum Candidate {
    Udp(SocketAddr),
    /// The server listens there.
    Tcp(SocketAddr),
}

/// `foundation component transport priority address port typ …` (RFC 8839, section 5.1); `None` if it is neither over
/// UDP nor a place where the server listens.
fn candidate(value: &str) -> Result<Option<Candidate>, SdpError> {
    let malformed = || SdpError::malformed("candidate", value);
    let fields: Vec<&str> = value.split_ascii_whitespace().collect();
    let [
        _,
        _,
        transport,
        priority,
        address,
        port,
        "typ",
        _,
        extensions @ ..,
    ] = &fields[..]
    else {
        return Err(malformed());
    };
    // Real servers exceed the 32 bits of the RFC.
    priority.parse::<u64>().map_err(|_| malformed())?;
    let is_udp = transport.eq_ignore_ascii_case("udp");
    let listens = transport.eq_ignore_ascii_case("tcp") && extensions.starts_with(&["tcptype", "passive"]);
    if !is_udp && !listens {
        return Ok(None);
    }
    let address: IpAddr = address.parse().map_err(|_| malformed())?;
    let port: u16 = port.parse().map_err(|_| malformed())?;
    let address = SocketAddr::new(address, port);
    Ok(Some(if is_udp {
        Candidate::Udp(address)
    } else {
        Candidate::Tcp(address)
    }))
}

/// Writes the lines as the real server does, each ended by `\n`.
///
/// A fragment without candidates, which no client could use, is written without address lines.
impl fmt::Display for ServerFragment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = self.candidates.first() {
            let port = first.port();
            let family = if first.is_ipv4() { "IP4" } else { "IP6" };
            writeln!(formatter, "m=audio {port} ICE/SDP")?;
            writeln!(formatter, "a=fingerprint:sha-256 {}", self.fingerprint)?;
            writeln!(formatter, "c=IN {family} {}", first.ip())?;
            writeln!(formatter, "a=rtcp:{port}")?;
        }
        writeln!(formatter, "a=ice-ufrag:{}", self.ice_ufrag)?;
        writeln!(formatter, "a=ice-pwd:{}", self.ice_pwd.expose())?;
        writeln!(formatter, "a=fingerprint:sha-256 {}", self.fingerprint)?;
        for (index, candidate) in self.candidates.iter().enumerate() {
            let priority = HOST_PRIORITY.saturating_sub(index as u64);
            let (ip, port) = (candidate.ip(), candidate.port());
            writeln!(
                formatter,
                "a=candidate:{} 1 UDP {priority} {ip} {port} typ host",
                index + 1
            )?;
        }
        for (index, candidate) in self.tcp_candidates.iter().enumerate() {
            let foundation = self.candidates.len() + index + 1;
            let priority = TCP_PRIORITY.saturating_sub(index as u64);
            let (ip, port) = (candidate.ip(), candidate.port());
            writeln!(
                formatter,
                "a=candidate:{foundation} 1 TCP {priority} {ip} {port} typ host tcptype passive"
            )?;
        }
        Ok(())
    }
}

//! IP discovery: how a UDP client learns its public address (media transport, section 3).
//!
//! Three forms exist: the current one of 74 bytes, the legacy one of 70 bytes, and a hybrid that has the current
//! header in 70 bytes. Both of the latter are answered in the legacy layout.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;

use crate::voice::Ssrc;

/// Bytes of the current form.
pub const CURRENT_LENGTH: usize = 74;
/// Bytes of the legacy and the hybrid form.
pub const LEGACY_LENGTH: usize = 70;

const REQUEST_HEAD: [u8; 4] = [0x00, 0x01, 0x00, 0x46];
const RESPONSE_HEAD: [u8; 4] = [0x00, 0x02, 0x00, 0x46];
const HEAD_LENGTH: usize = 4;
const ADDRESS_LENGTH: usize = 64;

/// The layout of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// 74 bytes with a header; since March 2023 the only one the real service answers.
    Current,
    /// 70 bytes, of which the first four are the header and the SSRC follows (some libraries, 2020–2023).
    Hybrid,
    /// 70 bytes, of which the first four are the SSRC (2016 to March 2023).
    Legacy,
}

/// The order of the port's bytes in a response of 70 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PortOrder {
    /// Most significant byte first: since December 2019, and always in the current form.
    #[default]
    BigEndian,
    /// Least significant byte first: until December 2019.
    LittleEndian,
}

/// Why a datagram is no discovery packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It has neither 74 nor 70 bytes.
    #[error("a discovery packet has {CURRENT_LENGTH} or {LEGACY_LENGTH} bytes, not {0}")]
    Length(usize),
    /// Its type or length field is not that of a request, or of a response.
    #[error("the header {0:02x?} is not that of the discovery packet expected")]
    Header([u8; 4]),
    /// What stands where the address should is no IP address in text.
    #[error("the address in the discovery response is not an IP address")]
    Address,
}

/// A discovery packet, ready to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    bytes: [u8; CURRENT_LENGTH],
    length: usize,
}

impl Packet {
    const fn zeroed(length: usize) -> Self {
        Self {
            bytes: [0; CURRENT_LENGTH],
            length,
        }
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

impl Deref for Packet {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// In which layout.
    pub form: Form,
    /// The client's audio source, from Ready.
    pub ssrc: Ssrc,
}

impl Request {
    /// A request in the current form.
    #[must_use]
    pub const fn new(ssrc: Ssrc) -> Self {
        Self {
            form: Form::Current,
            ssrc,
        }
    }

    /// Reads a request of any form.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError`] if the datagram is no request.
    pub fn parse(datagram: &[u8]) -> Result<Self, DiscoveryError> {
        let head = head(datagram)?;
        let second = u32_at(datagram, HEAD_LENGTH);
        match datagram.len() {
            CURRENT_LENGTH if head == REQUEST_HEAD => Ok(Self {
                form: Form::Current,
                ssrc: Ssrc(second),
            }),
            CURRENT_LENGTH => Err(DiscoveryError::Header(head)),
            // A legacy client whose SSRC happens to read like the header has zeros where a hybrid has its SSRC.
            _ if head == REQUEST_HEAD && second != 0 => Ok(Self {
                form: Form::Hybrid,
                ssrc: Ssrc(second),
            }),
            _ => Ok(Self {
                form: Form::Legacy,
                ssrc: Ssrc(u32::from_be_bytes(head)),
            }),
        }
    }

    /// Writes the request.
    #[must_use]
    pub fn encode(&self) -> Packet {
        let ssrc = self.ssrc.0.to_be_bytes();
        let mut packet = Packet::zeroed(match self.form {
            Form::Current => CURRENT_LENGTH,
            Form::Hybrid | Form::Legacy => LEGACY_LENGTH,
        });
        match self.form {
            Form::Current | Form::Hybrid => {
                packet.put(0, &REQUEST_HEAD);
                packet.put(HEAD_LENGTH, &ssrc);
            }
            Form::Legacy => packet.put(0, &ssrc),
        }
        packet
    }

    /// The answer: the address the request came from, in the layout that goes with the request's.
    #[must_use]
    pub fn respond(&self, source: SocketAddr) -> Packet {
        let (address, port) = (source.ip().to_canonical(), source.port());
        match self.form {
            Form::Current => Response {
                ssrc: self.ssrc,
                address,
                port,
            }
            .encode(),
            Form::Legacy => Response {
                ssrc: self.ssrc,
                address,
                port,
            }
            .encode_legacy(PortOrder::BigEndian),
            // The real server took every 70-byte packet for legacy and so echoed the header as if it were an SSRC.
            Form::Hybrid => {
                let echoed = Ssrc(u32::from_be_bytes(REQUEST_HEAD));
                Response {
                    ssrc: echoed,
                    address,
                    port,
                }
                .encode_legacy(PortOrder::BigEndian)
            }
        }
    }
}

/// What the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The client's audio source. In the answer to a hybrid request it is that request's header instead.
    pub ssrc: Ssrc,
    /// The client's public address.
    pub address: IpAddr,
    /// The client's public port.
    pub port: u16,
}

impl Response {
    /// Reads a response in the current form, or in the legacy one with the port's most significant byte first.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError`] if the datagram is no response.
    pub fn parse(datagram: &[u8]) -> Result<Self, DiscoveryError> {
        if datagram.len() == LEGACY_LENGTH {
            return Self::parse_legacy(datagram, PortOrder::BigEndian);
        }
        let head = head(datagram)?;
        if head != RESPONSE_HEAD {
            return Err(DiscoveryError::Header(head));
        }
        Ok(Self {
            ssrc: Ssrc(u32_at(datagram, HEAD_LENGTH)),
            address: address_at(datagram, 2 * HEAD_LENGTH)?,
            port: u16::from_be_bytes(port_of(datagram)),
        })
    }

    /// Reads a response in the legacy form. The packet does not say its byte order; its time does.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError`] if the datagram is no such response.
    pub fn parse_legacy(datagram: &[u8], order: PortOrder) -> Result<Self, DiscoveryError> {
        if datagram.len() != LEGACY_LENGTH {
            return Err(DiscoveryError::Length(datagram.len()));
        }
        let port = port_of(datagram);
        Ok(Self {
            ssrc: Ssrc(u32_at(datagram, 0)),
            address: address_at(datagram, HEAD_LENGTH)?,
            port: match order {
                PortOrder::BigEndian => u16::from_be_bytes(port),
                PortOrder::LittleEndian => u16::from_le_bytes(port),
            },
        })
    }

    /// Writes the response in the current form.
    #[must_use]
    pub fn encode(&self) -> Packet {
        let mut packet = Packet::zeroed(CURRENT_LENGTH);
        packet.put(0, &RESPONSE_HEAD);
        packet.put(HEAD_LENGTH, &self.ssrc.0.to_be_bytes());
        packet.put(2 * HEAD_LENGTH, self.address.to_string().as_bytes());
        packet.put(CURRENT_LENGTH - 2, &self.port.to_be_bytes());
        packet
    }

    /// Writes the response in the legacy form.
    #[must_use]
    pub fn encode_legacy(&self, order: PortOrder) -> Packet {
        let mut packet = Packet::zeroed(LEGACY_LENGTH);
        packet.put(0, &self.ssrc.0.to_be_bytes());
        packet.put(HEAD_LENGTH, self.address.to_string().as_bytes());
        let port = match order {
            PortOrder::BigEndian => self.port.to_be_bytes(),
            PortOrder::LittleEndian => self.port.to_le_bytes(),
        };
        packet.put(LEGACY_LENGTH - 2, &port);
        packet
    }
}

/// The first four bytes, once the length is known to be one of the two.
fn head(datagram: &[u8]) -> Result<[u8; 4], DiscoveryError> {
    match (datagram.len(), datagram.first_chunk()) {
        (CURRENT_LENGTH | LEGACY_LENGTH, Some(head)) => Ok(*head),
        (length, _) => Err(DiscoveryError::Length(length)),
    }
}

fn u32_at(datagram: &[u8], offset: usize) -> u32 {
    datagram[offset..]
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn port_of(datagram: &[u8]) -> [u8; 2] {
    datagram.last_chunk().copied().unwrap_or_default()
}

/// The text up to the first NUL; what follows it means nothing.
fn address_at(datagram: &[u8], offset: usize) -> Result<IpAddr, DiscoveryError> {
    let field = &datagram[offset..offset + ADDRESS_LENGTH];
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(DiscoveryError::Address)
}

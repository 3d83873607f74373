//! Responses to Binding requests: written by the server, read by the client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::attribute::AttributeType;
use super::message::{Message, MessageType};
use super::writer::MessageWriter;
use super::{MAGIC_COOKIE, TransactionId};
use crate::Error;

const FAMILY_V4: u8 = 1;
const FAMILY_V6: u8 = 2;

/// What a server said to a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingResponse {
    /// The check came through, from this address as the server sees it.
    Success(SocketAddr),
    /// The check was refused, with this error code.
    Refused(u16),
}

impl BindingResponse {
    /// Reads the response to the check with that `transaction`. `password` is that of who was asked.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`], [`Error::MalformedStun`] (the response to another check, or none), or
    /// [`Error::Authentication`]: drop it, and wait on.
    pub fn parse(datagram: &[u8], transaction: TransactionId, password: &str) -> Result<Self, Error> {
        let message = Message::parse(datagram)?;
        if message.transaction != transaction {
            return Err(Error::MalformedStun);
        }
        match message.kind {
            MessageType::BINDING_SUCCESS => {
                message.verify(password)?;
                mapped_address(&message).map(Self::Success)
            }
            MessageType::BINDING_ERROR => {
                // Who does not know the session cannot authenticate its refusal.
                if message.has_integrity() {
                    message.verify(password)?;
                }
                error_code(&message).map(Self::Refused)
            }
            _ => Err(Error::MalformedStun),
        }
    }
}

/// Writes the response to a request from `source` into `out` and returns its length. `password` is the server's, as in
/// the request.
///
/// # Errors
///
/// [`Error::BufferTooSmall`].
pub fn write_success(
    transaction: TransactionId,
    source: SocketAddr,
    password: &str,
    out: &mut [u8],
) -> Result<usize, Error> {
    let mut writer = MessageWriter::start(MessageType::BINDING_SUCCESS, transaction, out)?;
    let mask = address_mask(transaction);
    let [port_high, port_low] = source.port().to_be_bytes();
    let port = [port_high ^ mask[0], port_low ^ mask[1]];
    // A socket for both families shows IPv4 sources as mapped ones; the client knows its address as IPv4.
    match source.ip().to_canonical() {
        IpAddr::V4(address) => {
            let head = [0, FAMILY_V4, port[0], port[1]];
            let address = masked(address.octets(), &mask);
            writer.push_parts(AttributeType::XOR_MAPPED_ADDRESS, &[&head, &address])?;
        }
        IpAddr::V6(address) => {
            let head = [0, FAMILY_V6, port[0], port[1]];
            let address = masked(address.octets(), &mask);
            writer.push_parts(AttributeType::XOR_MAPPED_ADDRESS, &[&head, &address])?;
        }
    }
    writer.push_integrity(password)?;
    writer.finish()
}

fn mapped_address(message: &Message<'_>) -> Result<SocketAddr, Error> {
    let attribute = message
        .find(AttributeType::XOR_MAPPED_ADDRESS)
        .ok_or(Error::MalformedStun)?;
    let mask = address_mask(message.transaction);
    let (&[_, family, port_high, port_low], address) =
        attribute.value.split_first_chunk().ok_or(Error::MalformedStun)?;
    let address = match (family, address.len()) {
        (FAMILY_V4, 4) => IpAddr::V4(Ipv4Addr::from(masked(sized(address)?, &mask))),
        (FAMILY_V6, 16) => IpAddr::V6(Ipv6Addr::from(masked(sized(address)?, &mask))),
        _ => return Err(Error::MalformedStun),
    };
    let port = u16::from_be_bytes([port_high ^ mask[0], port_low ^ mask[1]]);
    Ok(SocketAddr::new(address, port))
}

fn error_code(message: &Message<'_>) -> Result<u16, Error> {
    let attribute = message
        .find(AttributeType::ERROR_CODE)
        .ok_or(Error::MalformedStun)?;
    match attribute.value {
        &[_, _, hundreds, number, ..] if matches!(hundreds & 7, 3..=6) && number < 100 => {
            Ok(u16::from(hundreds & 7) * 100 + u16::from(number))
        }
        _ => Err(Error::MalformedStun),
    }
}

/// What addresses are combined with, so that no middlebox rewrites them: the cookie and the transaction id.
fn address_mask(transaction: TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    let (cookie, id) = mask.split_at_mut(MAGIC_COOKIE.len());
    cookie.copy_from_slice(&MAGIC_COOKIE);
    id.copy_from_slice(&transaction.0);
    mask
}

fn masked<const LENGTH: usize>(octets: [u8; LENGTH], mask: &[u8; 16]) -> [u8; LENGTH] {
    std::array::from_fn(|at| octets[at] ^ mask[at])
}

fn sized<const LENGTH: usize>(bytes: &[u8]) -> Result<[u8; LENGTH], Error> {
    bytes.try_into().map_err(|_| Error::MalformedStun)
}

//! A message whose frame is sound.

use super::attribute::{ATTRIBUTE_HEADER_LENGTH, Attribute, AttributeType, Attributes};
use super::integrity::{FINGERPRINT_LENGTH, INTEGRITY_LENGTH, fingerprint, verify_integrity};
use super::{HEADER_LENGTH, MAGIC_COOKIE, TransactionId};
use crate::Error;

/// The type of a message: method and class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageType(pub u16);

impl MessageType {
    pub(super) const BINDING_REQUEST: Self = Self(0x0001);
    pub(super) const BINDING_SUCCESS: Self = Self(0x0101);
    pub(super) const BINDING_ERROR: Self = Self(0x0111);
}

/// A message with every attribute within it, its fingerprint right if it has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    pub kind: MessageType,
    pub transaction: TransactionId,
    integrity: Option<Attribute<'a>>,
}

impl<'a> Message<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, Error> {
        let header = datagram.first_chunk::<HEADER_LENGTH>().ok_or(Error::Truncated)?;
        let &[kind_high, kind_low, length_high, length_low, ref rest @ ..] = header;
        let (cookie, transaction) = rest.split_first_chunk().expect("20 bytes hold a cookie");
        let kind = MessageType(u16::from_be_bytes([kind_high, kind_low]));
        if *cookie != MAGIC_COOKIE || kind.0 >> 14 != 0 {
            return Err(Error::MalformedStun);
        }
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        if length + HEADER_LENGTH > datagram.len() {
            return Err(Error::Truncated);
        }
        if length + HEADER_LENGTH < datagram.len() || length % 4 != 0 {
            return Err(Error::MalformedStun);
        }
        let mut message = Self {
            bytes: datagram,
            kind,
            transaction: TransactionId(transaction.try_into().expect("20 bytes hold an id of 12")),
            integrity: None,
        };
        message.find_protection()?;
        Ok(message)
    }

    /// Walks all attributes, so that no later walk meets one that is cut off.
    fn find_protection(&mut self) -> Result<(), Error> {
        for attribute in Attributes::of(self.bytes) {
            let attribute = attribute?;
            match attribute.kind {
                AttributeType::MESSAGE_INTEGRITY if self.integrity.is_none() => {
                    attribute.fixed::<INTEGRITY_LENGTH>()?;
                    self.integrity = Some(attribute);
                }
                AttributeType::FINGERPRINT => {
                    let is_last =
                        attribute.start + ATTRIBUTE_HEADER_LENGTH + FINGERPRINT_LENGTH == self.bytes.len();
                    if !is_last || attribute.value != fingerprint(&self.bytes[..attribute.start]) {
                        return Err(Error::MalformedStun);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The attributes that count: none behind the integrity, which does not cover them (RFC 8489 section 14.5).
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + Clone + use<'a> {
        let end = self
            .integrity
            .map_or(self.bytes.len(), |integrity| integrity.start);
        Attributes::of(&self.bytes[..end]).flatten()
    }

    /// The first attribute of that type; further ones do not count (RFC 8489 section 14).
    pub(super) fn find(&self, kind: AttributeType) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }

    pub(super) const fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether whoever wrote this knows the password.
    pub(super) fn verify(&self, password: &str) -> Result<(), Error> {
        let integrity = self.integrity.ok_or(Error::Authentication)?;
        verify_integrity(self.bytes, &integrity, password)
    }
}

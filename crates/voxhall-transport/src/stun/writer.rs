//! Writing messages.

use super::attribute::{ATTRIBUTE_HEADER_LENGTH, AttributeType};
use super::integrity::{fingerprint, integrity};
use super::message::MessageType;
use super::{ErrorCode, HEADER_LENGTH, MAGIC_COOKIE, TransactionId};
use crate::Error;

/// Longer messages are not written. It leaves the length field room for what is added at the end.
const LONGEST: usize = 32 * 1024;

/// A message in the making, at the front of the caller's buffer.
pub(super) struct MessageWriter<'a> {
    out: &'a mut [u8],
    length: usize,
}

impl<'a> MessageWriter<'a> {
    /// Writes the header.
    pub(super) fn start(
        kind: MessageType,
        transaction: TransactionId,
        out: &'a mut [u8],
    ) -> Result<Self, Error> {
        Error::check_room(HEADER_LENGTH, out.len())?;
        out[..2].copy_from_slice(&kind.0.to_be_bytes());
        out[4..8].copy_from_slice(&MAGIC_COOKIE);
        out[8..HEADER_LENGTH].copy_from_slice(&transaction.0);
        Ok(Self {
            out,
            length: HEADER_LENGTH,
        })
    }

    pub(super) fn push(&mut self, kind: AttributeType, value: &[u8]) -> Result<(), Error> {
        self.push_parts(kind, &[value])
    }

    /// An attribute whose value is all `parts` in a row.
    pub(super) fn push_parts(&mut self, kind: AttributeType, parts: &[&[u8]]) -> Result<(), Error> {
        let value_length: usize = parts.iter().map(|part| part.len()).sum();
        let mut at = self.push_head(kind, value_length)?;
        for part in parts {
            self.out[at..][..part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.end_value(at);
        Ok(())
    }

    pub(super) fn push_error_code(&mut self, code: ErrorCode) -> Result<(), Error> {
        let number = code.number();
        let (hundreds, rest) = ((number / 100) as u8, (number % 100) as u8);
        let head = [0, 0, hundreds, rest];
        self.push_parts(AttributeType::ERROR_CODE, &[&head, code.reason().as_bytes()])
    }

    pub(super) fn push_unknown_attributes(
        &mut self,
        unknown: impl Iterator<Item = u16> + Clone,
    ) -> Result<(), Error> {
        let mut at = self.push_head(AttributeType::UNKNOWN_ATTRIBUTES, 2 * unknown.clone().count())?;
        for kind in unknown {
            self.out[at..][..2].copy_from_slice(&kind.to_be_bytes());
            at += 2;
        }
        self.end_value(at);
        Ok(())
    }

    /// Authenticates what was written so far.
    pub(super) fn push_integrity(&mut self, password: &str) -> Result<(), Error> {
        let value = integrity(&self.out[..self.length], password);
        self.push(AttributeType::MESSAGE_INTEGRITY, &value)
    }

    /// Adds the fingerprint and the length; returns how many bytes the message has.
    pub(super) fn finish(mut self) -> Result<usize, Error> {
        let value = fingerprint(&self.out[..self.length]);
        self.push(AttributeType::FINGERPRINT, &value)?;
        let length = u16::try_from(self.length - HEADER_LENGTH).expect("no message is longer than 32 KiB");
        self.out[2..4].copy_from_slice(&length.to_be_bytes());
        Ok(self.length)
    }

    /// Writes type and length, makes sure that the padded value fits, and returns where the value begins.
    fn push_head(&mut self, kind: AttributeType, value_length: usize) -> Result<usize, Error> {
        let value_at = self.length + ATTRIBUTE_HEADER_LENGTH;
        let end = value_at + value_length.next_multiple_of(4);
        let length = u16::try_from(value_length).ok().filter(|_| end <= LONGEST);
        let length = length.ok_or(Error::TooMany)?;
        Error::check_room(end, self.out.len())?;
        self.out[self.length..][..2].copy_from_slice(&kind.0.to_be_bytes());
        self.out[self.length + 2..value_at].copy_from_slice(&length.to_be_bytes());
        Ok(value_at)
    }

    /// Pads the value that ends here.
    fn end_value(&mut self, at: usize) {
        self.length = at.next_multiple_of(4);
        self.out[at..self.length].fill(0);
    }
}

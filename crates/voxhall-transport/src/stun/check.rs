//! Binding requests as a client writes them.

use super::attribute::AttributeType;
use super::message::MessageType;
use super::writer::MessageWriter;
use super::{IceRole, TransactionId};
use crate::Error;

/// A connectivity check (RFC 8445 section 7.2).
#[derive(Debug, Clone, Copy)]
pub struct ConnectivityCheck<'a> {
    /// Fresh for each check.
    pub transaction: TransactionId,
    /// The ufrag of who is asked.
    pub receiver_ufrag: &'a str,
    /// The own ufrag.
    pub sender_ufrag: &'a str,
    /// What a candidate learned from this check is worth.
    pub priority: u32,
    /// Chooses this pair of addresses.
    pub use_candidate: bool,
    /// The own role.
    pub role: IceRole,
}

impl ConnectivityCheck<'_> {
    /// Writes the request into `out` and returns its length. `password` is that of who is asked.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`], or [`Error::TooMany`] for ufrags that are longer than a message.
    pub fn write(&self, password: &str, out: &mut [u8]) -> Result<usize, Error> {
        let mut writer = MessageWriter::start(MessageType::BINDING_REQUEST, self.transaction, out)?;
        writer.push_parts(
            AttributeType::USERNAME,
            &[self.receiver_ufrag.as_bytes(), b":", self.sender_ufrag.as_bytes()],
        )?;
        let (role, tie_breaker) = match self.role {
            IceRole::Controlling(value) => (AttributeType::ICE_CONTROLLING, value),
            IceRole::Controlled(value) => (AttributeType::ICE_CONTROLLED, value),
        };
        writer.push(role, &tie_breaker.to_be_bytes())?;
        if self.use_candidate {
            writer.push(AttributeType::USE_CANDIDATE, &[])?;
        }
        writer.push(AttributeType::PRIORITY, &self.priority.to_be_bytes())?;
        writer.push_integrity(password)?;
        writer.finish()
    }
}

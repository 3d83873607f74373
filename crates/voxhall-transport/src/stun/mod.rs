//! STUN (RFC 8489) as far as ICE (RFC 8445) needs it: Binding requests and their responses, with short-term
//! credentials.
//!
//! An ICE-lite server reads a [`BindingRequest`], finds the session by its [`Username`], asks
//! [`BindingRequest::check`] and answers with [`write_success`] or [`BindingRequest::write_error`]. A client writes a
//! [`ConnectivityCheck`] and reads its [`BindingResponse`].
//!
//! Reading and writing allocate nothing. MESSAGE-INTEGRITY-SHA256 and long-term credentials are not here; ICE has no
//! use for them.

mod attribute;
mod check;
mod integrity;
mod message;
mod request;
mod response;
mod writer;

use std::fmt;

pub use check::ConnectivityCheck;
pub use request::{BindingRequest, Username};
pub use response::{BindingResponse, write_success};

/// Bytes of the header: type, length, magic cookie, transaction id.
const HEADER_LENGTH: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// What ties a response to its request. A client takes it from a generator of random numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionId(pub [u8; 12]);

impl fmt::Debug for TransactionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TransactionId(")?;
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))?;
        formatter.write_str(")")
    }
}

/// The role that the sender of a check believes to have, with its tie-breaker (RFC 8445 section 7.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IceRole {
    /// It chooses the pair of addresses; a client always does, because the server is ICE-lite.
    Controlling(u64),
    /// It takes what the other chooses.
    Controlled(u64),
}

/// Why a request was refused, for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 400: the request has no USERNAME or no MESSAGE-INTEGRITY.
    BadRequest,
    /// 401: there is no such session, or the password was another.
    Unauthorized,
    /// 420: there is an attribute that must be understood and is not.
    UnknownAttribute,
    /// 487: both sides believe to be controlled; the client has to change its role.
    RoleConflict,
}

impl ErrorCode {
    /// The number, 300–699.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::UnknownAttribute => 420,
            Self::RoleConflict => 487,
        }
    }

    /// The phrase that the standards give it.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Unauthorized => "Unauthenticated",
            Self::UnknownAttribute => "Unknown Attribute",
            Self::RoleConflict => "Role Conflict",
        }
    }
}

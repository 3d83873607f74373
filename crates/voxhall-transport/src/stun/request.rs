//! Binding requests as a server reads and refuses them.

use super::attribute::AttributeType;
use super::message::{Message, MessageType};
use super::writer::MessageWriter;
use super::{ErrorCode, IceRole, TransactionId};
use crate::Error;

/// A Binding request, read where it lies. Who sent it is not known before [`check`](Self::check).
#[derive(Debug, Clone, Copy)]
pub struct BindingRequest<'a> {
    message: Message<'a>,
    /// Who is asked, and by whom; `None` also if the attribute is not of ICE's form.
    pub username: Option<Username<'a>>,
    /// The priority that a candidate learned from this request would have.
    pub priority: Option<u32>,
    /// Whether the sender chooses this pair of addresses.
    pub use_candidate: bool,
    /// The role that the sender believes to have.
    pub role: Option<IceRole>,
}

/// The two halves of USERNAME (RFC 8445 section 7.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Username<'a> {
    /// The ufrag of who is asked: the server's own.
    pub receiver: &'a str,
    /// The ufrag of who asks.
    pub sender: &'a str,
}

impl<'a> BindingRequest<'a> {
    /// Reads a datagram that [`classify`](crate::demux::classify) took for STUN.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] or [`Error::MalformedStun`]: drop it. Among the latter are indications and responses, which
    /// a server has nothing to say to.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Error> {
        let message = Message::parse(datagram)?;
        if message.kind != MessageType::BINDING_REQUEST {
            return Err(Error::MalformedStun);
        }
        let username = message.find(AttributeType::USERNAME);
        let priority = message.find(AttributeType::PRIORITY);
        let use_candidate = message.find(AttributeType::USE_CANDIDATE);
        Ok(Self {
            message,
            username: username.and_then(|attribute| Username::parse(attribute.value)),
            priority: priority
                .map(|attribute| attribute.fixed().map(|bytes| u32::from_be_bytes(*bytes)))
                .transpose()?,
            use_candidate: use_candidate
                .map(|attribute| attribute.fixed::<0>())
                .transpose()?
                .is_some(),
            role: role(&message)?,
        })
    }

    /// What the response has to repeat.
    #[must_use]
    pub const fn transaction(&self) -> TransactionId {
        self.message.transaction
    }

    /// What an ICE-lite server asks before it believes a request: is it complete, does the sender know the `password`
    /// of the session that [`username`](Self::username) names, is everything in it understood, and does the sender
    /// take the controlling role? A request for no session of the server is refused as
    /// [`ErrorCode::Unauthorized`] without asking this.
    ///
    /// # Errors
    ///
    /// The code to answer with.
    pub fn check(&self, password: &str) -> Result<(), ErrorCode> {
        if self.username.is_none() || !self.message.has_integrity() {
            return Err(ErrorCode::BadRequest);
        }
        self.message
            .verify(password)
            .map_err(|_| ErrorCode::Unauthorized)?;
        if self.unknown_attributes().next().is_some() {
            return Err(ErrorCode::UnknownAttribute);
        }
        match self.role {
            Some(IceRole::Controlled(_)) => Err(ErrorCode::RoleConflict),
            Some(IceRole::Controlling(_)) | None => Ok(()),
        }
    }

    /// The types of the attributes that must be understood and are not.
    pub fn unknown_attributes(&self) -> impl Iterator<Item = u16> + Clone + use<'a> {
        self.message
            .attributes()
            .filter(|attribute| attribute.kind.is_unknown_and_required())
            .map(|attribute| attribute.kind.0)
    }

    /// Writes the refusal into `out` and returns its length. 420 and 487 are told to who knows the `password`, and are
    /// authenticated with it; 400 and 401 are not.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`].
    pub fn write_error(&self, code: ErrorCode, password: &str, out: &mut [u8]) -> Result<usize, Error> {
        let mut writer = MessageWriter::start(MessageType::BINDING_ERROR, self.transaction(), out)?;
        writer.push_error_code(code)?;
        match code {
            ErrorCode::BadRequest | ErrorCode::Unauthorized => {}
            ErrorCode::UnknownAttribute => {
                writer.push_unknown_attributes(self.unknown_attributes())?;
                writer.push_integrity(password)?;
            }
            ErrorCode::RoleConflict => writer.push_integrity(password)?,
        }
        writer.finish()
    }
}

impl<'a> Username<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (receiver, sender) = text.split_once(':')?;
        Some(Self { receiver, sender })
    }
}

fn role(message: &Message<'_>) -> Result<Option<IceRole>, Error> {
    let tie_breaker = |kind| {
        message
            .find(kind)
            .map(|attribute| attribute.fixed().map(|bytes| u64::from_be_bytes(*bytes)))
            .transpose()
    };
    let controlling = tie_breaker(AttributeType::ICE_CONTROLLING)?;
    let controlled = tie_breaker(AttributeType::ICE_CONTROLLED)?;
    match (controlling, controlled) {
        (Some(_), Some(_)) => Err(Error::MalformedStun),
        (Some(value), None) => Ok(Some(IceRole::Controlling(value))),
        (None, Some(value)) => Ok(Some(IceRole::Controlled(value))),
        (None, None) => Ok(None),
    }
}

//! The attributes of a message.

use super::HEADER_LENGTH;
use crate::Error;

/// Bytes in front of a value: type and length.
pub(super) const ATTRIBUTE_HEADER_LENGTH: usize = 4;

/// The type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AttributeType(pub u16);

impl AttributeType {
    pub(super) const MAPPED_ADDRESS: Self = Self(0x0001);
    pub(super) const USERNAME: Self = Self(0x0006);
    pub(super) const MESSAGE_INTEGRITY: Self = Self(0x0008);
    pub(super) const ERROR_CODE: Self = Self(0x0009);
    pub(super) const UNKNOWN_ATTRIBUTES: Self = Self(0x000A);
    pub(super) const XOR_MAPPED_ADDRESS: Self = Self(0x0020);
    pub(super) const PRIORITY: Self = Self(0x0024);
    pub(super) const USE_CANDIDATE: Self = Self(0x0025);
    pub(super) const FINGERPRINT: Self = Self(0x8028);
    pub(super) const ICE_CONTROLLED: Self = Self(0x8029);
    pub(super) const ICE_CONTROLLING: Self = Self(0x802A);

    /// Whether a receiver has to understand it (RFC 8489 section 14) and this one does not.
    pub(super) const fn is_unknown_and_required(self) -> bool {
        self.0 < 0x8000
            && !matches!(
                self,
                Self::MAPPED_ADDRESS
                    | Self::USERNAME
                    | Self::MESSAGE_INTEGRITY
                    | Self::ERROR_CODE
                    | Self::UNKNOWN_ATTRIBUTES
                    | Self::XOR_MAPPED_ADDRESS
                    | Self::PRIORITY
                    | Self::USE_CANDIDATE
            )
    }
}

/// An attribute where it lies in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub kind: AttributeType,
    pub value: &'a [u8],
    /// Where its type stands, counted from the front of the message.
    pub start: usize,
}

impl<'a> Attribute<'a> {
    /// The value, if it has the length that its type says.
    pub(super) fn fixed<const LENGTH: usize>(&self) -> Result<&'a [u8; LENGTH], Error> {
        self.value.try_into().map_err(|_| Error::MalformedStun)
    }
}

/// The attributes of a message in their order. Ends behind an attribute that is cut off, which is an error.
#[derive(Debug, Clone)]
pub(super) struct Attributes<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    /// Of a whole message, header included.
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self {
            message,
            at: HEADER_LENGTH,
        }
    }

    fn read(&self) -> Option<(Attribute<'a>, usize)> {
        let (head, rest) = self
            .message
            .get(self.at..)?
            .split_first_chunk::<ATTRIBUTE_HEADER_LENGTH>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let attribute = Attribute {
            kind: AttributeType(u16::from_be_bytes([head[0], head[1]])),
            value: rest.get(..length)?,
            start: self.at,
        };
        let next = self.at + ATTRIBUTE_HEADER_LENGTH + length.next_multiple_of(4);
        (next <= self.message.len()).then_some((attribute, next))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.message.len() {
            return None;
        }
        if let Some((attribute, next)) = self.read() {
            self.at = next;
            Some(Ok(attribute))
        } else {
            self.at = self.message.len();
            Some(Err(Error::Truncated))
        }
    }
}

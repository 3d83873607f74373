//! RTP header extensions (RFC 8285, `media-transport.md` section 7).
//!
//! A block holds elements of an id and a value. Ids mean something only to one client: native clients share a fixed
//! table, browsers bring their own ([`ExtensionMap`]). A forwarder therefore translates every block for its receiver
//! ([`ExtensionWriter::push_translated`]).

mod map;
mod value;
mod writer;

pub use map::{ExtensionKind, ExtensionMap};
pub use value::{
    AbsoluteSendTime, AudioLevel, PlayoutDelay, Rotation, VideoOrientation, speaker_byte, speaking_flags,
    stream_name, transport_sequence, transport_sequence_bytes,
};
pub use writer::ExtensionWriter;

/// The profile number of a block with one-byte element headers.
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
/// The profile number of a block with two-byte element headers, whose last four bits are free.
const TWO_BYTE_PROFILE: u16 = 0x1000;
const TWO_BYTE_PROFILE_MASK: u16 = 0xFFF0;
/// The id at which a reader of one-byte elements stops.
const ONE_BYTE_STOP_ID: u8 = 15;

/// The local number of a header extension: 1–14 in one-byte form, 1–255 in two-byte form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionId(u8);

impl ExtensionId {
    /// The largest id of the one-byte form.
    pub const MAX_ONE_BYTE: u8 = 14;

    /// The id of that number; 0 is padding and no id.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// How the elements of a block are headed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExtensionForm {
    /// `BE DE`: id and length in one byte. The only form that UDP clients are sent.
    OneByte,
    /// `10 0x`: a byte of id, a byte of length. Only from WebRTC clients that offered `extmap-allow-mixed`.
    TwoByte,
}

/// One extension in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionElement<'a> {
    /// Which extension, in the sender's numbers.
    pub id: ExtensionId,
    /// Its bytes.
    pub value: &'a [u8],
}

/// The extension block of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionBlock<'a> {
    profile: u16,
    body: &'a [u8],
}

impl<'a> ExtensionBlock<'a> {
    /// The block of a profile number and what stands behind the word count.
    #[must_use]
    pub const fn new(profile: u16, body: &'a [u8]) -> Self {
        Self { profile, body }
    }

    /// How the elements are headed; `None` for a profile of another kind, which has no elements to be read.
    #[must_use]
    pub const fn form(&self) -> Option<ExtensionForm> {
        match self.profile {
            ONE_BYTE_PROFILE => Some(ExtensionForm::OneByte),
            profile if profile & TWO_BYTE_PROFILE_MASK == TWO_BYTE_PROFILE => Some(ExtensionForm::TwoByte),
            _ => None,
        }
    }

    /// The elements in order. Reading ends at an element that claims more bytes than the block has, as RFC 8285
    /// asks; those before it are good.
    #[must_use]
    pub const fn elements(&self) -> Elements<'a> {
        Elements {
            form: self.form(),
            rest: self.body,
        }
    }

    /// The value of an extension, if the block has it.
    #[must_use]
    pub fn find(&self, id: ExtensionId) -> Option<&'a [u8]> {
        self.elements()
            .find(|element| element.id == id)
            .map(|element| element.value)
    }
}

/// The elements of a block; see [`ExtensionBlock::elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    form: Option<ExtensionForm>,
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = ExtensionElement<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let padding = self.rest.iter().take_while(|byte| **byte == 0).count();
        let (id, length, behind) = match (self.form?, &self.rest[padding..]) {
            (ExtensionForm::OneByte, &[head, ref behind @ ..]) => {
                (head >> 4, usize::from(head & 0x0F) + 1, behind)
            }
            (ExtensionForm::TwoByte, &[id, length, ref behind @ ..]) => (id, usize::from(length), behind),
            _ => return self.stop(),
        };
        let stops = self.form == Some(ExtensionForm::OneByte) && id == ONE_BYTE_STOP_ID;
        match (ExtensionId::new(id), behind.split_at_checked(length)) {
            (Some(id), Some((value, rest))) if !stops => {
                self.rest = rest;
                Some(ExtensionElement { id, value })
            }
            _ => self.stop(),
        }
    }
}

impl<'a> Elements<'a> {
    const fn stop(&mut self) -> Option<ExtensionElement<'a>> {
        self.rest = &[];
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(profile: u16, body: &[u8]) -> Vec<(u8, &[u8])> {
        let block = ExtensionBlock::new(profile, body);
        block
            .elements()
            .map(|element| (element.id.number(), element.value))
            .collect()
    }

    #[test]
    fn one_byte_elements_are_read_with_padding_between() {
        let body = [0x10, 0x9E, 0x00, 0x00, 0x51, 0x02, 0x01, 0x00];
        assert_eq!(read(0xBEDE, &body), [(1, &[0x9E][..]), (5, &[2, 1])]);
    }

    #[test]
    fn id_15_ends_a_one_byte_block() {
        assert_eq!(
            read(0xBEDE, &[0x10, 0x9E, 0xF0, 0x00, 0x10, 0x01]),
            [(1, &[0x9E][..])]
        );
    }

    #[test]
    fn two_byte_elements_may_be_empty_and_have_any_id() {
        let body = [0x0F, 0x00, 0x00, 0xC8, 0x02, 0xAA, 0xBB, 0x00];
        assert_eq!(read(0x1003, &body), [(15, &[][..]), (200, &[0xAA, 0xBB])]);
    }

    #[test]
    fn an_element_that_is_longer_than_its_block_ends_the_reading() {
        assert_eq!(read(0xBEDE, &[0x10, 0x9E, 0x53, 0x01]), [(1, &[0x9E][..])]);
        assert_eq!(read(0x1000, &[0x01, 0x05, 0x00, 0x00]), []);
        assert_eq!(read(0x1000, &[0x01]), []);
    }

    #[test]
    fn a_foreign_profile_has_no_elements() {
        assert_eq!(ExtensionBlock::new(0xABCD, &[0x10, 0x9E]).form(), None);
        assert_eq!(read(0xABCD, &[0x10, 0x9E]), []);
    }

    #[test]
    fn an_element_is_found_by_id() {
        let block = ExtensionBlock::new(0xBEDE, &[0x10, 0x9E, 0x90, 0x02]);
        assert_eq!(block.find(ExtensionKind::Speaker.native_id()), Some(&[0x02][..]));
        assert_eq!(block.find(ExtensionKind::PlayoutDelay.native_id()), None);
    }
}

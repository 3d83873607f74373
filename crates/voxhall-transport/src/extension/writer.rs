//! Writing an extension block.

use super::{
    ExtensionBlock, ExtensionElement, ExtensionForm, ExtensionId, ExtensionKind, ExtensionMap,
    ONE_BYTE_PROFILE, TWO_BYTE_PROFILE,
};
use crate::Error;
use crate::rtp::{EXTENSION_PREAMBLE_LENGTH, WORD_LENGTH};

/// The longest value of the one-byte form.
const MAX_ONE_BYTE_VALUE: usize = 16;

/// Writes an extension block, preamble included, into the caller's buffer.
#[derive(Debug)]
pub struct ExtensionWriter<'b> {
    form: ExtensionForm,
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> ExtensionWriter<'b> {
    /// Begins a block. UDP clients take the one-byte form only.
    #[must_use]
    pub const fn new(form: ExtensionForm, buffer: &'b mut [u8]) -> Self {
        Self {
            form,
            buffer,
            length: EXTENSION_PREAMBLE_LENGTH,
        }
    }

    /// Adds an element.
    ///
    /// # Errors
    ///
    /// [`Error::ExtensionElement`] if the form cannot carry the id or the length, [`Error::BufferTooSmall`]. The
    /// block is then as it was.
    pub fn push(&mut self, id: ExtensionId, value: &[u8]) -> Result<(), Error> {
        let too_long = Error::ExtensionElement;
        match self.form {
            ExtensionForm::OneByte => {
                let fits = id.number() <= ExtensionId::MAX_ONE_BYTE && value.len() <= MAX_ONE_BYTE_VALUE;
                let length_bits = value.len().checked_sub(1).filter(|_| fits).ok_or(too_long)?;
                self.append(&[id.number() << 4 | length_bits as u8], value)
            }
            ExtensionForm::TwoByte => {
                let length = u8::try_from(value.len()).map_err(|_| too_long)?;
                self.append(&[id.number(), length], value)
            }
        }
    }

    /// Adds an extension under the receiver's number. One that the receiver did not list is left out.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_kind(
        &mut self,
        receiver: &ExtensionMap,
        kind: ExtensionKind,
        value: &[u8],
    ) -> Result<(), Error> {
        receiver.id(kind).map_or(Ok(()), |id| self.push(id, value))
    }

    /// Adds the elements of a sender's block under the receiver's numbers, but only extensions that both listed and
    /// that `keep` lets through. Values pass unchanged.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push); elements before the failing one stay in the block.
    pub fn push_translated(
        &mut self,
        block: ExtensionBlock<'_>,
        sender: &ExtensionMap,
        receiver: &ExtensionMap,
        mut keep: impl FnMut(ExtensionKind) -> bool,
    ) -> Result<(), Error> {
        for ExtensionElement { id, value } in block.elements() {
            match sender.kind(id) {
                Some(kind) if keep(kind) => self.push_kind(receiver, kind, value)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends the block: pads it to whole words and writes the preamble. A block without elements is empty, so that
    /// the packet needs none.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`].
    pub fn finish(self) -> Result<&'b [u8], Error> {
        if self.length == EXTENSION_PREAMBLE_LENGTH {
            return Ok(&[]);
        }
        let length = self.length.next_multiple_of(WORD_LENGTH);
        Error::check_room(length, self.buffer.len())?;
        let block = &mut self.buffer[..length];
        block[self.length..].fill(0);
        let words = (length - EXTENSION_PREAMBLE_LENGTH) / WORD_LENGTH;
        let words = u16::try_from(words).map_err(|_| Error::TooMany)?;
        let profile = match self.form {
            ExtensionForm::OneByte => ONE_BYTE_PROFILE,
            ExtensionForm::TwoByte => TWO_BYTE_PROFILE,
        };
        block[..2].copy_from_slice(&profile.to_be_bytes());
        block[2..4].copy_from_slice(&words.to_be_bytes());
        Ok(block)
    }

    fn append(&mut self, head: &[u8], value: &[u8]) -> Result<(), Error> {
        let value_at = self.length + head.len();
        let end = value_at + value.len();
        Error::check_room(end, self.buffer.len())?;
        self.buffer[self.length..value_at].copy_from_slice(head);
        self.buffer[value_at..end].copy_from_slice(value);
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> ExtensionId {
        ExtensionId::new(number).expect("not zero")
    }

    #[test]
    fn a_block_is_padded_to_words() {
        let mut buffer = [0xEE; 16];
        let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
        writer.push(id(5), &[2, 1]).expect("fits");
        assert_eq!(writer.finish().expect("fits"), [0xBE, 0xDE, 0, 1, 0x51, 2, 1, 0]);
    }

    #[test]
    fn a_block_without_elements_is_empty() {
        let mut buffer = [0; 4];
        let writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
        assert_eq!(writer.finish(), Ok(&[][..]));
    }

    #[test]
    fn each_form_refuses_what_it_cannot_carry() {
        let mut buffer = [0; 300];
        let mut one_byte = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
        assert_eq!(one_byte.push(id(15), &[0]), Err(Error::ExtensionElement));
        assert_eq!(one_byte.push(id(1), &[]), Err(Error::ExtensionElement));
        assert_eq!(one_byte.push(id(1), &[0; 17]), Err(Error::ExtensionElement));
        assert_eq!(one_byte.push(id(14), &[0; 16]), Ok(()));
        let mut two_byte = ExtensionWriter::new(ExtensionForm::TwoByte, &mut buffer);
        assert_eq!(two_byte.push(id(255), &[]), Ok(()));
        assert_eq!(two_byte.push(id(255), &[0; 256]), Err(Error::ExtensionElement));
        assert_eq!(two_byte.push(id(255), &[0; 255]), Ok(()));
    }

    #[test]
    fn a_full_buffer_keeps_what_is_in_it() {
        let mut buffer = [0; 8];
        let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
        writer.push(id(1), &[0x9E]).expect("fits");
        assert_eq!(
            writer.push(id(3), &[1, 2, 3]),
            Err(Error::BufferTooSmall {
                needed: 10,
                available: 8
            })
        );
        assert_eq!(
            writer.finish().expect("fits"),
            [0xBE, 0xDE, 0, 1, 0x10, 0x9E, 0, 0]
        );
    }

    #[test]
    fn translation_renumbers_and_drops_what_the_receiver_did_not_list() {
        let mut browser = ExtensionMap::EMPTY;
        browser.insert(ExtensionKind::AudioLevel, id(7));
        browser.insert(ExtensionKind::Mid, id(4));
        let native = ExtensionBlock::new(0xBEDE, &[0x10, 0x9E, 0x90, 0x02, 0xD0, 0x01]);
        let mut buffer = [0; 16];
        let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
        writer
            .push_translated(native, &ExtensionMap::NATIVE, &browser, |_| true)
            .expect("fits");
        assert_eq!(
            writer.finish().expect("fits"),
            [0xBE, 0xDE, 0, 1, 0x70, 0x9E, 0, 0]
        );
    }

    #[test]
    fn translation_keeps_what_it_is_told_to() {
        let native = ExtensionBlock::new(0xBEDE, &[0x10, 0x9E, 0x90, 0x02]);
        let mut buffer = [0; 16];
        let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
        let map = ExtensionMap::NATIVE;
        writer
            .push_translated(native, &map, &map, |kind| kind == ExtensionKind::Speaker)
            .expect("fits");
        assert_eq!(
            writer.finish().expect("fits"),
            [0xBE, 0xDE, 0, 1, 0x90, 0x02, 0, 0]
        );
    }
}

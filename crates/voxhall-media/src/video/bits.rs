//! Reading bit by bit, as headers of video codecs are written.

/// Reads bits from the most significant on. Past the end everything is `None`.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// A number of at most 32 bits.
    pub(super) fn number(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    /// A small number, as one of at most 8 bits.
    pub(super) fn byte(&mut self, bits: u32) -> Option<u8> {
        self.number(bits.min(8)).map(|number| number as u8)
    }

    pub(super) fn skip(&mut self, bits: usize) -> Option<()> {
        self.position = self.position.checked_add(bits)?;
        (self.position <= self.bytes.len() * 8).then_some(())
    }

    /// An Exp-Golomb number (H.264, section 9.1), which is also AV1's `uvlc` but for its largest value.
    pub(super) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == 32 {
                return None;
            }
        }
        let rest = self.number(zeros)?;
        Some((1_u32 << zeros) - 1 + rest)
    }

    /// An Exp-Golomb number with a sign (H.264, section 9.1.1).
    pub(super) fn signed_golomb(&mut self) -> Option<i32> {
        let code = i64::from(self.golomb()?);
        let magnitude = (code + 1) / 2;
        // Of at most 2^31, which as a positive one does not fit.
        i32::try_from(if code % 2 == 1 { magnitude } else { -magnitude }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_from_the_top() {
        let mut bits = Bits::new(&[0b1010_0000, 0xFF]);
        assert_eq!(bits.flag(), Some(true));
        assert_eq!(bits.number(3), Some(0b010));
        assert_eq!(bits.skip(4), Some(()));
        assert_eq!(bits.byte(8), Some(0xFF));
        assert_eq!(bits.flag(), None);
        assert_eq!(bits.skip(1), None);
    }

    #[test]
    fn golomb_numbers_of_the_standard() {
        // 1, 010, 011, 00100, 00101
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let numbers: Vec<_> = (0..5).map(|_| bits.golomb()).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let numbers: Vec<_> = (0..5).map(|_| bits.signed_golomb()).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(-1), Some(2), Some(-2)]);
        assert_eq!(Bits::new(&[0; 8]).golomb(), None, "zeros without end");
    }
}

/// Longest datagram that is built: well above what leaves room for tag and nonce in 1200 bytes of payload.
const MAX_DATAGRAM: usize = 1500;

/// Most datagrams of one sender in one tick: frames of 2.5 ms, one tick late.
const MOST_AT_ONCE: usize = 17;

/// Datagrams that are sealed before the first of them is sent, so that the code and data of sealing and those of the
/// kernel's sending do not push each other out of the caches packet by packet.
#[derive(Debug)]
pub(super) struct Batch {
    /// The datagrams, one behind the other; the rest is room for the next.
    bytes: Box<[u8]>,
    /// Where each datagram ends.
    ends: Vec<usize>,
}

impl Batch {
    /// How many of the longest it has room for.
    const DATAGRAMS: usize = 64;

    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; Self::DATAGRAMS * MAX_DATAGRAM].into(),
            ends: Vec::with_capacity(Self::DATAGRAMS),
        }
    }

    /// How many datagrams it holds.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether those of another sender might not fit.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() - self.used() < MOST_AT_ONCE * MAX_DATAGRAM
    }

    /// Adds a datagram: `write` puts it at the start of what it is given and returns its length.
    ///
    /// # Errors
    /// Those of `write`; nothing is added then.
    pub(super) fn push<E>(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        let start = self.used();
        let end = self.bytes.len().min(start + MAX_DATAGRAM);
        let length = write(&mut self.bytes[start..end])?;
        self.ends.push(start + length);
        Ok(())
    }

    /// The datagrams in the order in which they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..*end])
    }

    pub(super) fn clear(&mut self) {
        self.ends.clear();
    }

    fn used(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_length(length: usize) -> impl FnOnce(&mut [u8]) -> Result<usize, ()> {
        move |room| {
            room.get_mut(..length)
                .map(|it| it.fill(length as u8))
                .map(|()| length)
                .ok_or(())
        }
    }

    #[test]
    fn datagrams_come_back_as_they_were_written() {
        let mut batch = Batch::new();
        for length in [3, 0, 5] {
            batch.push(of_length(length)).unwrap();
        }
        assert_eq!(
            batch.push(of_length(MAX_DATAGRAM + 1)),
            Err(()),
            "a failed write adds nothing"
        );
        let datagrams: Vec<_> = batch.iter().collect();
        assert_eq!(datagrams, [&[3; 3][..], &[], &[5; 5]]);
        batch.clear();
        assert_eq!((batch.len(), batch.iter().count()), (0, 0));
    }

    #[test]
    fn it_is_full_before_a_sender_has_no_room() {
        let mut batch = Batch::new();
        while !batch.is_full() {
            batch.push(of_length(MAX_DATAGRAM)).unwrap();
        }
        for _ in 1..MOST_AT_ONCE {
            batch.push(of_length(MAX_DATAGRAM)).unwrap();
        }
        assert_eq!(batch.len(), Batch::DATAGRAMS);
    }
}

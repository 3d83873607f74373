//! Nonce suffixes and who may use which (`media-transport.md` section 5.4).
//!
//! Both directions share one key, so the two ends must never make the same suffix. A client counts up from
//! `0x80000000`, little-endian. The server's counter has 29 bits, spread so that it meets neither such clients nor
//! those that count from 0 in either byte order.

use voxhall_protocol::voice::EncryptionMode;

use super::layout::{COUNTER_LENGTH, RANDOM_LENGTH, suffix_length};
use crate::Error;

/// What travels behind a sealed packet and makes its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceSuffix {
    /// Nothing: the nonce is the header, or there is none.
    None,
    /// Four bytes of a counter.
    Counter([u8; COUNTER_LENGTH]),
    /// A whole nonce.
    Whole([u8; RANDOM_LENGTH]),
}

impl NonceSuffix {
    /// The suffix of `mode` that is all zeros: for measurements and tests, where a key seals one packet.
    #[must_use]
    pub const fn zeroed(mode: EncryptionMode) -> Self {
        match suffix_length(mode) {
            0 => Self::None,
            COUNTER_LENGTH => Self::Counter([0; COUNTER_LENGTH]),
            _ => Self::Whole([0; RANDOM_LENGTH]),
        }
    }

    /// The bytes as they travel.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Counter(bytes) => bytes,
            Self::Whole(bytes) => bytes,
        }
    }
}

/// The server's suffixes: 29 bits, so 536 870 912 packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNonces {
    next: u32,
}

impl ServerNonces {
    /// How many suffixes there are.
    pub const COUNT: u32 = 1 << 29;

    /// Counts from `first`: 0 for a fresh key, or where the last user of the key stopped
    /// ([`position`](Self::position)).
    #[must_use]
    pub const fn starting_at(first: u32) -> Self {
        Self { next: first }
    }

    /// The next suffix.
    ///
    /// # Errors
    ///
    /// [`Error::NoncesExhausted`] when all are used.
    pub const fn advance(&mut self) -> Result<[u8; COUNTER_LENGTH], Error> {
        if self.next >= Self::COUNT {
            return Err(Error::NoncesExhausted);
        }
        let [low, middle, high, top] = spread(self.next).to_le_bytes();
        self.next += 1;
        Ok([low, middle, high, top])
    }

    /// The counter of the next suffix.
    #[must_use]
    pub const fn position(&self) -> u32 {
        self.next
    }

    /// How many suffixes are left.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        Self::COUNT.saturating_sub(self.next)
    }
}

/// Puts 29 bits where the lowest byte has its top bit set and the highest begins with `01`.
const fn spread(counter: u32) -> u32 {
    let lowest = 0x80 | counter & 0x7F;
    let rest = counter >> 7;
    0x4000_0000 | rest << 8 | lowest
}

/// The client's suffixes: a little-endian counter from `0x80000000`, so 2 147 483 648 packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientNonces {
    next: Option<u32>,
}

impl ClientNonces {
    /// The first counter value.
    pub const FIRST: u32 = 0x8000_0000;

    /// Counts from the first suffix; only for a key that sealed nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::starting_at(Self::FIRST)
    }

    /// Counts from `first`, for a session that goes on with its key.
    #[must_use]
    pub const fn starting_at(first: u32) -> Self {
        Self { next: Some(first) }
    }

    /// The next suffix.
    ///
    /// # Errors
    ///
    /// [`Error::NoncesExhausted`] when all are used.
    pub const fn advance(&mut self) -> Result<[u8; COUNTER_LENGTH], Error> {
        let Some(counter) = self.next else {
            return Err(Error::NoncesExhausted);
        };
        self.next = counter.checked_add(1);
        Ok(counter.to_le_bytes())
    }

    /// How many suffixes are left.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        match self.next {
            // At most 2^31, because the counter begins at 2^31.
            Some(next) => (u32::MAX - next).saturating_add(1),
            None => 0,
        }
    }
}

impl Default for ClientNonces {
    fn default() -> Self {
        Self::new()
    }
}

/// Whole nonces for `xsalsa20_poly1305_suffix`: 16 random bytes that stay and 8 that count, from a random start.
///
/// The receiver takes any 24 bytes. Counting makes them unique for certain within one direction, and needs a generator
/// once instead of for each packet; the random part keeps the two directions apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RandomNonces {
    next: [u8; RANDOM_LENGTH],
}

impl RandomNonces {
    /// Counts from `start`, which comes from the generator of the operating system.
    #[must_use]
    pub const fn starting_at(start: [u8; RANDOM_LENGTH]) -> Self {
        Self { next: start }
    }

    /// The next nonce. They do not run out: 2^64 packets are more than any session sends.
    pub fn advance(&mut self) -> [u8; RANDOM_LENGTH] {
        let nonce = self.next;
        let (_, counter) = self
            .next
            .split_last_chunk_mut::<8>()
            .expect("24 bytes hold a counter of 8");
        *counter = u64::from_le_bytes(*counter).wrapping_add(1).to_le_bytes();
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_stops_at_its_last_suffix() {
        let mut nonces = ServerNonces::starting_at(ServerNonces::COUNT - 1);
        assert_eq!(nonces.remaining(), 1);
        assert_eq!(nonces.advance(), Ok([0xFF, 0xFF, 0xFF, 0x7F]));
        assert_eq!(nonces.advance(), Err(Error::NoncesExhausted));
        assert_eq!(nonces.advance(), Err(Error::NoncesExhausted));
        assert_eq!(nonces.remaining(), 0);
    }

    #[test]
    fn the_client_stops_before_its_counter_wraps() {
        let mut nonces = ClientNonces::starting_at(u32::MAX);
        assert_eq!(nonces.remaining(), 1);
        assert_eq!(nonces.advance(), Ok([0xFF; 4]));
        assert_eq!(nonces.advance(), Err(Error::NoncesExhausted));
        assert_eq!(nonces.remaining(), 0);
        assert_eq!(ClientNonces::new().remaining(), 1 << 31);
    }

    #[test]
    fn server_suffixes_rise_and_keep_out_of_the_clients_way() {
        let mut last = None;
        for counter in (0..ServerNonces::COUNT)
            .step_by(4_099)
            .chain([ServerNonces::COUNT - 1])
        {
            let suffix = ServerNonces::starting_at(counter)
                .advance()
                .expect("within the range");
            let value = u32::from_le_bytes(suffix);
            assert!(last < Some(value), "strictly rising");
            assert!(
                value < ClientNonces::FIRST,
                "below every little-endian client of ours"
            );
            assert!(suffix[0] >= 0x80, "above big-endian counters from 0");
            assert!(suffix[3] >= 0x40, "above little-endian counters from 0");
            last = Some(value);
        }
    }

    #[test]
    fn whole_nonces_differ_and_wrap_within_the_counter() {
        let mut nonces = RandomNonces::starting_at([0xFF; 24]);
        assert_eq!(nonces.advance(), [0xFF; 24]);
        let second = nonces.advance();
        assert_eq!(second[..16], [0xFF; 16]);
        assert_eq!(second[16..], [0; 8]);
    }
}

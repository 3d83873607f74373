//! Which member an SSRC belongs to: the one look-up that every packet needs.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use voxhall_protocol::voice::Ssrc;

/// What a stream is to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamRole {
    Audio,
    /// The media of the layer with this index.
    Video(u8),
    /// The retransmissions of the layer with this index.
    Retransmission(u8),
}

/// Whose stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The member's place in the core.
    pub(super) member: usize,
    pub(super) role: StreamRole,
}

/// All SSRCs of a worker's port.
pub(super) type SsrcTable = HashMap<Ssrc, Owner, BuildHasherDefault<SsrcHasher>>;

/// One multiplication. The keys in the table are numbers that the node gave out, so nobody can choose colliding ones.
#[derive(Debug, Default)]
pub(super) struct SsrcHasher(u64);

impl Hasher for SsrcHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, ssrc: u32) {
        // 2^64 divided by the golden ratio: neighbours end up far apart, in the high bits above all.
        self.0 = (self.0 ^ u64::from(ssrc)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table takes its index from the low bits and its tag from the high ones.
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn neighbours_do_not_crowd() {
        let hasher = BuildHasherDefault::<SsrcHasher>::default();
        let slots: HashSet<u64> = (1..=4096_u32)
            .map(|ssrc| hasher.hash_one(Ssrc(ssrc)) % 8192)
            .collect();
        assert!(
            slots.len() > 3000,
            "{} of 4096 keys have a slot of their own",
            slots.len()
        );
    }
}

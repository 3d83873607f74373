//! The session's key.

use std::fmt;

use zeroize::Zeroize;

/// The 32-byte `secret_key` of op 4, for both directions of one session. It does not show itself in logs and is
/// wiped when dropped.
#[derive(Clone)]
pub struct TransportKey([u8; Self::LENGTH]);

impl TransportKey {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// The bytes, for op 4 and for the ciphers.
    #[must_use]
    pub const fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// Takes the bytes as they come from the generator of the operating system, or from op 4.
impl From<[u8; Self::LENGTH]> for TransportKey {
    fn from(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TransportKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TransportKey(redacted)")
    }
}

impl Drop for TransportKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(
            format!("{:?}", TransportKey::from([0xAB; 32])),
            "TransportKey(redacted)"
        );
    }
}

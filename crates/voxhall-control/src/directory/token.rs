//! Tokens: random, shown once, stored as a digest.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use voxhall_protocol::Token;
use voxhall_protocol::ids::UserId;

/// SHA-256 of a token. A reader of the database cannot log in with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a token.
    pub(crate) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }

    /// As the database holds it: 64 hex digits.
    pub(super) fn to_hex(self) -> String {
        hex(&self.0)
    }

    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// What names the token where it may not be shown.
    pub(crate) fn id(self) -> TokenId {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        TokenId(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// The first bytes, for names that shall be the same for the same text.
    pub(crate) fn short(self) -> String {
        hex(&self.0[..4])
    }
}

/// Names a token in lists, and says nothing about it: the beginning of its digest, 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenId(u64);

impl std::fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl std::str::FromStr for TokenId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TokenDigest(…)")
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A token in the shape that client libraries know: three parts, the first being the account's id in base 64.
///
/// Only `secret` protects it; the rest is there because some libraries read the account's id out of the token.
pub(super) fn shape(user: UserId, secret: &[u8; 24]) -> Token {
    let id = base64url(user.to_string().as_bytes());
    let (head, tail) = secret.split_at(4);
    Token::new(format!("{id}.{}.{}", base64url(head), base64url(tail)))
}

/// The token that a seed stands for, always the same one.
pub(super) fn from_seed(user: UserId, seed: &str) -> Token {
    let mut secret = [0; 24];
    secret.copy_from_slice(&digest(&SHA256, format!("{seed}:{user}").as_bytes()).as_ref()[..24]);
    shape(user, &secret)
}

/// A fresh seed.
pub(super) fn new_seed() -> String {
    hex(&rand::random::<[u8; 32]>())
}

/// Base 64 with the URL alphabet and no padding (RFC 4648 section 5).
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for digit in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * digit)) as usize & 0x3f]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_agrees_with_the_rfc() {
        // RFC 4648 section 10, without the padding.
        let vectors = [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(base64url(plain.as_bytes()), encoded);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn a_digest_survives_the_database() {
        let digest = TokenDigest::of("abc");
        // FIPS 180-4, SHA-256 of "abc".
        assert_eq!(
            digest.to_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(TokenDigest::from_hex(&digest.to_hex()), Some(digest));
        assert_eq!(TokenDigest::from_hex("ba78"), None);
        assert_eq!(TokenDigest::from_hex(&"zz".repeat(32)), None);
    }
}

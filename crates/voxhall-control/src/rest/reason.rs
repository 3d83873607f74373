//! `X-Audit-Log-Reason`: why somebody changes a guild.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::caller::Caller;
use crate::guilds::Author;

/// The header, percent-encoded UTF-8.
pub(super) const HEADER: &str = "x-audit-log-reason";

/// The most characters of a reason that are kept.
const LONGEST: usize = 512;

/// Why the caller does it, if it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reason(pub(crate) Option<String>);

impl Reason {
    /// The caller and its reason.
    pub(crate) fn of(self, caller: &Caller) -> Author {
        Author {
            user: Some(caller.id()),
            reason: self.0,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reason {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(HEADER).map(|value| decode(value.as_bytes()));
        Ok(Self(header.filter(|reason| !reason.is_empty())))
    }
}

/// Percent signs that no two hex digits follow stand for themselves.
fn decode(encoded: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().take(LONGEST).collect()
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_decoded_and_bounded() {
        assert_eq!(decode(b"noise%20at%20night %C3%A9%c3%A9"), "noise at night éé");
        assert_eq!(decode(b"100% of %4 %zz%"), "100% of %4 %zz%");
        assert_eq!(decode(&[b'x'; 600]).len(), LONGEST);
        assert_eq!(decode(b"%ff"), "\u{fffd}");
    }
}

//! MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 sections 14.5 and 14.7).
//!
//! Both cover the message in front of them as it would be if they were its last attribute, so the length in its header
//! is not always the one that was sent.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::HEADER_LENGTH;
use super::attribute::{ATTRIBUTE_HEADER_LENGTH, Attribute};
use crate::Error;

/// Bytes of HMAC-SHA1.
pub(super) const INTEGRITY_LENGTH: usize = 20;
/// Bytes of a CRC-32.
pub(super) const FINGERPRINT_LENGTH: usize = 4;
/// "STUN", so that the CRC differs from one that another protocol may have at its end.
const FINGERPRINT_MASK: u32 = 0x5354_554E;
/// Bytes in front of the length field.
const TYPE_LENGTH: usize = 2;
const BEHIND_LENGTH_FIELD: usize = 4;

/// The value of MESSAGE-INTEGRITY behind `before`, which begins with the message's header.
pub(super) fn integrity(before: &[u8], password: &str) -> [u8; INTEGRITY_LENGTH] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(&before[..TYPE_LENGTH]);
    context.update(&length_with(before, INTEGRITY_LENGTH));
    context.update(&before[BEHIND_LENGTH_FIELD..]);
    let tag = context.sign();
    *tag.as_ref().first_chunk().expect("HMAC-SHA1 has 20 bytes")
}

/// Checks a MESSAGE-INTEGRITY attribute of `message`.
pub(super) fn verify_integrity(
    message: &[u8],
    attribute: &Attribute<'_>,
    password: &str,
) -> Result<(), Error> {
    let expected = integrity(&message[..attribute.start], password);
    verify_slices_are_equal(&expected, attribute.value).map_err(|_| Error::Authentication)
}

/// The value of FINGERPRINT behind `before`, which begins with the message's header.
pub(super) fn fingerprint(before: &[u8]) -> [u8; FINGERPRINT_LENGTH] {
    let crc = crc32(!0, &before[..TYPE_LENGTH]);
    let crc = crc32(crc, &length_with(before, FINGERPRINT_LENGTH));
    let crc = crc32(crc, &before[BEHIND_LENGTH_FIELD..]);
    (!crc ^ FINGERPRINT_MASK).to_be_bytes()
}

/// The length field of a message that ends with an attribute of `value_length` bytes behind `before`.
fn length_with(before: &[u8], value_length: usize) -> [u8; 2] {
    let length = before.len() - HEADER_LENGTH + ATTRIBUTE_HEADER_LENGTH + value_length;
    u16::try_from(length)
        .expect("what lies in front of an attribute is part of a message of 64 KiB")
        .to_be_bytes()
}

/// CRC-32 of ISO 3309, the lowest bit first, without the final inversion.
fn crc32(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, byte| {
        CRC_TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ crc >> 8
    })
}

const CRC_TABLE: [u32; 256] = {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 {
                crc >> 1
            } else {
                POLYNOMIAL ^ crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_has_its_check_value() {
        assert_eq!(!crc32(!0, b"123456789"), 0xCBF4_3926);
    }
}

//! XSalsa20-Poly1305 as NaCl's secretbox has it: no associated data, the tag in front of the ciphertext.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};

use super::{TAG_LENGTH, TransportKey};
use crate::Error;

/// Bytes of the nonce.
pub(super) const NONCE_LENGTH: usize = 24;
/// The first bytes of the key stream are the key of the authenticator, never used on the text.
const AUTHENTICATOR_KEY_LENGTH: usize = 32;

/// Encrypts `text` in place and returns its tag.
pub(super) fn seal(key: &TransportKey, nonce: &[u8; NONCE_LENGTH], text: &mut [u8]) -> [u8; TAG_LENGTH] {
    let (mut stream, authenticator) = start(key, nonce);
    stream.apply_keystream(text);
    authenticator.compute_unpadded(text).into()
}

/// Checks the tag, then decrypts `text` in place; on failure `text` is as it was.
pub(super) fn open(
    key: &TransportKey,
    nonce: &[u8; NONCE_LENGTH],
    tag: &[u8; TAG_LENGTH],
    text: &mut [u8],
) -> Result<(), Error> {
    let (mut stream, authenticator) = start(key, nonce);
    let expected: [u8; TAG_LENGTH] = authenticator.compute_unpadded(text).into();
    verify_slices_are_equal(&expected, tag).map_err(|_| Error::Authentication)?;
    stream.apply_keystream(text);
    Ok(())
}

fn start(key: &TransportKey, nonce: &[u8; NONCE_LENGTH]) -> (XSalsa20, Poly1305) {
    let mut stream = XSalsa20::new(key.expose().into(), nonce.into());
    let mut authenticator_key = [0; AUTHENTICATOR_KEY_LENGTH];
    stream.apply_keystream(&mut authenticator_key);
    let authenticator = Poly1305::new((&authenticator_key).into());
    (stream, authenticator)
}

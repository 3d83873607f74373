//! Sealing and opening one packet.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use voxhall_protocol::voice::EncryptionMode;

use super::layout::{clear_length, overhead, suffix_length};
use super::{NonceSuffix, PacketKind, TAG_LENGTH, TransportKey, secretbox, xchacha};
use crate::Error;

/// A session's key, expanded for its mode. It may be shared between threads.
pub struct Cipher {
    mode: EncryptionMode,
    key: ExpandedKey,
}

enum ExpandedKey {
    None,
    Gcm(LessSafeKey),
    XChaCha(TransportKey),
    Secretbox(TransportKey),
}

/// What tells two packets with the same sequence number apart, and a packet from its copy: a part of the tag. In
/// `plain`, which has no tag, a hash of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketFingerprint(pub u64);

/// A packet that authenticated.
#[derive(Debug)]
pub struct Opened<'a> {
    /// Header and plaintext, contiguous, within the datagram's buffer.
    pub packet: &'a mut [u8],
    /// For the [`ReplayWindow`](crate::replay::ReplayWindow).
    pub fingerprint: PacketFingerprint,
}

impl Cipher {
    /// Expands a key.
    #[must_use]
    pub fn new(mode: EncryptionMode, key: &TransportKey) -> Self {
        let key = match mode {
            EncryptionMode::Plain => ExpandedKey::None,
            EncryptionMode::AeadAes256Gcm | EncryptionMode::AeadAes256GcmRtpsize => {
                let unbound = UnboundKey::new(&AES_256_GCM, key.expose());
                ExpandedKey::Gcm(LessSafeKey::new(
                    unbound.expect("AES-256 takes 32 bytes, as every key has"),
                ))
            }
            EncryptionMode::AeadXchacha20Poly1305Rtpsize => ExpandedKey::XChaCha(key.clone()),
            EncryptionMode::Xsalsa20Poly1305
            | EncryptionMode::Xsalsa20Poly1305Suffix
            | EncryptionMode::Xsalsa20Poly1305Lite
            | EncryptionMode::Xsalsa20Poly1305LiteRtpsize => ExpandedKey::Secretbox(key.clone()),
        };
        Self { mode, key }
    }

    /// The mode the key is expanded for.
    #[must_use]
    pub const fn mode(&self) -> EncryptionMode {
        self.mode
    }

    /// Seals the packet in the first `plain_length` bytes of `buffer`, which has room for
    /// [`overhead`] more, and returns the datagram's length.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`], [`Error::NonceSuffix`], or [`Error::Truncated`] for a packet without a header.
    pub fn seal(
        &self,
        kind: PacketKind,
        buffer: &mut [u8],
        plain_length: usize,
        suffix: &NonceSuffix,
    ) -> Result<usize, Error> {
        self.check_suffix(suffix)?;
        let length = plain_length + overhead(self.mode);
        Error::check_room(length, buffer.len())?;
        let clear = clear_length(self.mode, kind, &buffer[..plain_length])?;
        let datagram = &mut buffer[..length];
        datagram.copy_within(clear..plain_length, clear + self.leading_tag_length());
        self.protect(datagram, clear, suffix);
        Ok(length)
    }

    /// Seals `header ‖ body` into `out` and returns the datagram's length. For a forwarder: the body is that of the
    /// publisher's packet, the header has been made for this receiver.
    ///
    /// `header` is at least the part that stays clear; extension body and all may be in it.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    pub fn seal_parts(
        &self,
        kind: PacketKind,
        header: &[u8],
        body: &[u8],
        out: &mut [u8],
        suffix: &NonceSuffix,
    ) -> Result<usize, Error> {
        self.check_suffix(suffix)?;
        let length = header.len() + body.len() + overhead(self.mode);
        Error::check_room(length, out.len())?;
        let clear = clear_length(self.mode, kind, header)?;
        let datagram = &mut out[..length];
        let (clear_header, protected_header) = header.split_at(clear);
        datagram[..clear].copy_from_slice(clear_header);
        let text = &mut datagram[clear + self.leading_tag_length()..];
        text[..protected_header.len()].copy_from_slice(protected_header);
        text[protected_header.len()..][..body.len()].copy_from_slice(body);
        self.protect(datagram, clear, suffix);
        Ok(length)
    }

    /// Opens a datagram in place. What fails to authenticate is destroyed; the datagram is then only good for
    /// dropping.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] or [`Error::Authentication`], both of which mean: drop it and count it.
    pub fn open<'a>(&self, kind: PacketKind, datagram: &'a mut [u8]) -> Result<Opened<'a>, Error> {
        let clear = clear_length(self.mode, kind, datagram)?;
        if datagram.len() < clear + overhead(self.mode) {
            return Err(Error::Truncated);
        }
        let suffix_at = datagram.len() - suffix_length(self.mode);
        let (sealed, suffix) = datagram.split_at_mut(suffix_at);
        match &self.key {
            ExpandedKey::None => {
                let mut hasher = DefaultHasher::new();
                hasher.write(sealed);
                Ok(Opened {
                    packet: sealed,
                    fingerprint: PacketFingerprint(hasher.finish()),
                })
            }
            ExpandedKey::Gcm(key) => open_aead(key, pad(suffix), sealed, clear),
            ExpandedKey::XChaCha(key) => open_aead(
                &xchacha::packet_key(key, &pad(suffix)),
                [0; NONCE_LEN],
                sealed,
                clear,
            ),
            ExpandedKey::Secretbox(key) => {
                let nonce = secretbox_nonce(&sealed[..clear], suffix);
                open_secretbox(key, &nonce, sealed, clear)
            }
        }
    }

    /// Bytes between the clear header and the ciphertext.
    const fn leading_tag_length(&self) -> usize {
        match self.key {
            ExpandedKey::Secretbox(_) => TAG_LENGTH,
            ExpandedKey::None | ExpandedKey::Gcm(_) | ExpandedKey::XChaCha(_) => 0,
        }
    }

    fn check_suffix(&self, suffix: &NonceSuffix) -> Result<(), Error> {
        let (expected, given) = (suffix_length(self.mode), suffix.as_bytes().len());
        if expected == given {
            Ok(())
        } else {
            Err(Error::NonceSuffix { expected, given })
        }
    }

    /// Encrypts a datagram whose clear header and text stand in their places, and fills in tag and suffix.
    fn protect(&self, datagram: &mut [u8], clear: usize, suffix: &NonceSuffix) {
        let suffix = suffix.as_bytes();
        let (header, rest) = datagram.split_at_mut(clear);
        let (sealed, suffix_place) = rest.split_at_mut(rest.len() - suffix.len());
        suffix_place.copy_from_slice(suffix);
        match &self.key {
            ExpandedKey::None => {}
            ExpandedKey::Gcm(key) => seal_aead(key, pad(suffix), header, sealed),
            ExpandedKey::XChaCha(key) => {
                seal_aead(
                    &xchacha::packet_key(key, &pad(suffix)),
                    [0; NONCE_LEN],
                    header,
                    sealed,
                );
            }
            ExpandedKey::Secretbox(key) => {
                let (tag, text) = sealed.split_at_mut(TAG_LENGTH);
                tag.copy_from_slice(&secretbox::seal(key, &secretbox_nonce(header, suffix), text));
            }
        }
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cipher")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// `text ‖ room for the tag` becomes `ciphertext ‖ tag`.
fn seal_aead(key: &LessSafeKey, nonce: [u8; NONCE_LEN], header: &[u8], sealed: &mut [u8]) {
    let (text, tag) = sealed.split_at_mut(sealed.len() - TAG_LENGTH);
    key.seal_in_place_scatter(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(header),
        text,
        &[],
        tag,
    )
    .expect("sealing fails only for a tag of another length or a text of gigabytes");
}

fn open_aead<'a>(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    sealed: &'a mut [u8],
    clear: usize,
) -> Result<Opened<'a>, Error> {
    let fingerprint = fingerprint_of_tag(&sealed[sealed.len() - TAG_LENGTH..]);
    let (header, text) = sealed.split_at_mut(clear);
    let plain_length = key
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&*header), text)
        .map_err(|_| Error::Authentication)?
        .len();
    Ok(Opened {
        packet: &mut sealed[..clear + plain_length],
        fingerprint,
    })
}

fn open_secretbox<'a>(
    key: &TransportKey,
    nonce: &[u8; secretbox::NONCE_LENGTH],
    sealed: &'a mut [u8],
    clear: usize,
) -> Result<Opened<'a>, Error> {
    let (tag, text) = sealed[clear..]
        .split_first_chunk_mut::<TAG_LENGTH>()
        .ok_or(Error::Truncated)?;
    let fingerprint = fingerprint_of_tag(tag);
    secretbox::open(key, nonce, tag, text)?;
    // Move the header over the tag, so that the packet is contiguous; moving the text would cost more.
    sealed.copy_within(..clear, TAG_LENGTH);
    Ok(Opened {
        packet: &mut sealed[TAG_LENGTH..],
        fingerprint,
    })
}

/// The suffix, or in the mode without one the clear header, filled up with zeros.
fn secretbox_nonce(header: &[u8], suffix: &[u8]) -> [u8; secretbox::NONCE_LENGTH] {
    pad(if suffix.is_empty() { header } else { suffix })
}

/// `bytes`, which are at most `LENGTH`, filled up with zeros.
fn pad<const LENGTH: usize>(bytes: &[u8]) -> [u8; LENGTH] {
    let mut padded = [0; LENGTH];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

fn fingerprint_of_tag(tag: &[u8]) -> PacketFingerprint {
    let half = tag.first_chunk().expect("a tag has 16 bytes");
    PacketFingerprint(u64::from_be_bytes(*half))
}

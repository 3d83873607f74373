//! Protecting and opening one packet whose index is known.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::{Zeroize as _, Zeroizing};

use super::keys::{Label, MAX_KEY_LENGTH, SALT_LENGTH, apply_key_stream, counter_mode};
use super::profile::SHORT_TAG_LENGTH;
use super::{ENCRYPTED_FLAG, PacketIndex, RTCP_CLEAR_LENGTH, RTCP_INDEX_LENGTH, SrtpMaster, SrtpProfile};
use crate::Error;
use crate::crypto::{Opened, PacketFingerprint, PacketKind, TAG_LENGTH};

/// Bytes of the key of HMAC-SHA1 (RFC 3711 section 5.2).
const AUTHENTICATION_KEY_LENGTH: usize = 20;

/// The session keys of one direction, expanded.
#[derive(Debug)]
pub(super) struct SessionCipher {
    profile: SrtpProfile,
    rtp: Suite,
    rtcp: Suite,
}

enum Suite {
    Gcm {
        key: LessSafeKey,
        salt: Zeroizing<[u8; NONCE_LEN]>,
    },
    /// Both key schedules and the states of the hash take close to 2 KiB.
    Counter(Box<CounterSuite>),
}

struct CounterSuite {
    key: EncryptingKey,
    salt: Zeroizing<[u8; SALT_LENGTH]>,
    authentication: hmac::Key,
}

impl SessionCipher {
    pub(super) fn new(profile: SrtpProfile, master: &SrtpMaster) -> Self {
        let rtp = [Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt];
        let rtcp = [Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt];
        Self {
            profile,
            rtp: Suite::new(profile, master, rtp),
            rtcp: Suite::new(profile, master, rtcp),
        }
    }

    /// Bytes that [`protect`](Self::protect) fills behind the text.
    pub(super) const fn overhead(&self, kind: PacketKind) -> usize {
        self.profile.overhead(kind)
    }

    /// Encrypts a datagram whose header and text stand in their places, and fills in tag and index.
    pub(super) fn protect(&self, kind: PacketKind, index: PacketIndex, datagram: &mut [u8], clear: usize) {
        match kind {
            PacketKind::Rtp => self.protect_rtp(index, datagram, clear),
            PacketKind::Rtcp => self.protect_rtcp(index, datagram),
        }
    }

    fn protect_rtp(&self, index: PacketIndex, datagram: &mut [u8], clear: usize) {
        let (header, sealed) = datagram.split_at_mut(clear);
        match &self.rtp {
            Suite::Gcm { key, salt } => seal_gcm(key, gcm_nonce(salt, index), header, sealed),
            Suite::Counter(suite) => {
                let text = sealed.len() - SHORT_TAG_LENGTH;
                suite.apply_key_stream(index, &mut sealed[..text]);
                let (authenticated, tag) = datagram.split_at_mut(clear + text);
                tag.copy_from_slice(&suite.tag(authenticated, &rollover_bytes(index)));
            }
        }
    }

    fn protect_rtcp(&self, index: PacketIndex, datagram: &mut [u8]) {
        let trailer = index_word(index);
        let (header, sealed) = datagram.split_at_mut(RTCP_CLEAR_LENGTH);
        match &self.rtcp {
            Suite::Gcm { key, salt } => {
                let (sealed, word) = sealed.split_at_mut(sealed.len() - RTCP_INDEX_LENGTH);
                word.copy_from_slice(&trailer);
                seal_gcm(key, gcm_nonce(salt, index), &rtcp_aad(header, trailer), sealed);
            }
            Suite::Counter(suite) => {
                let (text, behind) = sealed.split_at_mut(sealed.len() - RTCP_INDEX_LENGTH - SHORT_TAG_LENGTH);
                suite.apply_key_stream(index, text);
                behind[..RTCP_INDEX_LENGTH].copy_from_slice(&trailer);
                let (authenticated, tag) = datagram.split_at_mut(datagram.len() - SHORT_TAG_LENGTH);
                tag.copy_from_slice(&suite.tag(authenticated, &[]));
            }
        }
    }

    /// Opens an SRTP packet, which is at least as long as its header and the overhead.
    pub(super) fn open_rtp<'a>(
        &self,
        index: PacketIndex,
        datagram: &'a mut [u8],
        clear: usize,
    ) -> Result<Opened<'a>, Error> {
        match &self.rtp {
            Suite::Gcm { key, salt } => {
                let (header, sealed) = datagram.split_at_mut(clear);
                let fingerprint = fingerprint(&sealed[sealed.len() - TAG_LENGTH..]);
                open_gcm(key, gcm_nonce(salt, index), header, sealed)?;
                Ok(opened(datagram, TAG_LENGTH, fingerprint))
            }
            Suite::Counter(suite) => {
                let (authenticated, tag) = datagram.split_at_mut(datagram.len() - SHORT_TAG_LENGTH);
                suite.verify_tag(authenticated, &rollover_bytes(index), tag)?;
                suite.apply_key_stream(index, &mut authenticated[clear..]);
                let fingerprint = fingerprint(tag);
                Ok(opened(datagram, SHORT_TAG_LENGTH, fingerprint))
            }
        }
    }

    /// The index behind an SRTCP packet, which is at least as long as its clear part and the overhead.
    pub(super) fn rtcp_index(&self, datagram: &[u8]) -> Result<u64, Error> {
        let end = match self.rtcp {
            Suite::Gcm { .. } => datagram.len(),
            Suite::Counter(_) => datagram.len() - SHORT_TAG_LENGTH,
        };
        let word = datagram[..end]
            .last_chunk()
            .expect("the overhead holds the index");
        let word = u32::from_be_bytes(*word);
        if word & ENCRYPTED_FLAG == 0 {
            return Err(Error::Authentication);
        }
        Ok(u64::from(word & !ENCRYPTED_FLAG))
    }

    /// Opens an SRTCP packet with the index that it carries.
    pub(super) fn open_rtcp<'a>(
        &self,
        index: PacketIndex,
        datagram: &'a mut [u8],
    ) -> Result<Opened<'a>, Error> {
        let overhead = self.overhead(PacketKind::Rtcp);
        match &self.rtcp {
            Suite::Gcm { key, salt } => {
                let (header, rest) = datagram.split_at_mut(RTCP_CLEAR_LENGTH);
                let sealed_length = rest.len() - RTCP_INDEX_LENGTH;
                let sealed = &mut rest[..sealed_length];
                let fingerprint = fingerprint(&sealed[sealed_length - TAG_LENGTH..]);
                let aad = rtcp_aad(header, index_word(index));
                open_gcm(key, gcm_nonce(salt, index), &aad, sealed)?;
                Ok(opened(datagram, overhead, fingerprint))
            }
            Suite::Counter(suite) => {
                let (authenticated, tag) = datagram.split_at_mut(datagram.len() - SHORT_TAG_LENGTH);
                suite.verify_tag(authenticated, &[], tag)?;
                let text_end = authenticated.len() - RTCP_INDEX_LENGTH;
                let text = &mut authenticated[RTCP_CLEAR_LENGTH..text_end];
                suite.apply_key_stream(index, text);
                let fingerprint = fingerprint(tag);
                Ok(opened(datagram, overhead, fingerprint))
            }
        }
    }
}

impl Suite {
    fn new(
        profile: SrtpProfile,
        master: &SrtpMaster,
        [encryption, authentication, salt]: [Label; 3],
    ) -> Self {
        let derivation = master.derivation(profile);
        let mut bytes = [0; MAX_KEY_LENGTH];
        let key = &mut bytes[..profile.key_length()];
        derivation.derive(encryption, key);
        let suite = match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => {
                let mut own_salt = Zeroizing::new([0; NONCE_LEN]);
                derivation.derive(salt, own_salt.as_mut());
                Self::Gcm {
                    key: gcm_key(key),
                    salt: own_salt,
                }
            }
            SrtpProfile::Aes128CmHmacSha1_80 => {
                let mut own_salt = Zeroizing::new([0; SALT_LENGTH]);
                derivation.derive(salt, own_salt.as_mut());
                let mut authentication_key = Zeroizing::new([0; AUTHENTICATION_KEY_LENGTH]);
                derivation.derive(authentication, authentication_key.as_mut());
                Self::Counter(Box::new(CounterSuite {
                    key: counter_mode(key),
                    salt: own_salt,
                    authentication: hmac::Key::new(
                        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                        authentication_key.as_ref(),
                    ),
                }))
            }
        };
        bytes.zeroize();
        suite
    }
}

impl CounterSuite {
    /// Encrypts or decrypts `text` (RFC 3711 section 4.1.1).
    fn apply_key_stream(&self, index: PacketIndex, text: &mut [u8]) {
        let mut start = [0; 16];
        start[..SALT_LENGTH].copy_from_slice(self.salt.as_ref());
        add_index(&mut start[4..SALT_LENGTH], index);
        apply_key_stream(&self.key, start, text);
    }

    /// The tag of `authenticated` and, in SRTP, the rollover counter.
    fn tag(&self, authenticated: &[u8], rollover: &[u8]) -> [u8; SHORT_TAG_LENGTH] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(authenticated);
        context.update(rollover);
        let tag = context.sign();
        *tag.as_ref().first_chunk().expect("HMAC-SHA1 has 20 bytes")
    }

    fn verify_tag(&self, authenticated: &[u8], rollover: &[u8], tag: &[u8]) -> Result<(), Error> {
        let expected = self.tag(authenticated, rollover);
        verify_slices_are_equal(&expected, tag).map_err(|_| Error::Authentication)
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Suite(redacted)")
    }
}

fn gcm_key(key: &[u8]) -> LessSafeKey {
    let algorithm = if key.len() == MAX_KEY_LENGTH {
        &AES_256_GCM
    } else {
        &AES_128_GCM
    };
    LessSafeKey::new(UnboundKey::new(algorithm, key).expect("profiles have keys of 16 or 32 bytes"))
}

/// `text ‖ room for the tag` becomes `ciphertext ‖ tag`.
fn seal_gcm(key: &LessSafeKey, nonce: Nonce, aad: &[u8], sealed: &mut [u8]) {
    let (text, tag) = sealed.split_at_mut(sealed.len() - TAG_LENGTH);
    key.seal_in_place_scatter(nonce, Aad::from(aad), text, &[], tag)
        .expect("sealing fails only for a tag of another length or a text of gigabytes");
}

fn open_gcm(key: &LessSafeKey, nonce: Nonce, aad: &[u8], sealed: &mut [u8]) -> Result<(), Error> {
    key.open_in_place(nonce, Aad::from(aad), sealed)
        .map(drop)
        .map_err(|_| Error::Authentication)
}

/// RFC 7714 sections 8.1 and 9.1; the two agree, because the 31-bit index is written as one of 48 bits.
fn gcm_nonce(salt: &[u8; NONCE_LEN], index: PacketIndex) -> Nonce {
    let mut nonce = *salt;
    add_index(&mut nonce[2..], index);
    Nonce::assume_unique_for_key(nonce)
}

/// Adds `SSRC ‖ index`, which are 4 and 6 bytes, to `place`.
fn add_index(place: &mut [u8], index: PacketIndex) {
    let index_bytes = &index.index.to_be_bytes()[2..];
    let bytes = index.ssrc.to_be_bytes();
    for (target, byte) in place.iter_mut().zip(bytes.iter().chain(index_bytes)) {
        *target ^= byte;
    }
}

/// The rollover counter, which is authenticated with the packet though it is not sent.
const fn rollover_bytes(index: PacketIndex) -> [u8; 4] {
    ((index.index >> 16) as u32).to_be_bytes()
}

/// What stands behind an SRTCP packet.
const fn index_word(index: PacketIndex) -> [u8; RTCP_INDEX_LENGTH] {
    (index.index as u32 | ENCRYPTED_FLAG).to_be_bytes()
}

fn rtcp_aad(header: &[u8], word: [u8; RTCP_INDEX_LENGTH]) -> [u8; RTCP_CLEAR_LENGTH + RTCP_INDEX_LENGTH] {
    let mut aad = [0; RTCP_CLEAR_LENGTH + RTCP_INDEX_LENGTH];
    let (front, back) = aad.split_at_mut(RTCP_CLEAR_LENGTH);
    front.copy_from_slice(header);
    back.copy_from_slice(&word);
    aad
}

fn fingerprint(tag: &[u8]) -> PacketFingerprint {
    let part = tag.first_chunk().expect("a tag has 10 bytes at least");
    PacketFingerprint(u64::from_be_bytes(*part))
}

/// The packet without what protection added behind it.
fn opened(datagram: &mut [u8], overhead: usize, fingerprint: PacketFingerprint) -> Opened<'_> {
    let length = datagram.len() - overhead;
    Opened {
        packet: &mut datagram[..length],
        fingerprint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp;

    const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361\
                       20696e207061727465732074726573";
    const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                        deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|pair| {
                u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")
            })
            .collect()
    }

    /// Session keys as the examples have them, without a master key.
    fn cipher(profile: SrtpProfile) -> SessionCipher {
        let key: Vec<u8> = (0_u8..).take(profile.key_length()).collect();
        let suite = || Suite::Gcm {
            key: gcm_key(&key),
            salt: Zeroizing::new(*b"Quid pro quo"),
        };
        SessionCipher {
            profile,
            rtp: suite(),
            rtcp: suite(),
        }
    }

    /// RFC 7714 section 16.
    #[test]
    fn rtp_matches_the_standards_examples() {
        for (profile, sealed) in [
            (
                SrtpProfile::AeadAes128Gcm,
                "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a\
                 51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                SrtpProfile::AeadAes256Gcm,
                "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a02\
                 76ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ] {
            let cipher = cipher(profile);
            let mut datagram = hex(RTP);
            let clear = rtp::header_length(&datagram).expect("well-formed");
            datagram.resize(datagram.len() + TAG_LENGTH, 0);
            let index = PacketIndex {
                ssrc: 0x5501_A0B2,
                index: 0xF17B,
            };
            cipher.protect(PacketKind::Rtp, index, &mut datagram, clear);
            assert_eq!(datagram, hex(sealed), "{profile:?}");
            let opened = cipher.open_rtp(index, &mut datagram, clear).expect("genuine");
            assert_eq!(*opened.packet, hex(RTP));
        }
    }

    /// RFC 7714 section 17.
    #[test]
    fn rtcp_matches_the_standards_examples() {
        for (profile, sealed) in [
            (
                SrtpProfile::AeadAes128Gcm,
                "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
                 4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
            ),
            (
                SrtpProfile::AeadAes256Gcm,
                "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be\
                 8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
            ),
        ] {
            let cipher = cipher(profile);
            let mut datagram = hex(RTCP);
            datagram.resize(datagram.len() + cipher.overhead(PacketKind::Rtcp), 0);
            let index = PacketIndex {
                ssrc: u32::from_be_bytes(*b"Mars"),
                index: 0x5D4,
            };
            cipher.protect(PacketKind::Rtcp, index, &mut datagram, RTCP_CLEAR_LENGTH);
            assert_eq!(datagram, hex(sealed), "{profile:?}");
            assert_eq!(cipher.rtcp_index(&datagram), Ok(0x5D4));
            let opened = cipher.open_rtcp(index, &mut datagram).expect("genuine");
            assert_eq!(*opened.packet, hex(RTCP));
        }
    }

    #[test]
    fn session_keys_do_not_show_themselves() {
        let shown = format!("{:?}", cipher(SrtpProfile::AeadAes128Gcm));
        assert!(shown.contains("Suite(redacted)") && !shown.contains("Quid") && !shown.contains("81, 117"));
    }
}

//! Master keys: out of the DTLS exporter, and into session keys.

use std::fmt;

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroize;

use super::SrtpProfile;
use crate::Error;

pub(super) const MAX_KEY_LENGTH: usize = 32;
pub(super) const SALT_LENGTH: usize = 14;
/// Where the label stands in what is encrypted for a session key (RFC 3711 section 4.3.1).
const LABEL_AT: usize = 7;

/// Which side of the DTLS handshake this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// It sent the ClientHello.
    Client,
    /// It answered the ClientHello; a server of this protocol always does.
    Server,
}

/// A master key with its salt, for one direction. It does not show itself in logs and is wiped when dropped.
#[derive(Clone)]
pub struct SrtpMaster {
    key: [u8; MAX_KEY_LENGTH],
    /// 96-bit salts are filled up with zeros (RFC 7714 section 11).
    salt: [u8; SALT_LENGTH],
}

/// The master keys of both directions of one DTLS association.
#[derive(Debug, Clone)]
pub struct SrtpKeys {
    /// For the [`SrtpSealer`](super::SrtpSealer).
    pub outbound: SrtpMaster,
    /// For the [`SrtpOpener`](super::SrtpOpener).
    pub inbound: SrtpMaster,
}

impl SrtpKeys {
    /// Cuts up what DTLS exported under the label `EXTRACTOR-dtls_srtp`: the client's key, the server's key, the
    /// client's salt, the server's salt (RFC 5764 section 4.2). `role` is the side that this is.
    ///
    /// # Errors
    ///
    /// [`Error::KeyingMaterial`] unless there are [`SrtpProfile::keying_length`] bytes.
    pub fn from_exported(profile: SrtpProfile, exported: &[u8], role: DtlsRole) -> Result<Self, Error> {
        if exported.len() != profile.keying_length() {
            return Err(Error::KeyingMaterial {
                expected: profile.keying_length(),
                given: exported.len(),
            });
        }
        let (keys, salts) = exported.split_at(2 * profile.key_length());
        let (client_key, server_key) = keys.split_at(profile.key_length());
        let (client_salt, server_salt) = salts.split_at(profile.salt_length());
        let client = SrtpMaster::new(profile, client_key, client_salt)?;
        let server = SrtpMaster::new(profile, server_key, server_salt)?;
        let (outbound, inbound) = match role {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        Ok(Self { outbound, inbound })
    }
}

impl SrtpMaster {
    /// A master key and its salt.
    ///
    /// # Errors
    ///
    /// [`Error::KeyingMaterial`] unless they are as long as the profile says.
    pub fn new(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Result<Self, Error> {
        let expected = profile.key_length() + profile.salt_length();
        if key.len() != profile.key_length() || salt.len() != profile.salt_length() {
            return Err(Error::KeyingMaterial {
                expected,
                given: key.len() + salt.len(),
            });
        }
        let mut master = Self {
            key: [0; MAX_KEY_LENGTH],
            salt: [0; SALT_LENGTH],
        };
        master.key[..key.len()].copy_from_slice(key);
        master.salt[..salt.len()].copy_from_slice(salt);
        Ok(master)
    }

    /// The generator of session keys under this master key.
    pub(super) fn derivation(&self, profile: SrtpProfile) -> Derivation {
        Derivation {
            generator: counter_mode(&self.key[..profile.key_length()]),
            salt: self.salt,
        }
    }
}

impl fmt::Debug for SrtpMaster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SrtpMaster(redacted)")
    }
}

impl Drop for SrtpMaster {
    fn drop(&mut self) {
        self.key.zeroize();
        self.salt.zeroize();
    }
}

/// What a session key is for (RFC 3711 section 4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Makes session keys from a master key, without re-keying (a derivation rate of zero).
pub(super) struct Derivation {
    generator: EncryptingKey,
    salt: [u8; SALT_LENGTH],
}

impl Derivation {
    /// The session key for `label`, as long as `key`.
    pub(super) fn derive(&self, label: Label, key: &mut [u8]) {
        let mut start = [0; 16];
        start[..SALT_LENGTH].copy_from_slice(&self.salt);
        start[LABEL_AT] ^= label as u8;
        key.fill(0);
        apply_key_stream(&self.generator, start, key);
    }
}

impl Drop for Derivation {
    fn drop(&mut self) {
        self.salt.zeroize();
    }
}

/// AES in counter mode under a key of 16 or 32 bytes.
pub(super) fn counter_mode(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == MAX_KEY_LENGTH {
        &AES_256
    } else {
        &AES_128
    };
    let unbound = UnboundCipherKey::new(algorithm, key).expect("profiles have keys of 16 or 32 bytes");
    EncryptingKey::ctr(unbound).expect("AES has a counter mode")
}

/// Adds the key stream that begins at `start` to `text`.
pub(super) fn apply_key_stream(key: &EncryptingKey, start: [u8; 16], text: &mut [u8]) {
    key.less_safe_encrypt(text, EncryptionContext::Iv128(FixedLength::from(start)))
        .expect("counter mode takes any text under a 16-byte start");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
        assert_eq!(text.len(), 2 * LENGTH);
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..][..2], 16).expect("hexadecimal"))
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn session_keys_match_the_standards_vectors() {
        let master = SrtpMaster::new(
            SrtpProfile::Aes128CmHmacSha1_80,
            &hex::<16>("E1F97A0D3E018BE0D64FA32C06DE4139"),
            &hex::<14>("0EC675AD498AFEEBB6960B3AABE6"),
        );
        let derivation = master
            .expect("the lengths fit")
            .derivation(SrtpProfile::Aes128CmHmacSha1_80);
        let mut encryption = [0; 16];
        derivation.derive(Label::RtpEncryption, &mut encryption);
        assert_eq!(encryption, hex("C61E7A93744F39EE10734AFE3FF7A087"));
        let mut salt = [0; 14];
        derivation.derive(Label::RtpSalt, &mut salt);
        assert_eq!(salt, hex("30CBBC08863D8C85D49DB34A9AE1"));
        let mut authentication = [0; 94];
        derivation.derive(Label::RtpAuthentication, &mut authentication);
        assert_eq!(
            authentication,
            hex(concat!(
                "CEBE321F6FF7716B6FD4AB49AF256A15",
                "6D38BAA48F0A0ACF3C34E2359E6CDBCE",
                "E049646C43D9327AD175578EF7227098",
                "6371C10C9A369AC2F94A8C5FBCDDDC25",
                "6D6E919A48B610EF17C2041E47403576",
                "6B68642C59BBFC2F34DB60DBDFB2",
            ))
        );
    }

    /// RFC 3711 appendix B.2.
    #[test]
    fn the_key_stream_matches_the_standards_vectors() {
        let key = counter_mode(&hex::<16>("2B7E151628AED2A6ABF7158809CF4F3C"));
        let start = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
        let mut stream = vec![0; 0xFF03 * 16];
        apply_key_stream(&key, start, &mut stream);
        let block = |number: usize| hex::<16>(&to_hex(&stream[number * 16..][..16]));
        assert_eq!(block(0), hex("E03EAD0935C95E80E166B16DD92B4EB4"));
        assert_eq!(block(1), hex("D23513162B02D0F72A43A2FE4A5F97AB"));
        assert_eq!(block(2), hex("41E95B3BB0A2E8DD477901E4FCA894C0"));
        assert_eq!(block(0xFEFF), hex("EC8CDF7398607CB0F2D21675EA9EA1E4"));
        assert_eq!(block(0xFF00), hex("362B7C3C6773516318A077D7FC5073AE"));
        assert_eq!(block(0xFF01), hex("6A2CC3787889374FBEB4C81B17BA6C44"));
    }

    fn to_hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    #[test]
    fn exported_keys_are_cut_in_the_order_of_the_standard() {
        let profile = SrtpProfile::AeadAes128Gcm;
        let exported: Vec<u8> = (0..56).collect();
        let server = SrtpKeys::from_exported(profile, &exported, DtlsRole::Server).expect("56 bytes");
        assert_eq!(server.inbound.key[..16], exported[..16], "the client's key");
        assert_eq!(server.outbound.key[..16], exported[16..32]);
        assert_eq!(server.inbound.salt[..12], exported[32..44], "the client's salt");
        assert_eq!(server.outbound.salt[..12], exported[44..]);
        let client = SrtpKeys::from_exported(profile, &exported, DtlsRole::Client).expect("56 bytes");
        assert_eq!(client.outbound.key, server.inbound.key);
        assert_eq!(client.inbound.salt, server.outbound.salt);
        assert_eq!(
            SrtpKeys::from_exported(profile, &exported[1..], DtlsRole::Client).map(drop),
            Err(Error::KeyingMaterial {
                expected: 56,
                given: 55
            })
        );
    }

    #[test]
    fn keys_do_not_show_themselves() {
        let keys = SrtpKeys::from_exported(SrtpProfile::AeadAes256Gcm, &[0xAB; 88], DtlsRole::Client);
        assert_eq!(
            format!("{:?}", keys.expect("88 bytes")),
            "SrtpKeys { outbound: SrtpMaster(redacted), inbound: SrtpMaster(redacted) }"
        );
    }
}

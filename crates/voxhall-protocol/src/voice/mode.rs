//! Transport encryption modes by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How packets are encrypted between client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EncryptionMode {
    /// `aead_aes256_gcm_rtpsize`: current, preferred where the processor has AES.
    AeadAes256GcmRtpsize,
    /// `aead_xchacha20_poly1305_rtpsize`: current, every server offers it.
    AeadXchacha20Poly1305Rtpsize,
    /// `aead_aes256_gcm`: historic.
    AeadAes256Gcm,
    /// `xsalsa20_poly1305_lite_rtpsize`: historic.
    Xsalsa20Poly1305LiteRtpsize,
    /// `xsalsa20_poly1305_lite`: historic.
    Xsalsa20Poly1305Lite,
    /// `xsalsa20_poly1305_suffix`: historic.
    Xsalsa20Poly1305Suffix,
    /// `xsalsa20_poly1305`: historic, the first.
    Xsalsa20Poly1305,
    /// `plain`: no encryption; removed in 2017.
    Plain,
}

/// The name is not one of an encryption mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown encryption mode {0:?}")]
pub struct UnknownMode(pub String);

impl EncryptionMode {
    /// All modes, preferred first.
    pub const ALL: [Self; 8] = [
        Self::AeadAes256GcmRtpsize,
        Self::AeadXchacha20Poly1305Rtpsize,
        Self::AeadAes256Gcm,
        Self::Xsalsa20Poly1305LiteRtpsize,
        Self::Xsalsa20Poly1305Lite,
        Self::Xsalsa20Poly1305Suffix,
        Self::Xsalsa20Poly1305,
        Self::Plain,
    ];
    /// The modes in use since November 2024, preferred first.
    pub const CURRENT: [Self; 2] = [Self::AeadAes256GcmRtpsize, Self::AeadXchacha20Poly1305Rtpsize];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AeadAes256GcmRtpsize => "aead_aes256_gcm_rtpsize",
            Self::AeadXchacha20Poly1305Rtpsize => "aead_xchacha20_poly1305_rtpsize",
            Self::AeadAes256Gcm => "aead_aes256_gcm",
            Self::Xsalsa20Poly1305LiteRtpsize => "xsalsa20_poly1305_lite_rtpsize",
            Self::Xsalsa20Poly1305Lite => "xsalsa20_poly1305_lite",
            Self::Xsalsa20Poly1305Suffix => "xsalsa20_poly1305_suffix",
            Self::Xsalsa20Poly1305 => "xsalsa20_poly1305",
            Self::Plain => "plain",
        }
    }

    /// Whether the real service no longer offers the mode.
    #[must_use]
    pub const fn is_legacy(self) -> bool {
        !matches!(
            self,
            Self::AeadAes256GcmRtpsize | Self::AeadXchacha20Poly1305Rtpsize
        )
    }
}

impl fmt::Display for EncryptionMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for EncryptionMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

impl Serialize for EncryptionMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EncryptionMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The name of a mode as it came, so that lists with unknown names survive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ModeName {
    /// One of the eight.
    Known(EncryptionMode),
    /// Some other name.
    Other(String),
}

impl ModeName {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(mode) => mode.as_str(),
            Self::Other(name) => name,
        }
    }

    /// The mode, if it is one of the eight.
    #[must_use]
    pub const fn known(&self) -> Option<EncryptionMode> {
        match self {
            Self::Known(mode) => Some(*mode),
            Self::Other(_) => None,
        }
    }
}

impl From<EncryptionMode> for ModeName {
    fn from(mode: EncryptionMode) -> Self {
        Self::Known(mode)
    }
}

impl From<&str> for ModeName {
    fn from(name: &str) -> Self {
        name.parse()
            .map_or_else(|UnknownMode(name)| Self::Other(name), Self::Known)
    }
}

impl fmt::Display for ModeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for ModeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ModeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(
            std::borrow::Cow::<'de, str>::deserialize(deserializer)?.as_ref(),
        ))
    }
}

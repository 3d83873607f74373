//! The lines that fragments are made of.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Why a fragment cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// A line that has to be there is not.
    #[error("the SDP fragment lacks {0}")]
    Missing(&'static str),
    /// A line is there but does not say what it should.
    #[error("the SDP fragment has a malformed {line}: {text:?}")]
    Malformed {
        /// Which line.
        line: &'static str,
        /// What it says, cut short.
        text: String,
    },
    /// All fingerprints are of hashes that are not served; without this, any certificate would do.
    #[error("the SDP fragment has no a=fingerprint with sha-256, only {text:?}")]
    OtherHash {
        /// The first of them, cut short.
        text: String,
    },
}

/// The longest excerpt of a line in an error.
const LONGEST_EXCERPT: usize = 80;

impl SdpError {
    pub(super) fn malformed(line: &'static str, text: &str) -> Self {
        Self::Malformed {
            line,
            text: text.chars().take(LONGEST_EXCERPT).collect(),
        }
    }

    pub(super) fn other_hash(text: &str) -> Self {
        Self::OtherHash {
            text: text.chars().take(LONGEST_EXCERPT).collect(),
        }
    }
}

/// SHA-256 over the DER form of a DTLS certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(formatter, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, SdpError> {
        let malformed = || SdpError::malformed("fingerprint", text);
        let mut bytes = [0; 32];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs
                .next()
                .filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(pair.ok_or_else(malformed)?, 16).map_err(|_| malformed())?;
        }
        if pairs.next().is_some() {
            Err(malformed())
        } else {
            Ok(Self(bytes))
        }
    }
}

/// In which direction an RTP header extension may be used, as its offerer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExtensionScope {
    /// Both.
    #[default]
    SendRecv,
    /// Only to the offerer.
    RecvOnly,
    /// Only from the offerer.
    SendOnly,
    /// Neither for now.
    Inactive,
}

impl ExtensionScope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::RecvOnly => "recvonly",
            Self::SendOnly => "sendonly",
            Self::Inactive => "inactive",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::SendRecv, Self::RecvOnly, Self::SendOnly, Self::Inactive]
            .into_iter()
            .find(|scope| scope.as_str() == text)
    }
}

/// `a=extmap:id[/direction] URI [parameters]` (RFC 8285, section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionMap {
    /// 1–14 in one-byte headers, up to 255 in two-byte headers.
    pub id: u8,
    /// The directions.
    pub scope: ExtensionScope,
    /// What the extension is.
    pub uri: String,
    /// What follows the URI; mostly nothing.
    pub parameters: String,
}

impl ExtensionMap {
    pub(super) fn parse(value: &str) -> Result<Self, SdpError> {
        let malformed = || SdpError::malformed("extmap", value);
        let (head, rest) = value.split_once(' ').ok_or_else(malformed)?;
        let (id, scope) = match head.split_once('/') {
            Some((id, scope)) => (id, ExtensionScope::parse(scope).ok_or_else(malformed)?),
            None => (head, ExtensionScope::SendRecv),
        };
        let id = id.parse().ok().filter(|id| *id != 0).ok_or_else(malformed)?;
        let (uri, parameters) = rest.split_once(' ').unwrap_or((rest, ""));
        if uri.is_empty() {
            return Err(malformed());
        }
        Ok(Self {
            id,
            scope,
            uri: uri.to_owned(),
            parameters: parameters.to_owned(),
        })
    }
}

impl fmt::Display for ExtensionMap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a=extmap:{}", self.id)?;
        if self.scope != ExtensionScope::SendRecv {
            write!(formatter, "/{}", self.scope.as_str())?;
        }
        write!(formatter, " {}", self.uri)?;
        if !self.parameters.is_empty() {
            write!(formatter, " {}", self.parameters)?;
        }
        Ok(())
    }
}

/// `a=rtpmap:payload-type encoding/clock-rate[/channels]` (RFC 8866, section 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpMap {
    /// 0–127.
    pub payload_type: u8,
    /// `opus`, `VP8`, `rtx`, …
    pub encoding: String,
    /// Ticks per second.
    pub clock_rate: u32,
    /// For sound.
    pub channels: Option<u8>,
}

impl RtpMap {
    pub(super) fn parse(value: &str) -> Result<Self, SdpError> {
        let malformed = || SdpError::malformed("rtpmap", value);
        let (payload_type, format) = value.split_once(' ').ok_or_else(malformed)?;
        let payload_type = payload_type
            .parse()
            .ok()
            .filter(|number| *number < 128)
            .ok_or_else(malformed)?;
        let mut parts = format.split('/');
        let encoding = parts
            .next()
            .filter(|name| !name.is_empty())
            .ok_or_else(malformed)?
            .to_owned();
        let clock_rate = parts
            .next()
            .and_then(|rate| rate.parse().ok())
            .ok_or_else(malformed)?;
        let channels = parts
            .next()
            .map(|count| count.parse().map_err(|_| malformed()))
            .transpose()?;
        if parts.next().is_some() {
            return Err(malformed());
        }
        Ok(Self {
            payload_type,
            encoding,
            clock_rate,
            channels,
        })
    }
}

impl fmt::Display for RtpMap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "a=rtpmap:{} {}/{}",
            self.payload_type, self.encoding, self.clock_rate
        )?;
        match self.channels {
            Some(channels) => write!(formatter, "/{channels}"),
            None => Ok(()),
        }
    }
}

/// Lengths of `ice-ufrag` and `ice-pwd` (RFC 8839, section 5.4). Its alphabet is not enforced: some stacks use others.
const UFRAG_LENGTH: RangeInclusive<usize> = 4..=256;
const PASSWORD_LENGTH: RangeInclusive<usize> = 22..=256;

pub(super) fn ice_ufrag(value: &str) -> Result<String, SdpError> {
    ice_text(value, &UFRAG_LENGTH).ok_or_else(|| SdpError::malformed("ice-ufrag", value))
}

pub(super) fn ice_password(value: &str) -> Result<String, SdpError> {
    // The password itself does not go into the error.
    ice_text(value, &PASSWORD_LENGTH).ok_or_else(|| SdpError::malformed("ice-pwd", "(secret)"))
}

fn ice_text(value: &str, length: &RangeInclusive<usize>) -> Option<String> {
    let is_valid = length.contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    is_valid.then(|| value.to_owned())
}

/// The fingerprint in `sha-256 4A:79:…`; `None` for another hash.
pub(super) fn fingerprint(value: &str) -> Result<Option<Fingerprint>, SdpError> {
    let (hash, digits) = value
        .split_once(' ')
        .ok_or_else(|| SdpError::malformed("fingerprint", value))?;
    if hash.eq_ignore_ascii_case("sha-256") {
        digits.trim().parse().map(Some)
    } else {
        Ok(None)
    }
}

/// The lines of a fragment, ended by `\n` or `\r\n`, empty ones left out.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.is_empty())
}

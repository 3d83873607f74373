//! What a WebRTC client says about itself.

use std::fmt;

use super::attribute::{
    ExtensionMap, Fingerprint, RtpMap, SdpError, fingerprint, ice_password, ice_ufrag, lines,
};
use crate::Secret;

/// A client's fragment, `data` of Select Protocol (media transport, section 10.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFragment {
    /// Names the client's side of ICE.
    pub ice_ufrag: String,
    /// Proves the client's side of ICE.
    pub ice_pwd: Secret<String>,
    /// `a=ice-options`, such as `trickle`.
    pub ice_options: Option<String>,
    /// Hash of the client's DTLS certificate; older builds send none.
    pub fingerprint: Option<Fingerprint>,
    /// Whether one- and two-byte header extensions may be mixed.
    pub extmap_allow_mixed: bool,
    /// Header extensions, one numbering for sound and pictures.
    pub extensions: Vec<ExtensionMap>,
    /// Payload types, where the codec list does not say.
    pub rtp_maps: Vec<RtpMap>,
}

impl ClientFragment {
    /// A fragment with nothing but credentials.
    #[must_use]
    pub fn new(ice_ufrag: impl Into<String>, ice_pwd: impl Into<Secret<String>>) -> Self {
        Self {
            ice_ufrag: ice_ufrag.into(),
            ice_pwd: ice_pwd.into(),
            ice_options: None,
            fingerprint: None,
            extmap_allow_mixed: false,
            extensions: Vec::new(),
            rtp_maps: Vec::new(),
        }
    }

    /// Reads a fragment, or a full SDP, of which all other lines are passed over. Lines may come in any order; of a
    /// line that repeats, the first counts.
    ///
    /// # Errors
    ///
    /// [`SdpError`] if the ICE credentials are missing, a line that is looked at is malformed, or there are fingerprints,
    /// but none of SHA-256.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let mut scan = Scan::default();
        for attribute in lines(text).filter_map(|line| line.strip_prefix("a=")) {
            scan.attribute(attribute)?;
        }
        if let (None, Some(other)) = (scan.fingerprint, &scan.other_hash) {
            return Err(SdpError::other_hash(other));
        }
        Ok(Self {
            ice_ufrag: scan.ice_ufrag.ok_or(SdpError::Missing("a=ice-ufrag"))?,
            ice_pwd: Secret::new(scan.ice_pwd.ok_or(SdpError::Missing("a=ice-pwd"))?),
            ice_options: scan.ice_options,
            fingerprint: scan.fingerprint,
            extmap_allow_mixed: scan.extmap_allow_mixed,
            extensions: scan.extensions,
            rtp_maps: scan.rtp_maps,
        })
    }

    /// The header extension with this URI.
    #[must_use]
    pub fn extension(&self, uri: &str) -> Option<&ExtensionMap> {
        self.extensions.iter().find(|extension| extension.uri == uri)
    }

    /// The payload type of this encoding; names of encodings do not distinguish case (RFC 4855, section 3).
    #[must_use]
    pub fn payload_type(&self, encoding: &str) -> Option<u8> {
        self.rtp_maps
            .iter()
            .find(|map| map.encoding.eq_ignore_ascii_case(encoding))
            .map(|map| map.payload_type)
    }
}

#[derive(Default)]
struct Scan {
    ice_ufrag: Option<String>,
    ice_pwd: Option<String>,
    ice_options: Option<String>,
    fingerprint: Option<Fingerprint>,
    /// What the first fingerprint of another hash says.
    other_hash: Option<String>,
    extmap_allow_mixed: bool,
    extensions: Vec<ExtensionMap>,
    rtp_maps: Vec<RtpMap>,
}

impl Scan {
    fn attribute(&mut self, attribute: &str) -> Result<(), SdpError> {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        check_text(name, value)?;
        match name {
            "ice-ufrag" if self.ice_ufrag.is_none() => self.ice_ufrag = Some(ice_ufrag(value)?),
            "ice-pwd" if self.ice_pwd.is_none() => self.ice_pwd = Some(ice_password(value)?),
            "ice-options" if self.ice_options.is_none() => self.ice_options = Some(value.to_owned()),
            "fingerprint" if self.fingerprint.is_none() => match fingerprint(value)? {
                Some(fingerprint) => self.fingerprint = Some(fingerprint),
                None => self.other_hash = self.other_hash.take().or_else(|| Some(value.to_owned())),
            },
            "extmap-allow-mixed" => self.extmap_allow_mixed = true,
            "extmap" => {
                let extension = ExtensionMap::parse(value)?;
                // A full SDP repeats its extensions in each section.
                if !self.extensions.contains(&extension) {
                    self.extensions.push(extension);
                }
            }
            "rtpmap" => {
                let map = RtpMap::parse(value)?;
                if !self.rtp_maps.contains(&map) {
                    self.rtp_maps.push(map);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Refuses control characters in the lines that are looked at: written again, they could end a line.
fn check_text(name: &str, value: &str) -> Result<(), SdpError> {
    const LOOKED_AT: [&str; 6] = [
        "ice-ufrag",
        "ice-pwd",
        "ice-options",
        "fingerprint",
        "extmap",
        "rtpmap",
    ];
    match LOOKED_AT.into_iter().find(|line| *line == name) {
        Some(line) if value.chars().any(char::is_control) => {
            Err(SdpError::malformed(line, "(control characters)"))
        }
        _ => Ok(()),
    }
}

/// Writes the lines, joined by `\n`, without one at the end.
impl fmt::Display for ClientFragment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.extmap_allow_mixed {
            writeln!(formatter, "a=extmap-allow-mixed")?;
        }
        write!(
            formatter,
            "a=ice-ufrag:{}\na=ice-pwd:{}",
            self.ice_ufrag,
            self.ice_pwd.expose()
        )?;
        if let Some(options) = &self.ice_options {
            write!(formatter, "\na=ice-options:{options}")?;
        }
        if let Some(fingerprint) = &self.fingerprint {
            write!(formatter, "\na=fingerprint:sha-256 {fingerprint}")?;
        }
        for extension in &self.extensions {
            write!(formatter, "\n{extension}")?;
        }
        for map in &self.rtp_maps {
            write!(formatter, "\n{map}")?;
        }
        Ok(())
    }
}

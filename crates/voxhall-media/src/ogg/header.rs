//! The two header packets of an Opus stream (RFC 7845, section 5).

use bytes::Bytes;

use super::{OggCodec, OggFault};
use crate::opus::Channels;

/// The identification header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusHead {
    /// Channels of the stream.
    pub channels: Channels,
    /// Samples per channel at the start that belong to the encoder's delay and are not to be heard.
    pub pre_skip: u16,
    /// Rate of the original, for display; decoding is always at 48 kHz.
    pub input_sample_rate: u32,
    /// Gain to apply on playback, in 1/256 dB.
    pub output_gain: i16,
}

impl OpusHead {
    /// Length of the header for one or two channels.
    const LENGTH: usize = 19;

    /// Reads the first packet of a stream.
    pub(super) fn parse(packet: &[u8]) -> Result<Self, OggFault> {
        let Some(fields) = packet.strip_prefix(b"OpusHead") else {
            return Err(OggFault::OtherCodec(codec_of(packet)));
        };
        let &[
            version,
            channels,
            skip0,
            skip1,
            r0,
            r1,
            r2,
            r3,
            gain0,
            gain1,
            family,
            ..,
        ] = fields
        else {
            return Err(OggFault::BadHead);
        };
        if version >= 16 {
            return Err(OggFault::HeadVersion);
        }
        let channels = match (family, channels) {
            (_, 0) => return Err(OggFault::BadHead),
            (0, 1) => Channels::Mono,
            (0, 2) => Channels::Stereo,
            _ => return Err(OggFault::Surround),
        };
        Ok(Self {
            channels,
            pre_skip: u16::from_le_bytes([skip0, skip1]),
            input_sample_rate: u32::from_le_bytes([r0, r1, r2, r3]),
            output_gain: i16::from_le_bytes([gain0, gain1]),
        })
    }

    pub(crate) fn to_packet(self) -> Bytes {
        let mut packet = Vec::with_capacity(Self::LENGTH);
        packet.extend_from_slice(b"OpusHead\x01");
        packet.push(self.channels.count() as u8);
        packet.extend_from_slice(&self.pre_skip.to_le_bytes());
        packet.extend_from_slice(&self.input_sample_rate.to_le_bytes());
        packet.extend_from_slice(&self.output_gain.to_le_bytes());
        packet.push(0);
        packet.into()
    }
}

impl Default for OpusHead {
    /// Stereo from a 48 kHz original, with the delay of the usual encoder setting: 6.5 ms.
    fn default() -> Self {
        Self {
            channels: Channels::Stereo,
            pre_skip: 312,
            input_sample_rate: crate::SAMPLE_RATE,
            output_gain: 0,
        }
    }
}

/// The comment header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpusTags {
    /// The program that encoded the stream.
    pub vendor: String,
    /// Comments of the form `NAME=value`; names are ASCII in any case.
    pub comments: Vec<String>,
}

impl OpusTags {
    /// The first value of the comment `name`, such as `TITLE`.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.comments.iter().find_map(|comment| {
            let (key, value) = comment.split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Reads the second packet of a stream. What is no UTF-8 is replaced rather than refused: it is only for display.
    pub(super) fn parse(packet: &[u8]) -> Result<Self, OggFault> {
        let mut rest = packet.strip_prefix(b"OpusTags").ok_or(OggFault::BadTags)?;
        let vendor = text(&mut rest)?;
        let count = length(&mut rest)?;
        // Each comment has at least its length, so a false count cannot make this large.
        let mut comments = Vec::with_capacity(count.min(rest.len() / 4));
        for _ in 0..count {
            comments.push(text(&mut rest)?);
        }
        Ok(Self { vendor, comments })
    }

    pub(super) fn to_packet(&self) -> Bytes {
        let mut packet = b"OpusTags".to_vec();
        push_text(&mut packet, &self.vendor);
        packet.extend_from_slice(&(self.comments.len() as u32).to_le_bytes());
        for comment in &self.comments {
            push_text(&mut packet, comment);
        }
        packet.into()
    }
}

fn codec_of(packet: &[u8]) -> OggCodec {
    match packet {
        [1, rest @ ..] if rest.starts_with(b"vorbis") => OggCodec::Vorbis,
        [0x7F, rest @ ..] if rest.starts_with(b"FLAC") => OggCodec::Flac,
        [0x80, rest @ ..] if rest.starts_with(b"theora") => OggCodec::Theora,
        packet if packet.starts_with(b"Speex") => OggCodec::Speex,
        _ => OggCodec::Unknown,
    }
}

fn length(rest: &mut &[u8]) -> Result<usize, OggFault> {
    let (bytes, after) = rest.split_first_chunk::<4>().ok_or(OggFault::BadTags)?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| OggFault::BadTags)
}

fn text(rest: &mut &[u8]) -> Result<String, OggFault> {
    let length = length(rest)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(OggFault::BadTags)?;
    *rest = after;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn push_text(packet: &mut Vec<u8>, text: &str) {
    packet.extend_from_slice(&(text.len() as u32).to_le_bytes());
    packet.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_the_round_trip() {
        let head = OpusHead {
            channels: Channels::Mono,
            pre_skip: 3_840,
            input_sample_rate: 44_100,
            output_gain: -256,
        };
        assert_eq!(OpusHead::parse(&head.to_packet()), Ok(head));
        let tags = OpusTags {
            vendor: "someone".into(),
            comments: vec!["title=Fünf".into(), "odd".into()],
        };
        assert_eq!(OpusTags::parse(&tags.to_packet()).as_ref(), Ok(&tags));
        assert_eq!(tags.value("TITLE"), Some("Fünf"));
        assert_eq!(tags.value("ODD"), None);
    }

    #[test]
    fn other_codecs_are_named() {
        let codec = |packet: &[u8]| OpusHead::parse(packet).unwrap_err();
        assert_eq!(
            codec(b"\x01vorbis\0\0\0\0"),
            OggFault::OtherCodec(OggCodec::Vorbis)
        );
        assert_eq!(codec(b"\x7FFLAC\x01"), OggFault::OtherCodec(OggCodec::Flac));
        assert_eq!(codec(b"Speex   1.2"), OggFault::OtherCodec(OggCodec::Speex));
        assert_eq!(codec(b"\x80theora"), OggFault::OtherCodec(OggCodec::Theora));
        assert_eq!(codec(b""), OggFault::OtherCodec(OggCodec::Unknown));
    }

    #[test]
    fn malformed_headers_are_refused() {
        let good = OpusHead::default().to_packet();
        assert_eq!(OpusHead::parse(&good[..18]), Err(OggFault::BadHead));
        let with = |at: usize, value: u8| {
            let mut packet = good.to_vec();
            packet[at] = value;
            OpusHead::parse(&packet)
        };
        assert_eq!(with(8, 16), Err(OggFault::HeadVersion));
        assert_eq!(with(9, 0), Err(OggFault::BadHead));
        assert_eq!(with(9, 6), Err(OggFault::Surround));
        assert_eq!(with(18, 255), Err(OggFault::Surround));
        let tags = OpusTags {
            vendor: "v".into(),
            comments: vec!["a=b".into()],
        }
        .to_packet();
        for end in 0..tags.len() {
            assert_eq!(
                OpusTags::parse(&tags[..end]),
                Err(OggFault::BadTags),
                "cut at {end}"
            );
        }
        assert_eq!(
            OpusTags::parse(b"OpusTags\0\0\0\0\xFF\xFF\xFF\xFF"),
            Err(OggFault::BadTags)
        );
    }
}

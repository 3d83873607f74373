//! H.264 (ITU-T H.264): what kind of unit, parameter sets, and the configuration record of MP4 and Matroska
//! (ISO/IEC 14496-15, section 5.3.3).

use bytes::Bytes;

use super::bits::Bits;
use super::nal::{nal_units, unescaped};
use super::sets::{ParameterSets, cropped, push_sets};
use super::{PictureSize, VideoCodec};

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;

/// What of a sequence parameter set is read.
const SPS_LIMIT: usize = 512;

/// `nal_unit_type`.
const fn kind(unit: &[u8]) -> u8 {
    match unit {
        [header, ..] => *header & 0x1F,
        [] => 0,
    }
}

/// Whether a unit has no place in a frame's normal form: delimiters, and what RTP has other uses for.
pub(super) fn is_left_out(unit: &[u8]) -> bool {
    matches!(kind(unit), 0 | DELIMITER | 24..)
}

pub(super) fn is_keyframe(frame: &[u8]) -> bool {
    nal_units(frame).any(|unit| kind(unit) == IDR)
}

pub(super) fn size(frame: &[u8]) -> Option<PictureSize> {
    let unit = nal_units(frame).find(|unit| kind(unit) == SPS)?;
    Some(Sps::parse(unit)?.size)
}

/// Whether a unit is the first of a new picture, if the units before it have a slice already (H.264, section
/// 7.4.1.2.3, without arbitrary slice order).
pub(super) fn begins_picture(unit: &[u8]) -> bool {
    match kind(unit) {
        // `first_mb_in_slice` is zero.
        SLICE | IDR => unit.get(1).is_some_and(|byte| byte & 0x80 != 0),
        SEI | SPS | PPS | DELIMITER => true,
        14..=18 => true,
        _ => false,
    }
}

/// Whether a unit is a slice of a picture.
pub(super) fn is_slice(unit: &[u8]) -> bool {
    (SLICE..=IDR).contains(&kind(unit))
}

/// What is read of a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sps {
    size: PictureSize,
    /// `chroma_format_idc`.
    chroma: u8,
    /// Bits of a sample beyond 8.
    luma_depth: u8,
    chroma_depth: u8,
}

impl Sps {
    fn parse(unit: &[u8]) -> Option<Self> {
        let content = unescaped(unit, SPS_LIMIT);
        let profile = *content.get(1)?;
        let mut bits = Bits::new(content.get(4..)?);
        bits.golomb()?;
        let (mut chroma, mut luma_depth, mut chroma_depth) = (1, 0, 0);
        let mut separate_planes = false;
        if has_chroma_format(profile) {
            chroma = bits.golomb().filter(|chroma| *chroma <= 3)?;
            if chroma == 3 {
                separate_planes = bits.flag()?;
            }
            luma_depth = bits.golomb().filter(|depth| *depth <= 6)?;
            chroma_depth = bits.golomb().filter(|depth| *depth <= 6)?;
            bits.skip(1)?;
            if bits.flag()? {
                skip_scaling_matrix(&mut bits, if chroma == 3 { 12 } else { 8 })?;
            }
        }
        bits.golomb()?;
        skip_picture_order(&mut bits)?;
        bits.golomb()?;
        bits.skip(1)?;
        let size = picture_size(&mut bits, if separate_planes { 0 } else { chroma })?;
        Some(Self {
            size,
            // All three are small by the checks above.
            chroma: chroma as u8,
            luma_depth: luma_depth as u8,
            chroma_depth: chroma_depth as u8,
        })
    }
}

/// Whether the profile's parameter sets and records tell the chroma format.
const fn has_chroma_format(profile: u8) -> bool {
    matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 134 | 135 | 138 | 139
    )
}

fn skip_scaling_matrix(bits: &mut Bits<'_>, lists: usize) -> Option<()> {
    for list in 0..lists {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.signed_golomb()?).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.golomb()? {
        0 => {
            bits.golomb()?;
        }
        1 => {
            bits.skip(1)?;
            bits.signed_golomb()?;
            bits.signed_golomb()?;
            for _ in 0..bits.golomb().filter(|count| *count <= 255)? {
                bits.signed_golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Width and height in macroblocks, less what is cropped.
fn picture_size(bits: &mut Bits<'_>, chroma: u32) -> Option<PictureSize> {
    let width = bits.golomb()?.checked_add(1)?.checked_mul(16)?;
    let map_units = bits.golomb()?.checked_add(1)?;
    let frames_only = bits.flag()?;
    let fields = if frames_only { 1 } else { 2 };
    let height = map_units.checked_mul(16 * fields)?;
    if !frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let size = PictureSize { width, height };
    if bits.flag()? {
        cropped(size, bits, chroma, fields)
    } else {
        Some(size)
    }
}

/// `AVCDecoderConfigurationRecord`: the parameter sets of a track, and how its units are delimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvcConfig(ParameterSets);

impl AvcConfig {
    /// Reads a record.
    #[must_use]
    pub fn parse(record: &Bytes) -> Option<Self> {
        let mut sets = ParameterSets::with_length_byte(*record.get(4)?)?;
        let mut at = 5;
        for mask in [0x1F, 0xFF] {
            let count = record.get(at)? & mask;
            at = sets.read(record, at + 1, count.into())?;
        }
        Some(Self(sets))
    }

    /// Makes the record of a track that begins with this keyframe in normal form; `None` if it lacks a parameter set.
    #[must_use]
    pub fn record_of(keyframe: &[u8]) -> Option<Vec<u8>> {
        let of_kind =
            |wanted| nal_units(keyframe).filter(move |unit| kind(unit) == wanted && unit.len() < 1 << 16);
        let sps = of_kind(SPS).next().filter(|sps| sps.len() >= 4)?;
        of_kind(PPS).next()?;
        // The set itself begins with profile, constraints and level.
        let mut record = vec![1, sps[1], sps[2], sps[3], 0xFC | 3];
        for (wanted, reserved, most) in [(SPS, 0xE0, 31), (PPS, 0, 255)] {
            let units: Vec<&[u8]> = of_kind(wanted).take(most).collect();
            record.push(reserved | units.len() as u8);
            push_sets(&mut record, &units);
        }
        if has_chroma_format(sps[1]) {
            let parsed = Sps::parse(sps)?;
            record.extend([
                0xFC | parsed.chroma,
                0xF8 | parsed.luma_depth,
                0xF8 | parsed.chroma_depth,
                0,
            ]);
        }
        Some(record)
    }

    /// A frame of the track in normal form: a keyframe gets the parameter sets if it has none of its own.
    #[must_use]
    pub fn frame(&self, frame: &[u8]) -> Option<Bytes> {
        self.0.frame(VideoCodec::H264, frame, |unit| kind(unit) == SPS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::nal::annex_b;
    use super::*;

    /// Written by x264 for 176x144.
    const BASELINE: &[u8] = &[
        0x67, 0x42, 0xC0, 0x0A, 0xDA, 0x0B, 0x13, 0xB0, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03,
        0x00, 0x1E, 0x0F, 0x12, 0x26, 0xA0,
    ];

    #[test]
    fn the_size_is_read_from_the_parameter_set() {
        let size = Sps::parse(BASELINE).map(|sps| sps.size);
        assert_eq!(
            size,
            Some(PictureSize {
                width: 176,
                height: 144
            })
        );
        for end in 0..8 {
            assert_eq!(Sps::parse(&BASELINE[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn pictures_begin_at_their_first_slice_or_before_it() {
        assert!(begins_picture(&[0x65, 0x88]));
        assert!(
            !begins_picture(&[0x41, 0x40]),
            "another slice of the same picture"
        );
        assert!(begins_picture(&[0x67, 0x42]));
        assert!(!begins_picture(&[0x0C]), "filler");
        assert!(!begins_picture(&[]));
    }

    #[test]
    fn a_record_brings_its_sets_to_keyframes() {
        let keyframe = annex_b([BASELINE, &[0x68, 0xCE, 0x3C, 0x80], &[0x65, 1, 2]]);
        let record = AvcConfig::record_of(&keyframe).unwrap();
        assert_eq!(record[..8], [1, 0x42, 0xC0, 0x0A, 0xFF, 0xE1, 0, 23]);
        let config = AvcConfig::parse(&record.into()).unwrap();
        let bare = [0, 0, 0, 3, 0x65, 1, 2];
        assert_eq!(config.frame(&bare), Some(keyframe));
        let delta = [0, 0, 0, 2, 0x41, 9];
        assert_eq!(config.frame(&delta).unwrap()[..], [0, 0, 0, 1, 0x41, 9]);
        assert_eq!(config.frame(&[0, 0, 0, 9, 1]), None);
    }

    #[test]
    fn cut_records_are_refused() {
        let keyframe = annex_b([BASELINE, &[0x68, 0xCE, 0x3C, 0x80]]);
        let record: Bytes = AvcConfig::record_of(&keyframe).unwrap().into();
        for end in 0..record.len() {
            assert_eq!(AvcConfig::parse(&record.slice(..end)), None, "cut at {end}");
        }
        assert_eq!(AvcConfig::record_of(&annex_b([BASELINE])), None, "no PPS");
    }
}

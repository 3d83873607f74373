//! H.265 (ITU-T H.265): what kind of unit, parameter sets, and the configuration record of MP4 and Matroska
//! (ISO/IEC 14496-15, section 8.3.3).

use bytes::Bytes;

use super::bits::Bits;
use super::nal::{nal_units, unescaped};
use super::sets::{ParameterSets, cropped, push_sets};
use super::{PictureSize, VideoCodec};

const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=23;
const LAST_SLICE: u8 = 31;
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const DELIMITER: u8 = 35;
const PREFIX_SEI: u8 = 39;

/// What of a sequence parameter set is read.
const SPS_LIMIT: usize = 512;

/// Bits of profile, tier and constraints, without the level.
const PROFILE_BITS: usize = 88;

/// `nal_unit_type`; 63, which is unspecified, for bytes that are no unit.
const fn kind(unit: &[u8]) -> u8 {
    match unit {
        [header, _, ..] => *header >> 1 & 0x3F,
        _ => 63,
    }
}

/// Whether a unit has no place in a frame's normal form: delimiters, and what RTP has other uses for.
pub(super) fn is_left_out(unit: &[u8]) -> bool {
    matches!(kind(unit), DELIMITER | 48..)
}

pub(super) fn is_keyframe(frame: &[u8]) -> bool {
    nal_units(frame).any(|unit| RANDOM_ACCESS.contains(&kind(unit)))
}

pub(super) fn size(frame: &[u8]) -> Option<PictureSize> {
    let unit = nal_units(frame).find(|unit| kind(unit) == SPS)?;
    Some(Sps::parse(unit)?.size)
}

/// Whether a unit is the first of a new picture, if the units before it have a slice already (H.265, section
/// 7.4.2.4.4).
pub(super) fn begins_picture(unit: &[u8]) -> bool {
    match kind(unit) {
        // `first_slice_segment_in_pic_flag`.
        0..=LAST_SLICE => unit.get(2).is_some_and(|byte| byte & 0x80 != 0),
        VPS..=DELIMITER | PREFIX_SEI | 41..=44 | 48..=55 => true,
        _ => false,
    }
}

/// Whether a unit is a slice of a picture.
pub(super) fn is_slice(unit: &[u8]) -> bool {
    kind(unit) <= LAST_SLICE
}

/// What is read of a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sps {
    size: PictureSize,
    /// Profile, tier, constraints and level as they stand in the set.
    profile: [u8; 12],
    /// Layers of time, and whether they are nested.
    layers: u8,
    nested: bool,
    chroma: u8,
    luma_depth: u8,
    chroma_depth: u8,
}

impl Sps {
    fn parse(unit: &[u8]) -> Option<Self> {
        let content = unescaped(unit, SPS_LIMIT);
        let behind = content.get(2..)?;
        let mut bits = Bits::new(behind);
        bits.skip(4)?;
        let more_layers = bits.number(3)?;
        let nested = bits.flag()?;
        let profile = *behind.get(1..)?.first_chunk()?;
        bits.skip(PROFILE_BITS + 8)?;
        skip_layers(&mut bits, more_layers)?;
        bits.golomb()?;
        let chroma = bits.golomb().filter(|chroma| *chroma <= 3)?;
        let separate_planes = chroma == 3 && bits.flag()?;
        let (width, height) = (bits.golomb()?, bits.golomb()?);
        let mut size = PictureSize { width, height };
        if bits.flag()? {
            size = cropped(size, &mut bits, if separate_planes { 0 } else { chroma }, 1)?;
        }
        let luma_depth = bits.golomb().filter(|depth| *depth <= 8)?;
        let chroma_depth = bits.golomb().filter(|depth| *depth <= 8)?;
        Some(Self {
            size,
            profile,
            // All of these are small by the checks above.
            layers: more_layers as u8 + 1,
            nested,
            chroma: chroma as u8,
            luma_depth: luma_depth as u8,
            chroma_depth: chroma_depth as u8,
        })
    }
}

/// Skips profile and level of the layers above the first.
fn skip_layers(bits: &mut Bits<'_>, layers: u32) -> Option<()> {
    let mut lengths = [0; 8];
    for length in lengths.iter_mut().take(layers as usize) {
        let (profile, level) = (bits.flag()?, bits.flag()?);
        *length = if profile { PROFILE_BITS } else { 0 } + if level { 8 } else { 0 };
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers as usize))?;
    }
    lengths.iter().try_for_each(|&length| bits.skip(length))
}

/// `HEVCDecoderConfigurationRecord`: the parameter sets of a track, and how its units are delimited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HevcConfig(ParameterSets);

/// Bytes of a record before its lists of parameter sets.
const FIXED_LENGTH: usize = 22;

impl HevcConfig {
    /// Reads a record.
    #[must_use]
    pub fn parse(record: &Bytes) -> Option<Self> {
        let mut sets = ParameterSets::with_length_byte(*record.get(FIXED_LENGTH - 1)?)?;
        let lists = *record.get(FIXED_LENGTH)?;
        let mut at = FIXED_LENGTH + 1;
        for _ in 0..lists {
            let header = record.get(at..at + 3)?;
            let count = u16::from_be_bytes([header[1], header[2]]);
            at = sets.read(record, at + 3, count.into())?;
        }
        Some(Self(sets))
    }

    /// Makes the record of a track that begins with this keyframe in normal form; `None` if it lacks a parameter set.
    #[must_use]
    pub fn record_of(keyframe: &[u8]) -> Option<Vec<u8>> {
        let of_kind =
            |wanted| nal_units(keyframe).filter(move |unit| kind(unit) == wanted && unit.len() < 1 << 16);
        let sps = Sps::parse(of_kind(SPS).next()?)?;
        of_kind(VPS).next().and(of_kind(PPS).next())?;
        let mut record = vec![1];
        record.extend(sps.profile);
        // No segmentation and no parallelism is claimed, no frame rate stated.
        record.extend([
            0xF0,
            0,
            0xFC,
            0xFC | sps.chroma,
            0xF8 | sps.luma_depth,
            0xF8 | sps.chroma_depth,
        ]);
        record.extend([0, 0, sps.layers << 3 | u8::from(sps.nested) << 2 | 3, 3]);
        for wanted in [VPS, SPS, PPS] {
            let units: Vec<&[u8]> = of_kind(wanted).take(64).collect();
            record.extend([0x80 | wanted, 0, units.len() as u8]);
            push_sets(&mut record, &units);
        }
        Some(record)
    }

    /// A frame of the track in normal form: a keyframe gets the parameter sets if it has none of its own.
    #[must_use]
    pub fn frame(&self, frame: &[u8]) -> Option<Bytes> {
        self.0.frame(VideoCodec::H265, frame, |unit| kind(unit) == SPS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::nal::annex_b;
    use super::*;

    /// Written by x265 for 176x144.
    const VPS_UNIT: &[u8] = &[
        0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00,
        0x00, 0x03, 0x00, 0x1E, 0x92, 0x80, 0x90,
    ];
    const SPS_UNIT: &[u8] = &[
        0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
        0x1E, 0xA0, 0x16, 0x20, 0x24, 0x59, 0x64, 0xA9, 0x24, 0xCA, 0xF0, 0x16, 0x80, 0x80, 0x00, 0x00, 0x03,
        0x00, 0x80, 0x00, 0x00, 0x07, 0x84,
    ];
    const PPS_UNIT: &[u8] = &[0x44, 0x01, 0xC1, 0x72, 0xB4, 0x62, 0x40];

    #[test]
    fn the_size_is_read_from_the_parameter_set() {
        let sps = Sps::parse(SPS_UNIT).unwrap();
        assert_eq!((sps.size.width, sps.size.height), (176, 144));
        assert_eq!((sps.chroma, sps.luma_depth, sps.layers), (1, 0, 1));
        for end in 0..20 {
            assert_eq!(Sps::parse(&SPS_UNIT[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn a_record_brings_its_sets_to_keyframes() {
        let slice = &[0x26, 0x01, 0xAF, 7][..];
        let keyframe = annex_b([VPS_UNIT, SPS_UNIT, PPS_UNIT, slice]);
        assert!(is_keyframe(&keyframe));
        let record: Bytes = HevcConfig::record_of(&keyframe).unwrap().into();
        let config = HevcConfig::parse(&record).unwrap();
        assert_eq!(config.frame(&[0, 0, 0, 4, 0x26, 0x01, 0xAF, 7]), Some(keyframe));
        assert_eq!(
            config.frame(&[0, 0, 0, 3, 2, 1, 7]).unwrap()[..],
            [0, 0, 0, 1, 2, 1, 7]
        );
        for end in 0..record.len() {
            assert_eq!(HevcConfig::parse(&record.slice(..end)), None, "cut at {end}");
        }
    }

    #[test]
    fn pictures_begin_at_their_first_slice_or_before_it() {
        assert!(begins_picture(&[0x26, 0x01, 0x80]));
        assert!(!begins_picture(&[0x02, 0x01, 0x40]));
        assert!(begins_picture(&[0x40, 0x01]));
        assert!(!begins_picture(&[0x50, 0x01]), "SEI behind the picture");
        assert!(!begins_picture(&[0x26]));
    }
}

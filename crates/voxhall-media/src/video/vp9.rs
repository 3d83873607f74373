//! VP9 (bitstream specification, section 6.2): the begin of the uncompressed header.

use super::PictureSize;
use super::bits::Bits;

const FRAME_MARKER: u32 = 2;
const SYNC_CODE: u32 = 0x49_83_42;
const SRGB: u32 = 7;

pub(super) fn is_keyframe(frame: &[u8]) -> bool {
    size(frame).is_some()
}

pub(super) fn size(frame: &[u8]) -> Option<PictureSize> {
    let mut bits = Bits::new(frame);
    if bits.number(2)? != FRAME_MARKER {
        return None;
    }
    let profile = bits.number(1)? | bits.number(1)? << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    let (shows_existing, is_inter) = (bits.flag()?, bits.flag()?);
    if shows_existing || is_inter {
        return None;
    }
    bits.skip(2)?;
    if bits.number(24)? != SYNC_CODE {
        return None;
    }
    skip_color(&mut bits, profile)?;
    Some(PictureSize {
        width: bits.number(16)? + 1,
        height: bits.number(16)? + 1,
    })
}

fn skip_color(bits: &mut Bits<'_>, profile: u32) -> Option<()> {
    if profile >= 2 {
        bits.skip(1)?;
    }
    let is_srgb = bits.number(3)? == SRGB;
    if !is_srgb {
        bits.skip(1)?;
    }
    let tells_subsampling = profile == 1 || profile == 3;
    match (tells_subsampling, is_srgb) {
        (true, false) => bits.skip(3),
        (true, true) => bits.skip(1),
        (false, _) => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_state_their_size() {
        // Profile 0, key, shown; BT.601; 352x288.
        let key = [0x82, 0x49, 0x83, 0x42, 0x20, 0x15, 0xF0, 0x11, 0xF0, 0];
        let expected = PictureSize {
            width: 352,
            height: 288,
        };
        assert_eq!(size(&key), Some(expected));
        assert!(
            !is_keyframe(&[0x86, 0x49, 0x83, 0x42, 0x20, 0x15, 0xF0, 0x11, 0xF0]),
            "inter"
        );
        assert!(
            !is_keyframe(&[0x88, 0x49, 0x83, 0x42]),
            "shows another frame again"
        );
        assert!(!is_keyframe(&key[..7]));
    }
}

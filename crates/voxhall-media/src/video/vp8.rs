//! VP8 (RFC 6386, section 9.1): the frame tag.

use super::PictureSize;

const INTER_FRAME: u8 = 0x01;
const START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];

pub(super) fn is_keyframe(frame: &[u8]) -> bool {
    size(frame).is_some()
}

pub(super) fn size(frame: &[u8]) -> Option<PictureSize> {
    let &[
        tag,
        _,
        _,
        a,
        b,
        c,
        width_low,
        width_high,
        height_low,
        height_high,
        ..,
    ] = frame
    else {
        return None;
    };
    if tag & INTER_FRAME != 0 || [a, b, c] != START_CODE {
        return None;
    }
    // The upper two bits of each scale the picture, which nothing does.
    let pixels = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some(PictureSize {
        width: pixels(width_low, width_high),
        height: pixels(height_low, height_high),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_state_their_size() {
        let key = [0x50, 0x0B, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x41, 0];
        let expected = PictureSize {
            width: 640,
            height: 480,
        };
        assert_eq!(size(&key), Some(expected));
        assert!(is_keyframe(&key));
        assert!(!is_keyframe(&[
            0x51, 0x0B, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01
        ]));
        assert!(!is_keyframe(&key[..9]));
    }
}

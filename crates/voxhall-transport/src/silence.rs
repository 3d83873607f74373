//! The Opus silence frame that ends a talk spurt (`media-transport.md` section 9.1).

use std::time::Duration;

/// One Opus frame of 20 ms silence. It is never encrypted end to end.
pub const OPUS_SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// How many silence frames a sender puts behind its last voice frame, so that decoders do not interpolate over the
/// gap; a receiver that gets as many in a row knows that the speaker stopped.
pub const SILENCE_FRAMES: u8 = 5;

/// The distance between silence frames.
pub const SILENCE_FRAME_DURATION: Duration = Duration::from_millis(20);

/// Whether an RTP payload is the silence frame.
#[must_use]
pub fn is_silence(payload: &[u8]) -> bool {
    payload == OPUS_SILENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_silence_frame_is_silence() {
        assert!(is_silence(&[0xF8, 0xFF, 0xFE]));
        assert!(!is_silence(&[0xF8, 0xFF]));
        assert!(!is_silence(&[0xF8, 0xFF, 0xFE, 0x00]));
        assert!(!is_silence(&[0x78, 0xFF, 0xFE]));
    }
}

//! What the fuzz targets share. Each target is a program in `src/bin`; `README.md` says how to run them.

use voxhall_protocol::voice::VoiceVersion;

/// Splits an input: its first byte picks a version of the voice gateway (the digit of the version does), the rest is
/// the frame.
#[must_use]
pub fn version_and_frame(input: &[u8]) -> Option<(VoiceVersion, &[u8])> {
    let (&first, frame) = input.split_first()?;
    let number = first.wrapping_sub(b'1') % 9 + 1;
    Some((VoiceVersion::new(number).ok()?, frame))
}

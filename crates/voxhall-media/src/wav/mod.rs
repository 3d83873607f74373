//! WAV files: linear PCM and floating point in, 16-bit and floating point out.

mod format;
mod reader;
mod writer;

pub use format::SampleFormat;
pub use reader::WavReader;
pub use writer::WavWriter;

/// What is wrong with a WAV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WavFault {
    /// The file does not begin with a RIFF header of the form WAVE.
    #[error("the file is no WAV file")]
    NotWav,
    /// The file ends before its samples begin.
    #[error("the WAV file breaks off in its header; fetch it again")]
    Truncated,
    /// The samples come before their format, or the format contradicts itself.
    #[error("the header of the WAV file is malformed; rewrite it with `ffmpeg -i IN -c:a pcm_s16le OUT.wav`")]
    BadHeader,
    /// A coding other than PCM of 8, 16, 24 or 32 bits or 32-bit float.
    #[error(
        "the WAV file is coded in a way that is not supported; convert it with `ffmpeg -i IN -c:a pcm_s16le OUT.wav`"
    )]
    Coding,
    /// A rate outside 8 to 192 kHz.
    #[error(
        "the sample rate of the WAV file is outside 8 to 192 kHz; convert it with `ffmpeg -i IN -ar 48000 OUT.wav`"
    )]
    SampleRate,
    /// No channel, or more than can be mixed down.
    #[error("the WAV file must have between 1 and 8 channels; convert it with `ffmpeg -i IN -ac 2 OUT.wav`")]
    Channels,
    /// A recording reached the 4 GiB that the format's length fields can hold.
    #[error(
        "the WAV file has reached 4 GiB, the limit of the format; record to Ogg Opus or start a new file"
    )]
    TooLarge,
}

//! Opening a file, whatever it is.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{AudioSource, OggOpusSource, Repeat};
use crate::filled::fill;
use crate::opus::Bitrate;
use crate::pcm::Volume;
use crate::{Error, Result, duration_of, ogg, wav};

/// Files are read in pieces of this size: one per connection stays in memory.
const READ_AHEAD: usize = 4 * 1_024;

/// How a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OpenOptions {
    /// Start again at the end. Default: no.
    pub repeat: bool,
    /// How loud. Default: as it is. Anything else means that Ogg Opus is encoded again.
    pub volume: Volume,
    /// What to encode with, where encoding is needed.
    pub bitrate: Bitrate,
}

/// The formats that can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Ogg; whether it carries Opus shows when it is read.
    Ogg,
    /// WAV.
    Wav,
}

impl FileFormat {
    /// Tells the format by the first twelve bytes of a file.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] if it is neither.
    pub fn sniff(start: &[u8]) -> Result<Self> {
        match start {
            [b'O', b'g', b'g', b'S', ..] => Ok(Self::Ogg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Ok(Self::Wav),
            _ => Err(Error::UnknownFormat),
        }
    }
}

/// Opens an Ogg Opus or WAV file to be played.
///
/// # Errors
/// [`Error::File`] with the path and what is wrong with it. The headers are read at once, so that a file of another
/// format is refused here and not in the middle of a call.
pub fn open(path: impl AsRef<Path>, options: OpenOptions) -> Result<Box<dyn AudioSource>> {
    let path = path.as_ref();
    if !options.repeat {
        return open_once(path, options);
    }
    let path = PathBuf::from(path);
    Ok(Box::new(Repeat::new(move || open_once(&path, options))?))
}

/// How long a file lasts, without reading all of it; `None` if it does not say.
///
/// # Errors
/// As [`open`].
pub fn duration(path: impl AsRef<Path>) -> Result<Option<Duration>> {
    let path = path.as_ref();
    let measure = || {
        let (format, mut file) = identify(path)?;
        Ok(match format {
            FileFormat::Ogg => ogg::length(&mut file)?.map(duration_of),
            FileFormat::Wav => wav::WavReader::new(file)?.duration(),
        })
    };
    measure().map_err(|error: Error| error.in_file(path))
}

fn open_once(path: &Path, options: OpenOptions) -> Result<Box<dyn AudioSource>> {
    let source = identify(path).and_then(|(format, file)| match format {
        FileFormat::Ogg => open_ogg(file, options),
        FileFormat::Wav => open_wav(file, options),
    });
    Ok(Box::new(InFile {
        source: source.map_err(|error| error.in_file(path))?,
        path: path.into(),
    }))
}

fn identify(path: &Path) -> Result<(FileFormat, BufReader<File>)> {
    let mut file = BufReader::with_capacity(READ_AHEAD, File::open(path)?);
    let mut start = [0; 12];
    let length = fill(&mut file, &mut start)?;
    let format = FileFormat::sniff(&start[..length])?;
    file.seek(SeekFrom::Start(0))?;
    Ok((format, file))
}

fn open_ogg(file: BufReader<File>, options: OpenOptions) -> Result<Box<dyn AudioSource>> {
    let source = OggOpusSource::new(file)?;
    if options.volume == Volume::FULL {
        return Ok(Box::new(source));
    }
    with_volume(source, options)
}

#[cfg(feature = "opus-codec")]
fn open_wav(file: BufReader<File>, options: OpenOptions) -> Result<Box<dyn AudioSource>> {
    use super::{PcmSource, WavStream};
    use crate::pcm::Amplified;

    let stream = Amplified::new(WavStream::new(file)?, options.volume);
    Ok(Box::new(PcmSource::new(stream, options.encoder())?))
}

#[cfg(feature = "opus-codec")]
fn with_volume(source: OggOpusSource<BufReader<File>>, options: OpenOptions) -> Result<Box<dyn AudioSource>> {
    Ok(Box::new(super::VolumeSource::new(
        source,
        options.volume,
        options.encoder(),
    )?))
}

#[cfg(feature = "opus-codec")]
impl OpenOptions {
    fn encoder(self) -> crate::opus::EncoderConfig {
        crate::opus::EncoderConfig {
            bitrate: self.bitrate,
            ..Default::default()
        }
    }
}

#[cfg(not(feature = "opus-codec"))]
fn open_wav(_: BufReader<File>, _: OpenOptions) -> Result<Box<dyn AudioSource>> {
    Err(Error::NoCodec)
}

#[cfg(not(feature = "opus-codec"))]
fn with_volume(_: OggOpusSource<BufReader<File>>, _: OpenOptions) -> Result<Box<dyn AudioSource>> {
    Err(Error::NoCodec)
}

/// Says in which file a source failed.
struct InFile {
    source: Box<dyn AudioSource>,
    path: PathBuf,
}

impl AudioSource for InFile {
    fn next_frame(&mut self) -> Result<Option<super::AudioFrame>> {
        self.source
            .next_frame()
            .map_err(|error| error.in_file(&self.path))
    }
}

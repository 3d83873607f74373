//! Opening a file, whatever it is.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::FrameForm;
use super::demux::{MatroskaTrackReader, Mp4TrackReader, Pictures};
use super::looped::{LoopedPictures, LoopedSound};
use super::sound::Sound;
use crate::annexb::{AnnexBReader, FrameRate, codec_of};
use crate::filled::fill;
use crate::ivf::IvfReader;
use crate::matroska::{MatroskaReader, TrackKind};
use crate::mp4::{Mp4Reader, SampleFormat, is_beginning};
use crate::source::{AudioFrame, AudioSource};
use crate::video::{EncodedFrame, PictureSize, VIDEO_CLOCK, VideoCodec, VideoSource, rescale};
use crate::{Error, Result, SAMPLE_RATE};

/// How a file is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MovieOptions {
    /// Start again at the end. Default: no.
    pub repeat: bool,
    /// Pictures per second of raw video, which does not tell. Default: 30.
    pub frame_rate: FrameRate,
}

/// The formats that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MovieFormat {
    /// IVF.
    Ivf,
    /// Raw H.264 or H.265.
    AnnexB,
    /// Matroska or WebM.
    Matroska,
    /// MP4 and its family.
    Mp4,
}

impl MovieFormat {
    /// Tells the format by the first bytes of a file; 64 are enough.
    ///
    /// # Errors
    /// [`Error::UnknownVideoFormat`] if it is none of them.
    pub fn sniff(start: &[u8]) -> Result<Self> {
        match start {
            [b'D', b'K', b'I', b'F', ..] => Ok(Self::Ivf),
            [0x1A, 0x45, 0xDF, 0xA3, ..] => Ok(Self::Matroska),
            [_, _, _, _, a, b, c, d, ..] if is_beginning(&[*a, *b, *c, *d]) => Ok(Self::Mp4),
            _ if codec_of(start).is_some() => Ok(Self::AnnexB),
            _ => Err(Error::UnknownVideoFormat),
        }
    }
}

/// What a file is, as far as it tells before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieInfo {
    /// Its format.
    pub format: MovieFormat,
    /// How its pictures are encoded.
    pub codec: VideoCodec,
    /// How large they are.
    pub size: Option<PictureSize>,
    /// How long it lasts.
    pub duration: Option<Duration>,
    /// Sound that it has but that calls do not carry, by the name of its codec.
    pub unusable_sound: Option<String>,
}

/// A file that is ready to be shown.
pub struct Movie {
    /// What it is.
    pub info: MovieInfo,
    /// Its pictures.
    pub pictures: Box<dyn VideoSource>,
    /// Its sound, on the same timeline.
    pub sound: Option<Box<dyn AudioSource>>,
}

impl std::fmt::Debug for Movie {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Movie")
            .field("info", &self.info)
            .field("has_sound", &self.sound.is_some())
            .finish_non_exhaustive()
    }
}

/// Opens a file to be shown.
///
/// # Errors
/// [`Error::File`] with the path and what is wrong with it. The headers are read at once, so that a file of another
/// format is refused here and not in the middle of a call.
pub fn open(path: impl AsRef<Path>, options: MovieOptions) -> Result<Movie> {
    let path = path.as_ref().to_owned();
    let file = path.clone();
    let opened = open_with(move || File::open(&file), options);
    let mut movie = opened.map_err(|error| error.in_file(&path))?;
    movie.pictures = Box::new(InFile {
        source: movie.pictures,
        path: path.clone(),
    });
    movie.sound = movie
        .sound
        .map(|source| -> Box<dyn AudioSource> { Box::new(InFile { source, path }) });
    Ok(movie)
}

/// Opens what `open` gives, which is called more than once: pictures and sound are read each by a reader of its own,
/// and a movie that starts again is opened again.
///
/// # Errors
/// What is wrong with it, or the error of `open`.
pub fn open_with<R, F>(mut open: F, options: MovieOptions) -> Result<Movie>
where
    R: Read + Seek + Send + 'static,
    F: FnMut() -> io::Result<R> + Clone + Send + 'static,
{
    if options.repeat {
        open_looped(open, options)
    } else {
        open_once(&mut || Ok(Reader::new(open()?)), options)
    }
}

/// What a file is read with: small pieces, because much is passed over.
type Reader<R> = BufReader<R>;

/// Opens the file anew.
type Reopen<'a, R> = &'a mut dyn FnMut() -> Result<Reader<R>>;

fn open_once<R: Read + Seek + Send + 'static>(reopen: Reopen<'_, R>, options: MovieOptions) -> Result<Movie> {
    let mut file = reopen()?;
    let mut start = [0; 64];
    let length = fill(&mut file, &mut start)?;
    let format = MovieFormat::sniff(&start[..length])?;
    file.seek(SeekFrom::Start(0))?;
    match format {
        MovieFormat::Ivf => open_ivf(file),
        MovieFormat::AnnexB => open_raw(file, options.frame_rate),
        MovieFormat::Matroska => open_matroska(file, reopen),
        MovieFormat::Mp4 => open_mp4(file, reopen),
    }
}

fn open_ivf(file: impl Read + Send + 'static) -> Result<Movie> {
    let reader = IvfReader::new(file)?;
    let header = *reader.header();
    let has_size = header.size.width > 0 && header.size.height > 0;
    let info = MovieInfo {
        format: MovieFormat::Ivf,
        codec: header.codec,
        size: has_size.then_some(header.size),
        duration: None,
        unusable_sound: None,
    };
    Ok(Movie {
        info,
        pictures: Box::new(reader),
        sound: None,
    })
}

fn open_raw(file: impl Read + Send + 'static, rate: FrameRate) -> Result<Movie> {
    let reader = AnnexBReader::new(file, rate)?;
    let info = MovieInfo {
        format: MovieFormat::AnnexB,
        codec: reader.codec(),
        size: None,
        duration: None,
        unusable_sound: None,
    };
    Ok(Movie {
        info,
        pictures: Box::new(reader),
        sound: None,
    })
}

fn open_matroska<R: Read + Seek + Send + 'static>(file: Reader<R>, reopen: Reopen<'_, R>) -> Result<Movie> {
    let reader = MatroskaReader::new(file)?;
    let shown = reader.tracks().iter().find_map(|track| match track.kind {
        TrackKind::Video(codec) => Some((track.clone(), codec)),
        _ => None,
    });
    let Some((track, codec)) = shown else {
        let names: Vec<_> = reader
            .tracks()
            .iter()
            .map(|track| track.codec_id.as_str())
            .collect();
        return Err(Error::NoPictures(names.join(", ")));
    };
    let of_kind = |kind| reader.tracks().iter().find(|track| track.kind == kind).cloned();
    let (opus, other) = (of_kind(TrackKind::Opus), of_kind(TrackKind::OtherAudio));
    let info = MovieInfo {
        format: MovieFormat::Matroska,
        codec,
        size: track.size,
        duration: reader.duration(),
        unusable_sound: if opus.is_none() {
            other.map(|track| track.codec_id)
        } else {
            None
        },
    };
    let sound = opus.map(|opus| -> Result<Box<dyn AudioSource>> {
        Ok(Box::new(Sound::new(MatroskaTrackReader {
            reader: MatroskaReader::new(reopen()?)?,
            number: opus.number,
        })))
    });
    let pictures = Pictures {
        form: FrameForm::of_matroska(codec, &track.codec_private)?,
        track: MatroskaTrackReader {
            reader,
            number: track.number,
        },
        failed: false,
    };
    Ok(Movie {
        info,
        pictures: Box::new(pictures),
        sound: sound.transpose()?,
    })
}

fn open_mp4<R: Read + Seek + Send + 'static>(file: Reader<R>, reopen: Reopen<'_, R>) -> Result<Movie> {
    let reader = Mp4Reader::new(file)?;
    let shown = reader.tracks().iter().find_map(|track| {
        let form = match &track.format {
            SampleFormat::H264(config) => FrameForm::H264(config.clone()),
            SampleFormat::H265(config) => FrameForm::H265(config.clone()),
            SampleFormat::Av1(config) => FrameForm::Av1(config.clone()),
            format => FrameForm::Plain(format.video_codec()?),
        };
        Some((track.clone(), form))
    });
    let Some((track, form)) = shown else {
        let names: Vec<_> = reader
            .tracks()
            .iter()
            .map(|track| format_name(&track.format))
            .collect();
        return Err(Error::NoPictures(names.join(", ")));
    };
    let opus = reader
        .tracks()
        .iter()
        .find(|track| track.format == SampleFormat::Opus);
    let opus = opus.map(|track| track.id);
    let other = reader.tracks().iter().find(|track| track.is_audio);
    let info = MovieInfo {
        format: MovieFormat::Mp4,
        codec: form.codec(),
        size: track.size,
        duration: reader.tracks().iter().map(crate::mp4::Mp4Track::length).max(),
        unusable_sound: if opus.is_none() {
            other.map(|track| format_name(&track.format))
        } else {
            None
        },
    };
    let sound = opus.map(|id| -> Result<Box<dyn AudioSource>> {
        Ok(Box::new(Sound::new(Mp4TrackReader {
            reader: Mp4Reader::new(reopen()?)?,
            id,
            next: 0,
        })))
    });
    let pictures = Pictures {
        form,
        track: Mp4TrackReader {
            reader,
            id: track.id,
            next: 0,
        },
        failed: false,
    };
    Ok(Movie {
        info,
        pictures: Box::new(pictures),
        sound: sound.transpose()?,
    })
}

fn format_name(format: &SampleFormat) -> String {
    match format {
        SampleFormat::Other(name) => name.iter().collect(),
        SampleFormat::Opus => "Opus".to_owned(),
        format => format
            .video_codec()
            .map_or_else(String::new, |codec| codec.name().to_owned()),
    }
}

/// Opens a file that starts again at its end: when it ends is found out by reading it once.
fn open_looped<R, F>(open: F, options: MovieOptions) -> Result<Movie>
where
    R: Read + Seek + Send + 'static,
    F: FnMut() -> io::Result<R> + Clone + Send + 'static,
{
    let open_again = move || {
        let mut open = open.clone();
        open_once(&mut || Ok(Reader::new(open()?)), options)
    };
    let mut movie = open_again()?;
    let period = period_of(&mut movie)?;
    let length = rescale(period, u64::from(VIDEO_CLOCK), 1_000_000);
    let has_sound = movie.sound.is_some();
    let open_pictures = {
        let open_again = open_again.clone();
        move || Ok(open_again()?.pictures)
    };
    let open_sound = move || {
        let sound = open_again()?.sound;
        sound.ok_or_else(|| Error::NoPictures("its sound is gone".to_owned()))
    };
    let pictures = LoopedPictures::new(Box::new(open_pictures), period)?;
    let sound = has_sound
        .then(|| LoopedSound::new(Box::new(open_sound), period))
        .transpose()?;
    Ok(Movie {
        info: MovieInfo {
            duration: Some(Duration::from_micros(length)),
            ..movie.info
        },
        pictures: Box::new(pictures),
        sound: sound.map(|sound| -> Box<dyn AudioSource> { Box::new(sound) }),
    })
}

/// How long a movie lasts, in ticks of the video clock: until its last picture has been seen as long as the ones
/// before it, and its sound is over.
fn period_of(movie: &mut Movie) -> Result<u64> {
    let (mut last, mut count) = (0, 0_u64);
    while let Some(frame) = movie.pictures.next_frame()? {
        last = last.max(frame.timestamp);
        count += 1;
    }
    let step = last
        .checked_div(count.saturating_sub(1))
        .unwrap_or(u64::from(VIDEO_CLOCK));
    let mut samples = 0;
    if let Some(sound) = &mut movie.sound {
        while let Some(frame) = sound.next_frame()? {
            samples += u64::from(frame.samples());
        }
    }
    let sound = rescale(samples, u64::from(SAMPLE_RATE), u64::from(VIDEO_CLOCK));
    Ok(sound.max(last.saturating_add(step)))
}

/// Says in which file a source failed.
struct InFile<S> {
    source: S,
    path: PathBuf,
}

impl VideoSource for InFile<Box<dyn VideoSource>> {
    fn codec(&self) -> VideoCodec {
        self.source.codec()
    }

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>> {
        self.source
            .next_frame()
            .map_err(|error| error.in_file(&self.path))
    }
}

impl AudioSource for InFile<Box<dyn AudioSource>> {
    fn next_frame(&mut self) -> Result<Option<AudioFrame>> {
        self.source
            .next_frame()
            .map_err(|error| error.in_file(&self.path))
    }
}

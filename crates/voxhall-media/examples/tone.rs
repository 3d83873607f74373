//! Writes ten seconds of the demo music as `music.wav` and `music.opus`.
//!
//! `cargo run -p voxhall-media --example tone -- [FOLDER]`

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use voxhall_media::ogg::{OggWriter, OpusHead, OpusTags};
use voxhall_media::opus::{Bitrate, EncoderConfig};
use voxhall_media::pcm::{PcmStream, Samples};
use voxhall_media::signal::Music;
use voxhall_media::source::{AudioSource, PcmSource};
use voxhall_media::wav::WavWriter;
use voxhall_media::{FRAME_LEN, Result, SAMPLE_RATE};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let music = || Samples::new(Music::new(1).take(10 * SAMPLE_RATE as usize));

    let mut wav = WavWriter::pcm16(BufWriter::new(File::create(folder.join("music.wav"))?))?;
    let mut stream = music();
    let mut frame = [0.0; FRAME_LEN];
    while let read @ 1.. = stream.read(&mut frame)? {
        wav.write(&frame[..read])?;
    }
    wav.finish()?;

    let config = EncoderConfig {
        bitrate: Bitrate::from_bits_per_second(96_000),
        ..Default::default()
    };
    let mut source = PcmSource::new(music(), config)?;
    let tags = OpusTags {
        vendor: "voxhall".into(),
        comments: vec!["TITLE=Demo music".into()],
    };
    let file = BufWriter::new(File::create(folder.join("music.opus"))?);
    let mut ogg = OggWriter::new(file, OpusHead::default(), &tags, 1)?;
    while let Some(frame) = source.next_frame()? {
        ogg.write_packet(frame.packet())?;
    }
    ogg.finish()?;

    println!("wrote music.wav and music.opus to {}", folder.display());
    Ok(())
}

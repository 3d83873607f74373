//! What the benchmarks play: a few seconds of music, encoded once.

use anyhow::Result;
use voxhall_media::SAMPLE_RATE;
use voxhall_media::opus::EncoderConfig;
use voxhall_media::pcm::Samples;
use voxhall_media::signal::Music;
use voxhall_media::source::{Clip, PcmSource};

/// Two seconds of the demo's music as Opus packets.
pub fn clip() -> Result<Clip> {
    let music = Samples::new(Music::new(1).take(2 * SAMPLE_RATE as usize));
    Ok(Clip::load(PcmSource::new(music, EncoderConfig::default())?)?)
}

//! What the judge plays, and how it recognises what a bot plays.

use anyhow::{Context as _, Result, ensure};
use voxhall_client::{Subscription, VoiceTick};
use voxhall_media::FRAME_LEN;
use voxhall_media::signal::analysis;
use voxhall_protocol::ids::UserId;

use crate::PATIENCE;

/// What our own client plays for the foreign one.
pub const OUR_HZ: f32 = 880.0;
/// A tone of a tenth to a third of full scale, less what a codec and a cautious measurement may take away.
pub const LOUD_DB: f32 = -20.0;
/// A tone that a lossy codec was given stands out at least so far.
const CLEAN_DB: f32 = 15.0;
/// 100 ms: a bot that stutters on a busy machine breaks the phase of its tone now and then, which a measurement over
/// the whole would take for noise.
pub const PIECE: usize = 5 * FRAME_LEN;

/// Whether this piece is that tone and little else.
pub fn is_tone(piece: &[f32], hz: f32) -> bool {
    analysis::tone_level(piece, hz) > LOUD_DB && analysis::snr_db(piece, hz) > CLEAN_DB
}

/// Listens until `seconds` of sound of `user` are there, finds the tone in it, and tells how it arrived.
pub async fn hear(pcm: &mut Subscription<VoiceTick>, user: UserId, hz: f32, seconds: f32) -> Result<String> {
    let samples = record(pcm, user, seconds)
        .await
        .context("nobody heard the client for long enough")?;
    let (level, clean) = (
        median_of_pieces(&samples, |piece| analysis::tone_level(piece, hz)),
        median_of_pieces(&samples, |piece| analysis::snr_db(piece, hz)),
    );
    ensure!(level > LOUD_DB, "its tone of {hz} Hz arrived at {level:.1} dBFS");
    ensure!(
        clean > CLEAN_DB,
        "its tone stands only {clean:.1} dB above the rest"
    );
    Ok(format!(
        "is heard for {seconds} s, {hz} Hz at {level:.1} dBFS, {clean:.1} dB clean"
    ))
}

async fn record(pcm: &mut Subscription<VoiceTick>, user: UserId, seconds: f32) -> Result<Vec<f32>> {
    let wanted = (seconds * 50.0) as usize * FRAME_LEN;
    let mut samples = Vec::with_capacity(wanted);
    tokio::time::timeout(PATIENCE, async {
        while samples.len() < wanted {
            let tick = pcm.recv().await.context("our own connection ended")?;
            let voices = tick.speaking.iter().filter(|voice| voice.user == user);
            voices.for_each(|voice| samples.extend_from_slice(&voice.pcm));
        }
        anyhow::Ok(())
    })
    .await
    .with_context(|| format!("{:.1} s arrived", samples.len() as f32 / FRAME_LEN as f32 / 50.0))??;
    Ok(samples)
}

fn median_of_pieces(samples: &[f32], measure: impl Fn(&[f32]) -> f32) -> f32 {
    let mut figures: Vec<f32> = samples.chunks_exact(PIECE).map(measure).collect();
    figures.sort_by(f32::total_cmp);
    figures
        .get(figures.len() / 2)
        .copied()
        .unwrap_or(f32::NEG_INFINITY)
}

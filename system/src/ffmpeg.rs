//! FFmpeg, as the judge of files: it decodes what was recorded, and makes what is shown.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Samples a second of decoded sound.
pub const RATE: usize = 48_000;

/// A picture as FFmpeg decodes it.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    /// Seconds from the begin of the file.
    pub time: f64,
    /// Its mean brightness, 0 to 255.
    pub brightness: f64,
}

fn run(program: &str, arguments: &[&str]) -> Result<Output> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{program} is missing; run scripts/setup test"))?;
    ensure!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of the test is no text")
}

/// Makes a file.
///
/// # Errors
/// FFmpeg is missing or refuses.
pub fn make(arguments: &[&str], path: &Path) -> Result<()> {
    let mut all = vec!["-loglevel", "error", "-y"];
    all.extend_from_slice(arguments);
    all.push(text(path)?);
    run("ffmpeg", &all).map(drop)
}

/// Decodes a file to its end.
///
/// # Errors
/// It has an error.
pub fn decodes(path: &Path) -> Result<()> {
    let output = run("ffmpeg", &["-v", "warning", "-i", text(path)?, "-f", "null", "-"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.trim().is_empty(), "{}: {said}", path.display());
    Ok(())
}

/// The pictures of a file.
///
/// # Errors
/// It has none.
pub fn pictures(path: &Path) -> Result<Vec<Picture>> {
    let path = text(path)?;
    let listed = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            "v",
            "-show_entries",
            "frame=pts_time",
            "-of",
            "csv=p=0",
            path,
        ],
    )?;
    let times = String::from_utf8(listed.stdout)?;
    let times: Vec<f64> = times
        .lines()
        .filter_map(|line| line.split(',').next()?.parse().ok())
        .collect();
    let scaled = [
        "-vf",
        "scale=8:8",
        "-pix_fmt",
        "gray",
        "-vsync",
        "passthrough",
        "-f",
        "rawvideo",
        "-",
    ];
    let mut arguments = vec!["-v", "error", "-i", path];
    arguments.extend(scaled);
    let raw = run("ffmpeg", &arguments)?.stdout;
    ensure!(
        !times.is_empty() && raw.len() == 64 * times.len(),
        "{} pictures, {} bytes",
        times.len(),
        raw.len()
    );
    let brightness = |picture: &[u8]| picture.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / 64.0;
    Ok(raw
        .chunks(64)
        .zip(times)
        .map(|(picture, time)| Picture {
            time,
            brightness: brightness(picture),
        })
        .collect())
}

/// The samples of a file's sound from its begin on, with silence where it has none: a pause is a hole in the times, which
/// a decoder alone would close.
///
/// # Errors
/// It has no sound.
pub fn sound(path: &Path) -> Result<Vec<f32>> {
    let path = text(path)?;
    let rate = RATE.to_string();
    let filled = "aresample=async=1:min_hard_comp=0.01:first_pts=0";
    let raw = run(
        "ffmpeg",
        &[
            "-v", "error", "-i", path, "-map", "0:a", "-af", filled, "-ac", "1", "-ar", &rate, "-f", "f32le",
            "-",
        ],
    )?;
    let samples = raw
        .stdout
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    Ok(samples.collect())
}

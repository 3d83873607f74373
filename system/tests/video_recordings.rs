//! `voxhall stream` and `voxhall record --video`: what one shows, the other writes down, picture for picture; FFmpeg
//! decodes it, and sound and pictures are together.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use voxhall_system::video::{pattern, pictures};
use voxhall_system::{Cli, Server, ffmpeg, run};

/// How far sound and pictures may be apart, in seconds.
const TOGETHER: f64 = 0.040;

/// One who shows, and one who records.
struct Stage {
    server: Server,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Result<Self> {
        Ok(Self {
            server: Server::start()?,
            folder: tempfile::tempdir()?,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Records into `out` while `show` goes on.
    async fn record(&self, out: &Path, show: impl FnOnce() -> Result<()>) -> Result<()> {
        let state = self.server.state_arguments();
        let scribe = &self.server.world.bots[1].name;
        let name = out.display().to_string();
        let mut recorder = Cli::start(&["record", &name, "--video", "--as", scribe, &state[0], &state[1]])?;
        // It begins once it is connected.
        recorder.wait_for_file(out).await?;
        show()?;
        recorder.terminate()?;
        let (succeeded, said) = recorder.end()?;
        ensure!(succeeded, "{said}");
        Ok(())
    }

    fn stream(&self, file: &Path, further: &[&str]) -> Result<String> {
        let state = self.server.state_arguments();
        let minstrel = &self.server.world.bots[0].name;
        let file = file.display().to_string();
        let mut arguments = vec!["stream", &file, "--as", minstrel, &state[0], &state[1]];
        arguments.extend_from_slice(further);
        let ended = run(&arguments)?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        ensure!(ended.status.success(), "{said}");
        Ok(said)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_codec_is_recorded_as_it_was_shown() -> Result<()> {
    let stage = Stage::new()?;
    let shown = [
        "pattern-vp8.webm",
        "pattern-h264.mp4",
        "pattern-vp9.mp4",
        "pattern-h265.mp4",
        "pattern-av1.webm",
    ];
    let out = stage.path("seen");
    stage
        .record(&out, || {
            for name in shown {
                let said = stage.stream(&pattern(name), &[])?;
                ensure!(
                    said.contains("12 pictures") && said.contains("with sound"),
                    "{said}"
                );
            }
            Ok(())
        })
        .await?;
    let user = stage.server.world.bots[0].id;
    for (name, number) in shown.iter().zip(1..) {
        let recorded = match number {
            1 => out.join(format!("{user}.mkv")),
            number => out.join(format!("{user}-{number}.mkv")),
        };
        ffmpeg::decodes(&recorded)?;
        let (expected, found) = (pictures(&pattern(name))?, pictures(&recorded)?);
        ensure!(
            found == expected,
            "{name}: {} pictures of {} are the same",
            found.len(),
            expected.len()
        );
    }
    ffmpeg::decodes(&out.join(format!("{user}.opus")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_video_and_ivf_pass_from_file_to_file() -> Result<()> {
    let stage = Stage::new()?;
    for (name, out) in [
        ("pattern-av1.ivf", "seen.ivf"),
        ("pattern-vp9.ivf", "seen.webm"),
        ("pattern.h264", "seen.mkv"),
    ] {
        let out = stage.path(out);
        stage
            .record(&out, || stage.stream(&pattern(name), &["--fps", "15"]).map(drop))
            .await?;
        ffmpeg::decodes(&out)?;
        ensure!(pictures(&out)? == pictures(&pattern(name))?, "{name}");
    }
    Ok(())
}

/// When something that is dark or silent becomes bright or loud.
fn onsets(levels: impl Iterator<Item = (f64, bool)>) -> Vec<f64> {
    let mut onsets: Vec<f64> = Vec::new();
    let mut last_on = f64::MIN;
    for (time, is_on) in levels {
        if is_on && time - last_on > 0.3 {
            onsets.push(time);
        }
        if is_on {
            last_on = time;
        }
    }
    onsets
}

/// Flashes and beeps of a fifth of a second, each second.
fn flashes(path: &Path, encoder: &[&str]) -> Result<()> {
    let mut arguments = vec![
        "-f",
        "lavfi",
        "-i",
        "color=c=black:s=160x120:r=25:d=4.5,drawbox=t=fill:c=white:enable='lt(mod(t,1),0.2)'",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=1000:sample_rate=48000:duration=4.5,volume='if(lt(mod(t,1),0.2),1,0)':eval=frame",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "25",
        "-c:a",
        "libopus",
    ];
    arguments.extend_from_slice(encoder);
    ffmpeg::make(&arguments, path)
}

fn check_together(path: &Path) -> Result<()> {
    let seen = ffmpeg::pictures(path)?;
    let flashes = onsets(
        seen.iter()
            .map(|picture| (picture.time, picture.brightness > 128.0)),
    );
    let samples = ffmpeg::sound(path)?;
    let window = ffmpeg::RATE / 500;
    let loud = samples.chunks(window).enumerate().map(|(index, samples)| {
        let time = (index * window) as f64 / ffmpeg::RATE as f64;
        (time, samples.iter().any(|sample| sample.abs() > 0.03))
    });
    let beeps = onsets(loud);
    ensure!(flashes.len() >= 4 && beeps.len() >= 4, "{flashes:?} {beeps:?}");
    let mut worst = 0.0_f64;
    for flash in &flashes[1..] {
        let apart = beeps
            .iter()
            .map(|beep| (beep - flash).abs())
            .fold(f64::MAX, f64::min);
        worst = worst.max(apart);
    }
    eprintln!(
        "{}: sound and pictures are {:.0} ms apart at most",
        path.display(),
        worst * 1e3
    );
    ensure!(worst <= TOGETHER, "{flashes:?} {beeps:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_and_pictures_are_together() -> Result<()> {
    let stage = Stage::new()?;
    for (name, out, encoder) in [
        (
            "flashes.webm",
            "seen.webm",
            &["-c:v", "libvpx", "-auto-alt-ref", "0", "-deadline", "realtime"][..],
        ),
        (
            "flashes.mp4",
            "seen.mkv",
            &["-c:v", "libx264", "-bf", "0", "-preset", "veryfast"],
        ),
    ] {
        let (file, out) = (stage.path(name), stage.path(out));
        flashes(&file, encoder)?;
        check_together(&file).context("the file that is shown")?;
        stage.record(&out, || stage.stream(&file, &[]).map(drop)).await?;
        ffmpeg::decodes(&out)?;
        check_together(&out)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_that_is_killed_can_be_played() -> Result<()> {
    let stage = Stage::new()?;
    let out = stage.path("seen.mkv");
    let state = stage.server.state_arguments();
    let [minstrel, scribe] = [0, 1].map(|bot| stage.server.world.bots[bot].name.clone());
    let name = out.display().to_string();
    let mut recorder = Cli::start(&["record", &name, "--video", "--as", &scribe, &state[0], &state[1]])?;
    recorder.wait_for_file(&out).await?;
    let file = pattern("pattern-vp8.webm").display().to_string();
    let mut player = Cli::start(&["stream", &file, "--loop", "--as", &minstrel, &state[0], &state[1]])?;
    let begin = std::time::Instant::now();
    while std::fs::metadata(&out)?.len() < 60_000 {
        ensure!(
            begin.elapsed() < voxhall_system::PATIENCE,
            "the recording does not grow"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    recorder.kill()?;
    player.terminate()?;
    let (succeeded, said) = player.end()?;
    ensure!(succeeded, "{said}");
    ffmpeg::decodes(&out)?;
    ensure!(pictures(&out)?.len() > 20);
    Ok(())
}

#[test]
fn refusals_are_sentences() -> Result<()> {
    for (arguments, hint) in [
        (vec!["stream", "Cargo.toml"], "ffmpeg -i IN"),
        (vec!["stream", "no-such-file.mp4"], "no-such-file.mp4"),
        (vec!["record", "x.mkv"], "--video"),
        (vec!["record", "x.mp4", "--video"], "x.mkv"),
        (vec!["record", "x.wav", "--video"], "NAME.mkv"),
    ] {
        let mut arguments = arguments;
        arguments.extend([
            "--api",
            "http://127.0.0.1:9/api",
            "--token",
            "t",
            "--guild",
            "1",
            "--channel",
            "2",
        ]);
        let ended = run(&arguments)?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        ensure!(
            !ended.status.success() && said.contains(hint),
            "{arguments:?}: {said}"
        );
    }
    Ok(())
}

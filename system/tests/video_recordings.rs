//! `voxhall stream` and `voxhall record --video`: what one shows, as camera or as Go Live stream, the other writes down,
//! picture for picture; FFmpeg decodes it, and sound and pictures are together.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use voxhall_system::video::{open, pattern, pictures};
use voxhall_system::{Cli, PATIENCE, Server, ffmpeg, run};

/// How far sound and pictures may be apart, in seconds.
const TOGETHER: f64 = 0.040;

/// Encodes VP8, without pictures that are not seen.
const VP8: &[&str] = &["-c:v", "libvpx", "-auto-alt-ref", "0", "-deadline", "realtime"];

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

    fn minstrel(&self) -> &str {
        &self.server.world.bots[0].name
    }

    /// Records into `out` while `show` goes on.
    async fn record(&self, out: &Path, show: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut recorder = self.recorder(out, &[]).await?;
        show()?;
        recorder.terminate()?;
        let (succeeded, said) = recorder.end()?;
        ensure!(succeeded, "{said}");
        Ok(())
    }

    /// Records the Go Live stream that `show` shows, to its end.
    async fn record_stream(&self, out: &Path, show: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        let mut recorder = self.recorder(out, &["--stream", self.minstrel()]).await?;
        show().await?;
        let (succeeded, said) = recorder.end()?;
        ensure!(succeeded && said.contains("The stream has ended."), "{said}");
        Ok(())
    }

    /// A recording into `out` that has begun.
    async fn recorder(&self, out: &Path, further: &[&str]) -> Result<Cli> {
        let state = self.server.state_arguments();
        let scribe = &self.server.world.bots[1].name;
        let name = out.display().to_string();
        let mut arguments = vec!["record", &name, "--video", "--as", scribe, &state[0], &state[1]];
        arguments.extend_from_slice(further);
        let mut recorder = Cli::start(&arguments)?;
        // It begins once it is connected.
        recorder.wait_for_file(out).await?;
        Ok(recorder)
    }

    /// Shows a file over and over.
    fn player(&self, file: &Path, further: &[&str]) -> Result<Cli> {
        let state = self.server.state_arguments();
        let file = file.display().to_string();
        let mut arguments = vec![
            "stream",
            &file,
            "--loop",
            "--as",
            self.minstrel(),
            &state[0],
            &state[1],
        ];
        arguments.extend_from_slice(further);
        Cli::start(&arguments)
    }

    fn stream(&self, file: &Path, further: &[&str]) -> Result<String> {
        let state = self.server.state_arguments();
        let file = file.display().to_string();
        let mut arguments = vec!["stream", &file, "--as", self.minstrel(), &state[0], &state[1]];
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

/// So many seconds of flashes and beeps of a fifth of a second, each second.
fn flashes(path: &Path, seconds: f64, encoder: &[&str]) -> Result<()> {
    let flashes =
        format!("color=c=black:s=160x120:r=25:d={seconds},drawbox=t=fill:c=white:enable='lt(mod(t,1),0.2)'");
    let beeps = format!(
        "sine=frequency=1000:sample_rate=48000:duration={seconds},volume='if(lt(mod(t,1),0.2),1,0)':eval=frame"
    );
    let mut arguments = vec![
        "-f", "lavfi", "-i", &flashes, "-f", "lavfi", "-i", &beeps, "-pix_fmt", "yuv420p", "-g", "25",
        "-c:a", "libopus",
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
        ("flashes.webm", "seen.webm", VP8),
        (
            "flashes.mp4",
            "seen.mkv",
            &["-c:v", "libx264", "-bf", "0", "-preset", "veryfast"],
        ),
    ] {
        let (file, out) = (stage.path(name), stage.path(out));
        flashes(&file, 4.5, encoder)?;
        check_together(&file).context("the file that is shown")?;
        stage.record(&out, || stage.stream(&file, &[]).map(drop)).await?;
        ffmpeg::decodes(&out)?;
        check_together(&out)?;
    }
    Ok(())
}

/// Waits until a recording has this many bytes.
async fn grows_to(path: &Path, bytes: u64) -> Result<()> {
    let begin = Instant::now();
    while std::fs::metadata(path)?.len() < bytes {
        ensure!(begin.elapsed() < PATIENCE, "the recording does not grow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Asks a command to end, which it does.
fn stop(command: &mut Cli) -> Result<()> {
    command.terminate()?;
    let (succeeded, said) = command.end()?;
    ensure!(succeeded, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_that_is_killed_can_be_played() -> Result<()> {
    let stage = Stage::new()?;
    let out = stage.path("seen.mkv");
    let mut recorder = stage.recorder(&out, &[]).await?;
    let mut player = stage.player(&pattern("pattern-vp8.webm"), &[])?;
    grows_to(&out, 60_000).await?;
    recorder.kill()?;
    stop(&mut player)?;
    ffmpeg::decodes(&out)?;
    ensure!(pictures(&out)?.len() > 20);
    Ok(())
}

/// Whether the picture of that number in a pattern is a keyframe.
const fn is_keyframe(number: usize) -> bool {
    number.is_multiple_of(6)
}

/// Checks that a recording has more than 20 pictures of a movie that is shown over and over, each after the one before
/// it, from a keyframe on.
fn check_goes_on(recorded: &Path, shown: &Path) -> Result<()> {
    let (found, movie) = (pictures(recorded)?, pictures(shown)?);
    let place = |found| movie.iter().position(|picture| picture == found);
    let places: Option<Vec<_>> = found.iter().map(place).collect();
    let places = places.context("a picture that nobody showed")?;
    ensure!(
        places.len() > 20 && is_keyframe(places[0]),
        "it begins with {places:?}"
    );
    // Who begins to show hears a moment later that somebody watches, and may leave out what is before the next keyframe.
    let begin = usize::from(is_keyframe(places[1]));
    let goes_on = places[begin..]
        .windows(2)
        .all(|pair| pair[1] == (pair[0] + 1) % movie.len());
    ensure!(goes_on, "{places:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_go_live_stream_is_recorded_until_it_ends() -> Result<()> {
    let stage = Stage::new()?;
    for (name, out) in [
        ("pattern-vp8.webm", "seen.webm"),
        ("pattern-h264.mp4", "seen.mkv"),
    ] {
        let (movie, out) = (pattern(name), stage.path(out));
        stage
            .record_stream(&out, async || {
                let mut player = stage.player(&movie, &["--go-live"])?;
                grows_to(&out, 60_000).await?;
                stop(&mut player)
            })
            .await?;
        ffmpeg::decodes(&out)?;
        check_goes_on(&out, &movie).with_context(|| name)?;
        // It is closed whole: its length was written last.
        let length = open(&out, false)?.info.duration.context("it tells no length")?;
        ensure!(length > Duration::from_secs(1), "{length:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_and_pictures_of_a_go_live_stream_are_together() -> Result<()> {
    let stage = Stage::new()?;
    let (file, out) = (stage.path("flashes.webm"), stage.path("seen.webm"));
    // Who watches comes when the stream is there, and misses its begin.
    flashes(&file, 6.5, VP8)?;
    stage
        .record_stream(&out, async || stage.stream(&file, &["--go-live"]).map(drop))
        .await?;
    ffmpeg::decodes(&out)?;
    check_together(&out)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gets_no_stream_is_told_why() -> Result<()> {
    let stage = Stage {
        server: Server::start_with(&["--stream-viewers", "1"])?,
        folder: tempfile::tempdir()?,
    };
    let out = stage.path("none.mkv");
    let (state, name) = (stage.server.state_arguments(), out.display().to_string());
    let (minstrel, person) = (stage.minstrel(), &stage.server.world.users[0].name);
    let refused = |by: &str, hint: &str| {
        let mut arguments = vec!["record", &name, "--video", "--stream", minstrel, "--as", by];
        arguments.extend(["--seconds", "1", &state[0], &state[1]]);
        let ended = run(&arguments)?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        ensure!(!ended.status.success() && said.contains(hint), "{by}: {said}");
        ensure!(!out.exists(), "{by}: a file without pictures is left");
        Ok(())
    };
    refused(person, "did not go live")?;
    refused(minstrel, "--as")?;
    let seen = stage.path("seen.mkv");
    let mut recorder = stage.recorder(&seen, &["--stream", minstrel]).await?;
    let mut player = stage.player(&pattern("pattern-vp8.webm"), &["--go-live"])?;
    grows_to(&seen, 10_000).await?;
    refused(person, "wait until somebody leaves")?;
    stop(&mut recorder)?;
    stop(&mut player)
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

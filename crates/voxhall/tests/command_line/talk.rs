//! Two people with two terminals: one plays, the other hears it.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use voxhall_media::ogg::{OggReader, OggWriter, OpusHead, OpusTags};
use voxhall_media::opus::EncoderConfig;
use voxhall_media::pcm::Samples;
use voxhall_media::signal::Tone;
use voxhall_media::signal::analysis::{rms_db, tone_level};
use voxhall_media::source::{AudioSource as _, PcmSource};
use voxhall_media::wav::WavReader;

use crate::program::{Running, run, serve, success, voxhall};

const TONE_HZ: f32 = 440.0;

/// A second of a tone as an Ogg Opus file.
fn tone_file(path: &Path) {
    let tone = Samples::new(Tone::new(TONE_HZ, 0.5).take(48_000));
    let mut source = PcmSource::new(tone, EncoderConfig::default()).unwrap();
    let file = BufWriter::new(File::create(path).unwrap());
    let mut writer = OggWriter::new(file, OpusHead::default(), &OpusTags::default(), 1).unwrap();
    while let Some(frame) = source.next_frame().unwrap() {
        writer.write_packet(frame.packet()).unwrap();
    }
    writer.finish().unwrap();
}

/// The packets of an Ogg Opus file, without silence of any duration, which recordings fill gaps with.
fn packets(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = OggReader::new(BufReader::new(File::open(path).unwrap())).unwrap();
    let mut packets = Vec::new();
    while let Some(frame) = reader.next_packet().unwrap() {
        if !matches!(frame.packet()[..], [_, 0xFF, 0xFE]) {
            packets.push(frame.packet().to_vec());
        }
    }
    packets
}

fn samples(path: &Path) -> Vec<f32> {
    let mut reader = WavReader::new(BufReader::new(File::open(path).unwrap())).unwrap();
    let mut samples = Vec::new();
    let mut block = [0.0; 4_096];
    loop {
        match reader.read(&mut block).unwrap() {
            0 => return samples,
            read => samples.extend_from_slice(&block[..read]),
        }
    }
}

#[test]
fn what_one_plays_another_records_packet_for_packet() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev"]);
    let (state, tone) = (folder.path().to_str().unwrap(), folder.path().join("tone.opus"));
    let heard = folder.path().join("heard.opus");
    tone_file(&tone);
    let mut recorder = Running::telling(voxhall(&["record", heard.to_str().unwrap(), "--state", state]));
    recorder.wait_for("Recording");
    success(&["play", tone.to_str().unwrap(), "--state", state]);
    recorder.signal("INT");
    let (status, said) = recorder.end();
    assert!(status.success(), "{said}");
    assert_eq!(packets(&heard), packets(&tone));
}

#[test]
fn a_recording_in_one_file_holds_everyone_and_is_whole_when_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev", "--demo"]);
    let (state, heard) = (folder.path().to_str().unwrap(), folder.path().join("heard.wav"));
    let music = ["--channel", "966416163309518878", "--state", state];
    let arguments = [&["record", heard.to_str().unwrap(), "--seconds", "2"][..], &music].concat();
    success(&arguments);
    let samples = samples(&heard);
    let seconds = samples.len() as f32 / 2.0 / 48_000.0;
    assert!((1.9..2.5).contains(&seconds), "{seconds} s");
    assert!(rms_db(&samples) > -50.0, "{} dB", rms_db(&samples));
}

#[test]
fn a_private_call_is_rung_answered_and_heard_until_the_caller_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev"]);
    let (state, tone) = (folder.path().to_str().unwrap(), folder.path().join("tone.opus"));
    let heard = folder.path().join("heard.wav");
    tone_file(&tone);
    let answer = [
        "call",
        "--answer",
        "--record",
        heard.to_str().unwrap(),
        "--state",
        state,
    ];
    let mut answering = Running::telling(voxhall(&answer));
    answering.wait_for("Waiting for a call");
    success(&[
        "call",
        "Exp",
        "--ring",
        "--play",
        tone.to_str().unwrap(),
        "--state",
        state,
    ]);
    let (status, said) = answering.end();
    assert!(
        status.success() && said.contains("The others have left."),
        "{said}"
    );
    let samples = samples(&heard);
    assert!(
        tone_level(&samples, TONE_HZ) > -30.0,
        "{} dB",
        tone_level(&samples, TONE_HZ)
    );
}

#[test]
fn who_speaks_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev"]);
    let (state, tone) = (folder.path().to_str().unwrap(), folder.path().join("tone.opus"));
    tone_file(&tone);
    let mut listener = Running::printing(voxhall(&["join", "--state", state]));
    listener.wait_for("In channel");
    success(&["play", tone.to_str().unwrap(), "--state", state]);
    listener.wait_for("minstrel speaks");
    listener.wait_for("minstrel is silent");
    listener.signal("INT");
    assert!(listener.end().0.success());
}

#[test]
fn a_file_that_breaks_off_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path(), &["--dev"]);
    let (state, tone) = (folder.path().to_str().unwrap(), folder.path().join("tone.opus"));
    tone_file(&tone);
    let whole = std::fs::read(&tone).unwrap();
    std::fs::write(&tone, &whole[..whole.len() / 2]).unwrap();
    let output = run(&["play", tone.to_str().unwrap(), "--state", state]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("tone.opus"), "{said}");
}

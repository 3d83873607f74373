//! WAV files: every format, our own, and damaged ones.

use std::io::Cursor;

use voxhall_media::Error;
use voxhall_media::signal::Tone;
use voxhall_media::wav::{SampleFormat, WavFault, WavReader, WavWriter};

/// A WAV file with these chunks.
fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for (id, content) in chunks {
        body.extend_from_slice(*id);
        body.extend_from_slice(&(content.len() as u32).to_le_bytes());
        body.extend_from_slice(content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [b"RIFF".to_vec(), (body.len() as u32).to_le_bytes().to_vec(), body].concat()
}

fn fmt(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let frame = channels * bits / 8;
    let mut chunk = Vec::new();
    chunk.extend_from_slice(&tag.to_le_bytes());
    chunk.extend_from_slice(&channels.to_le_bytes());
    chunk.extend_from_slice(&rate.to_le_bytes());
    chunk.extend_from_slice(&(rate.wrapping_mul(u32::from(frame))).to_le_bytes());
    chunk.extend_from_slice(&frame.to_le_bytes());
    chunk.extend_from_slice(&bits.to_le_bytes());
    chunk
}

fn read(file: &[u8]) -> Result<Vec<f32>, Error> {
    let mut reader = WavReader::new(file)?;
    let mut all = Vec::new();
    let mut block = [0.0; 300];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(all),
            read => all.extend_from_slice(&block[..read]),
        }
    }
}

fn fault(file: &[u8]) -> WavFault {
    match read(file) {
        Err(Error::Wav(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

fn tone(samples: usize) -> Vec<f32> {
    Tone::new(440.0, 0.5).take(samples).flatten().collect()
}

#[test]
fn what_is_written_is_read_back() {
    let pcm = tone(10_000);
    for float in [false, true] {
        let file = Cursor::new(Vec::new());
        let mut writer = if float {
            WavWriter::float(file)
        } else {
            WavWriter::pcm16(file)
        }
        .unwrap();
        for block in pcm.chunks(1_234) {
            writer.write(block).unwrap();
        }
        assert_eq!(writer.position(), 10_000);
        let file = writer.finish().unwrap().into_inner();
        let reader = WavReader::new(&file[..]).unwrap();
        assert_eq!((reader.sample_rate(), reader.channels()), (48_000, 2));
        let expected = if float {
            SampleFormat::Float32
        } else {
            SampleFormat::Pcm16
        };
        assert_eq!(reader.sample_format(), expected);
        let tolerance = if float { 0.0 } else { 1.0 / 65_000.0 };
        let read = read(&file).unwrap();
        assert_eq!(read.len(), pcm.len());
        assert!(read.iter().zip(&pcm).all(|(a, b)| (a - b).abs() <= tolerance));
    }
}

#[test]
fn every_sample_format_and_channel_count_is_read() {
    for (tag, bits) in [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32)] {
        for channels in 1..=8u16 {
            let frame = usize::from(channels * bits / 8);
            // Silence is 128 in 8 bits and zero in all others.
            let data = vec![if bits == 8 { 128 } else { 0 }; frame * 50];
            let file = riff(&[(b"fmt ", &fmt(tag, channels, 44_100, bits)), (b"data", &data)]);
            assert_eq!(read(&file).unwrap(), vec![0.0; 100], "{tag}/{bits}/{channels}");
        }
    }
}

#[test]
fn mono_goes_to_both_sides_and_surround_is_mixed_down() {
    let data: Vec<u8> = [16_384i16, -16_384]
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let mono = riff(&[(b"fmt ", &fmt(1, 1, 48_000, 16)), (b"data", &data)]);
    assert_eq!(read(&mono).unwrap(), [0.5, 0.5, -0.5, -0.5]);
    // Left only, then centre only, then low frequencies only, of six channels.
    let mut frames = [[0i16; 6]; 3];
    (frames[0][0], frames[1][2], frames[2][3]) = (i16::MAX, i16::MAX, i16::MAX);
    let data: Vec<u8> = frames
        .iter()
        .flatten()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let pcm = read(&riff(&[(b"fmt ", &fmt(1, 6, 48_000, 16)), (b"data", &data)])).unwrap();
    assert!(pcm[0] > 0.3 && pcm[1] == 0.0);
    assert!(pcm[2] > 0.2 && pcm[2] == pcm[3]);
    assert_eq!(pcm[4..], [0.0, 0.0]);
}

#[test]
fn other_chunks_are_skipped_also_odd_ones() {
    let file = riff(&[
        (b"LIST", b"odd"),
        (b"fmt ", &fmt(1, 1, 48_000, 8)),
        (b"fact", &[0; 4]),
        (b"data", &[128; 3]),
        (b"id3 ", &[7; 5]),
    ]);
    assert_eq!(read(&file).unwrap(), [0.0; 6]);
}

#[test]
fn a_killed_recording_is_readable() {
    // Lengths never filled in, as after the first seconds; then a length longer than the file.
    for length in [0, u32::MAX, 400] {
        let mut file = riff(&[(b"fmt ", &fmt(1, 2, 48_000, 16)), (b"data", &[1; 40])]);
        let at = file.len() - 44;
        file[at..at + 4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(read(&file).unwrap().len(), 20, "stated length {length}");
        file.pop();
        assert_eq!(read(&file).unwrap().len(), 18, "stated length {length}");
    }
    // Ours fills them in every five seconds; here the program dies in the sixth.
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::pcm16(&mut file).unwrap();
    for _ in 0..6 {
        writer.write(&tone(48_000)).unwrap();
    }
    drop(writer);
    let file = file.into_inner();
    let reader = WavReader::new(&file[..]).unwrap();
    assert!(reader.duration().unwrap().as_secs_f32() >= 5.0);
}

#[test]
fn each_fault_is_told() {
    let data: (&[u8; 4], &[u8]) = (b"data", &[0; 8]);
    let with = |chunk: &[u8]| fault(&riff(&[(b"fmt ", chunk), data]));
    assert_eq!(fault(b"RIFX\0\0\0\0WAVE"), WavFault::NotWav);
    assert_eq!(fault(b"RIFF\0\0\0\0AVI "), WavFault::NotWav);
    assert_eq!(fault(b""), WavFault::Truncated);
    assert_eq!(fault(&riff(&[data])), WavFault::BadHeader);
    assert_eq!(
        fault(&riff(&[(b"fmt ", &fmt(1, 2, 48_000, 16))])),
        WavFault::Truncated
    );
    assert_eq!(with(&[0; 14]), WavFault::BadHeader);
    assert_eq!(with(&vec![0; 2_000]), WavFault::BadHeader);
    assert_eq!(with(&fmt(0x55, 2, 48_000, 16)), WavFault::Coding);
    assert_eq!(with(&fmt(3, 2, 48_000, 64)), WavFault::Coding);
    assert_eq!(with(&fmt(1, 0, 48_000, 16)), WavFault::Channels);
    assert_eq!(with(&fmt(1, 9, 48_000, 16)), WavFault::Channels);
    assert_eq!(with(&fmt(1, 2, 7_999, 16)), WavFault::SampleRate);
    assert_eq!(with(&fmt(1, 2, 192_001, 16)), WavFault::SampleRate);
}

#[test]
fn a_header_cut_anywhere_is_an_error_and_no_panic() {
    let file = riff(&[
        (b"LIST", b"something"),
        (b"fmt ", &fmt(1, 2, 48_000, 16)),
        (b"data", &[0; 8]),
    ]);
    let header = file.len() - 8;
    for end in 0..header {
        assert!(matches!(fault(&file[..end]), WavFault::Truncated), "cut at {end}");
    }
}

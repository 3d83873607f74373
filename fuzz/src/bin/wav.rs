//! WAV files: reading ends, yields whole stereo frames, and what is written again reads back the same.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use voxhall_media::wav::{WavReader, WavWriter};

fn read_all(file: &[u8]) -> Option<Vec<f32>> {
    let mut reader = WavReader::new(file).ok()?;
    assert!(reader.sample_rate() > 0 && reader.channels() > 0);
    if let Some(duration) = reader.duration() {
        assert!(duration.as_secs_f64().is_finite());
    }
    let mut samples = Vec::new();
    let mut block = [0.0; 96];
    loop {
        let count = reader.read(&mut block).expect("memory has no errors");
        if count == 0 {
            return Some(samples);
        }
        assert_eq!(count % 2, 0, "whole stereo frames");
        samples.extend_from_slice(&block[..count]);
        assert!(samples.len() <= file.len() * 2, "a frame takes at least a byte");
    }
}

fuzz_target!(|input: &[u8]| {
    let Some(samples) = read_all(input) else { return };
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::float(&mut file).expect("memory takes everything");
    writer.write(&samples).expect("memory takes everything");
    writer.finish().expect("memory takes everything");
    let again = read_all(file.get_ref()).expect("the own file");
    let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&again), bits(&samples));
});

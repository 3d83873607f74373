//! Video payloads of each codec, cut from the input: no frame comes out that is not in normal form, and a frame that
//! comes out survives being cut and put together again.

#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use voxhall_media::assembly::{AssemblyConfig, FrameAssembler, VideoPacket};
use voxhall_media::payload::{
    Depacketizer, Packetizer, PayloadList, PictureIndices, place_in_frame, starts_keyframe,
};
use voxhall_media::video::VideoCodec;

fuzz_target!(|input: &[u8]| {
    let Some((&first, mut rest)) = input.split_first() else {
        return;
    };
    let codec = VideoCodec::ALL[usize::from(first) % VideoCodec::ALL.len()];
    let mut assembler = FrameAssembler::new(AssemblyConfig::default());
    let mut now = Instant::now();
    // A packet: a byte that moves the sequence number, one of flags, one of length, and the payload.
    let mut sequence = 0_u16;
    while let [step, flags, length, behind @ ..] = rest {
        let (payload, after) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = after;
        sequence = sequence.wrapping_add_signed(i16::from(step.cast_signed()));
        now += Duration::from_millis(u64::from(flags >> 2));
        let _ = place_in_frame(codec, payload);
        let _ = starts_keyframe(codec, payload);
        renumbers(codec, payload);
        let packet = VideoPacket {
            sequence,
            timestamp: u32::from(sequence / 4) * 3_000,
            marker: flags & 1 == 1,
            codec,
            payload: Bytes::copy_from_slice(payload),
        };
        assembler.push(now, packet);
        while let Some(frame) = assembler.poll(now) {
            assert_eq!(codec.normal_form(frame.data.clone()), frame.data, "a fixed point");
            survives(codec, &frame.data);
        }
    }
});

/// Other picture ids change nothing else, and read back.
fn renumbers(codec: VideoCodec, payload: &[u8]) {
    let Some(indices) = PictureIndices::parse(codec, payload) else {
        return;
    };
    let mut copy = payload.to_vec();
    let shifted = indices.shifted(0x5A5A, 0x5A);
    shifted.write(&mut copy);
    assert_eq!(PictureIndices::parse(codec, &copy), Some(shifted));
    indices.write(&mut copy);
    assert_eq!(copy, payload);
}

fn survives(codec: VideoCodec, frame: &[u8]) {
    let mut payloads = PayloadList::default();
    Packetizer::new(codec, 60, 7).packetize(frame, &mut payloads);
    let mut depacketizer = Depacketizer::new(codec);
    for payload in payloads.iter() {
        assert!(payload.len() <= 60);
        depacketizer.push(payload).expect("the own payload");
    }
    match depacketizer.finish() {
        Ok(again) => assert_eq!(again, frame),
        // Units too short to have a header are not sent.
        Err(_) => assert!(payloads.is_empty()),
    }
}

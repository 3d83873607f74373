//! Files of pictures in every format: reading ends, and what is written as IVF and Matroska reads back the same.

#![no_main]

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use voxhall_media::ivf::{IvfReader, IvfWriter};
use voxhall_media::matroska::{AudioTrack, MatroskaReader, MatroskaWriter, VideoTrack};
use voxhall_media::movie::{self, MovieOptions};
use voxhall_media::video::{EncodedFrame, PictureSize, VideoCodec, VideoSource};

/// More is read by nobody who only looks for crashes.
const MOST: usize = 200;

fuzz_target!(|input: &[u8]| {
    let file: Arc<[u8]> = input.into();
    let Ok(mut movie) = movie::open_with(
        move || Ok(Cursor::new(Arc::clone(&file))),
        MovieOptions::default(),
    ) else {
        return;
    };
    let mut frames = Vec::new();
    while frames.len() < MOST
        && let Ok(Some(frame)) = movie.pictures.next_frame()
    {
        frames.push(frame);
    }
    let codec = movie.info.codec;
    for frame in &frames {
        assert!(!frame.data.is_empty());
        assert_eq!(frame.keyframe, codec.is_keyframe(&frame.data));
        assert_eq!(codec.normal_form(frame.data.clone()), frame.data, "a fixed point");
    }
    if let Some(sound) = &mut movie.sound {
        for _ in 0..MOST {
            let Ok(Some(frame)) = sound.next_frame() else {
                break;
            };
            assert!((120..=5760).contains(&frame.samples()));
        }
    }
    as_ivf(codec, &frames);
    as_matroska(codec, &frames);
});

fn as_ivf(codec: VideoCodec, frames: &[EncodedFrame]) {
    let size = PictureSize { width: 1, height: 1 };
    let mut writer = IvfWriter::new(Vec::new(), codec, size).expect("memory takes everything");
    for frame in frames {
        writer.write_frame(frame).expect("memory takes everything");
    }
    let file = writer.finish().expect("memory takes everything");
    let mut reader = IvfReader::new(&file[..]).expect("the own file");
    for frame in frames {
        let read = reader
            .next_frame()
            .expect("the own file")
            .expect("as many pictures");
        assert_eq!(read.data, frame.data);
    }
}

fn as_matroska(codec: VideoCodec, frames: &[EncodedFrame]) {
    let Some(first) = frames.iter().find(|frame| frame.keyframe) else {
        return;
    };
    let Ok(track) = VideoTrack::beginning_with(codec, &first.data) else {
        return;
    };
    let file = Cursor::new(Vec::new());
    let mut writer =
        MatroskaWriter::new(file, Some(&track), Some(AudioTrack), "fuzz").expect("memory takes everything");
    for (frame, index) in frames.iter().zip(0..) {
        let time = Duration::from_millis(index * 33);
        writer.write_video(time, frame).expect("memory takes everything");
    }
    let file = writer.finish().expect("memory takes everything").into_inner();
    let mut reader = MatroskaReader::new(&file[..]).expect("the own file");
    for (frame, index) in frames.iter().zip(0..) {
        let read = reader
            .next_packet()
            .expect("the own file")
            .expect("as many pictures");
        assert_eq!((read.time, read.keyframe), (index * 33_000_000, frame.keyframe));
    }
    assert!(reader.next_packet().expect("the own file").is_none());
}

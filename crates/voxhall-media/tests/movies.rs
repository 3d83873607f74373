//! Files of pictures: every container gives the same pictures, and what is written reads back the same.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use voxhall_media::Error;
use voxhall_media::ivf::{IvfFault, IvfReader, IvfWriter};
use voxhall_media::matroska::{
    AudioTrack, MatroskaFault, MatroskaReader, MatroskaWriter, TrackKind, VideoTrack,
};
use voxhall_media::movie::{self, MovieFormat, MovieOptions, Survey};
use voxhall_media::mp4::{Mp4Fault, Mp4Reader};
use voxhall_media::source::AudioSource;
use voxhall_media::video::{EncodedFrame, PictureSize, VideoCodec, VideoSource};

const SIZE: PictureSize = PictureSize {
    width: 176,
    height: 144,
};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Raw video is timed by the options: the pattern has 15 pictures a second.
fn options() -> MovieOptions {
    let mut options = MovieOptions::default();
    options.frame_rate.pictures = 15;
    options
}

fn pictures(source: &mut dyn VideoSource) -> Vec<EncodedFrame> {
    std::iter::from_fn(|| source.next_frame().unwrap()).collect()
}

fn sound(source: &mut dyn AudioSource) -> Vec<Bytes> {
    std::iter::from_fn(|| source.next_frame().unwrap())
        .map(|frame| frame.into_packet())
        .collect()
}

/// The files of each codec: the first without sound, the others with it.
const FILES: [(VideoCodec, &[&str]); 5] = [
    (
        VideoCodec::H264,
        &[
            "pattern.h264",
            "pattern-h264.mkv",
            "pattern-h264.mp4",
            "pattern-h264-fragmented.mp4",
        ],
    ),
    (
        VideoCodec::H265,
        &["pattern.h265", "pattern-h265.mkv", "pattern-h265.mp4"],
    ),
    (VideoCodec::Vp8, &["pattern-vp8.ivf", "pattern-vp8.webm"]),
    (
        VideoCodec::Vp9,
        &["pattern-vp9.ivf", "pattern-vp9.webm", "pattern-vp9.mp4"],
    ),
    (
        VideoCodec::Av1,
        &["pattern-av1.ivf", "pattern-av1.webm", "pattern-av1.mp4"],
    ),
];

#[test]
fn every_container_has_the_same_pictures_at_the_same_times() {
    for (codec, files) in FILES {
        let mut expected: Option<Vec<EncodedFrame>> = None;
        for name in files {
            let mut movie = movie::open(data(name), options()).unwrap();
            assert_eq!(movie.info.codec, codec, "{name}");
            let frames = pictures(&mut *movie.pictures);
            assert_eq!(frames.len(), 12, "{name}");
            let keyframes: Vec<_> = frames.iter().map(|frame| frame.keyframe).collect();
            assert!(
                (0..12).all(|index| keyframes[index] == (index % 6 == 0)),
                "{name}: {keyframes:?}"
            );
            assert_eq!(codec.size(&frames[0].data), Some(SIZE), "{name}");
            // The encoder's delay of the sound stands before the first picture in some.
            let begin = frames[0].timestamp;
            assert!(begin <= 1_800, "{name} begins at {begin}");
            for (frame, index) in frames.iter().zip(0_u64..) {
                let due = begin + index * 6_000;
                // Matroska has milliseconds only; in fragments that delay lies between the first two.
                assert!(
                    frame.timestamp.abs_diff(due) <= 720,
                    "{name}: {} instead of {due}",
                    frame.timestamp
                );
            }
            let data: Vec<_> = frames.iter().map(|frame| &frame.data).collect();
            let expected = expected.get_or_insert_with(|| frames.clone());
            let same = expected.iter().map(|frame| &frame.data).eq(data);
            assert!(same, "{name} has other pictures than {}", files[0]);
        }
    }
}

#[test]
fn sound_comes_packet_by_packet() {
    let mut lengths = Vec::new();
    for name in FILES.iter().flat_map(|(_, files)| &files[1..]) {
        let mut movie = movie::open(data(name), options()).unwrap();
        let packets = sound(&mut **movie.sound.as_mut().unwrap());
        assert!(packets.len() >= 40, "{name}: {}", packets.len());
        lengths.push(packets.iter().map(Bytes::len).sum::<usize>());
        assert_eq!(movie.info.size, Some(SIZE), "{name}");
        let duration = movie.info.duration.unwrap_or(Duration::from_millis(800));
        assert!((600..900).contains(&duration.as_millis()), "{name}: {duration:?}");
    }
    assert!(lengths.iter().all(|&length| length > 2_000), "{lengths:?}");
}

#[test]
fn formats_are_told_by_their_begin() {
    for (name, format) in [
        ("pattern.h265", MovieFormat::AnnexB),
        ("pattern-vp8.ivf", MovieFormat::Ivf),
        ("pattern-vp8.webm", MovieFormat::Matroska),
        ("pattern-h264-fragmented.mp4", MovieFormat::Mp4),
    ] {
        let start = std::fs::read(data(name)).unwrap();
        assert_eq!(MovieFormat::sniff(&start[..64]).unwrap(), format, "{name}");
    }
    let error = movie::open(data("tone.opus"), options()).unwrap_err();
    assert!(error.to_string().contains("tone.opus: not MP4"), "{error}");
}

#[test]
fn the_begin_of_a_movie_tells_of_all_of_it() {
    for name in FILES.iter().flat_map(|(_, files)| *files) {
        let mut movie = movie::open(data(name), options()).unwrap();
        let survey = Survey::of(&mut *movie.pictures).unwrap();
        let rate = survey.frame_rate.unwrap();
        assert!((14.8..15.2).contains(&rate), "{name}: {rate}");
        assert_eq!((survey.size, survey.reordered), (Some(SIZE), false), "{name}");
        let distance = survey.keyframe_distance.as_millis();
        assert!((390..=410).contains(&distance), "{name}: {distance}");
        let bitrate = survey.bitrate.unwrap();
        assert!((20_000..90_000).contains(&bitrate), "{name}: {bitrate}");
    }
}

#[test]
fn what_is_written_as_ivf_reads_back_the_same() {
    for (codec, files) in FILES {
        let frames = pictures(&mut *movie::open(data(files[0]), options()).unwrap().pictures);
        let mut writer = IvfWriter::new(Vec::new(), codec, SIZE).unwrap();
        for frame in &frames {
            writer.write_frame(frame).unwrap();
        }
        let file = writer.finish().unwrap();
        let mut reader = IvfReader::new(&file[..]).unwrap();
        assert_eq!((reader.header().codec, reader.header().size), (codec, SIZE));
        assert_eq!(pictures(&mut reader), frames, "{codec}");
        for end in 0..file.len() {
            let cut = IvfReader::new(&file[..end]).map(|mut reader| drain(&mut reader));
            let whole = matches!(cut, Ok(Ok(_)));
            let named = matches!(
                cut,
                Err(Error::Ivf(IvfFault::NotIvf)) | Ok(Err(Error::Ivf(IvfFault::Truncated)))
            );
            assert!(whole || named, "{codec} cut at {end}");
        }
    }
}

fn drain(source: &mut dyn VideoSource) -> Result<usize, Error> {
    let mut count = 0;
    while source.next_frame()?.is_some() {
        count += 1;
    }
    assert!(source.next_frame().unwrap().is_none());
    Ok(count)
}

/// A Matroska file of the pictures of a file, and of the packets of `tone.opus`' length beside them.
fn matroska_of(codec: VideoCodec, frames: &[EncodedFrame], packets: &[Bytes]) -> Vec<u8> {
    let track = VideoTrack::beginning_with(codec, &frames[0].data).unwrap();
    assert_eq!(track.size(), SIZE);
    let file = Cursor::new(Vec::new());
    let mut writer = MatroskaWriter::new(file, Some(&track), Some(AudioTrack), "test").unwrap();
    let mut packets = packets.iter().zip(0..);
    for frame in frames {
        let time = Duration::from_secs(frame.timestamp) / 90_000;
        for (packet, index) in packets.by_ref().take(3) {
            writer
                .write_audio(Duration::from_millis(20) * index, packet)
                .unwrap();
        }
        writer.write_video(time, frame).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Two and a half seconds: the pictures over and over.
fn long(codec: VideoCodec) -> (Vec<EncodedFrame>, Vec<Bytes>) {
    let name = FILES.iter().find(|(found, _)| *found == codec).unwrap().1[1];
    let mut options = options();
    options.repeat = true;
    let mut movie = movie::open(data(name), options).unwrap();
    let frames = (0..36)
        .map(|_| movie.pictures.next_frame().unwrap().unwrap())
        .collect();
    let mut source = movie.sound.unwrap();
    let packets = (0..125)
        .map(|_| source.next_frame().unwrap().unwrap().into_packet())
        .collect();
    (frames, packets)
}

#[test]
fn what_is_written_as_matroska_reads_back_the_same() {
    for codec in VideoCodec::ALL {
        let (frames, packets) = long(codec);
        let file = matroska_of(codec, &frames, &packets);
        let mut reader = MatroskaReader::new(&file[..]).unwrap();
        assert_eq!(reader.tracks()[0].kind, TrackKind::Video(codec));
        assert_eq!(reader.tracks()[1].kind, TrackKind::Opus);
        let duration = reader.duration().unwrap().as_millis();
        assert!((2_300..2_600).contains(&duration), "{codec}: {duration}");
        let mut heard = Vec::new();
        while let Some(packet) = reader.next_packet().unwrap() {
            if packet.track == 2 {
                assert_eq!(packet.time, heard.len() as u64 * 20_000_000, "{codec}");
                heard.push(packet.data);
            }
        }
        assert_eq!(heard, packets[..108], "{codec}");

        let folder = std::env::temp_dir().join(format!("voxhall-media-{}-{codec}", std::process::id()));
        std::fs::write(&folder, &file).unwrap();
        let seen = pictures(&mut *movie::open(&folder, options()).unwrap().pictures);
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(seen.len(), frames.len());
        for (seen, frame) in seen.iter().zip(&frames) {
            assert_eq!(
                (&seen.data, seen.keyframe),
                (&frame.data, frame.keyframe),
                "{codec}"
            );
            assert!(seen.timestamp.abs_diff(frame.timestamp) <= 90, "{codec}");
        }
    }
}

#[test]
fn a_file_that_breaks_off_lacks_a_second_at_most() {
    let (frames, packets) = long(VideoCodec::Vp8);
    let track = VideoTrack::beginning_with(VideoCodec::Vp8, &frames[0].data).unwrap();
    let mut file = Vec::new();
    let mut writer = MatroskaWriter::new(&mut file, Some(&track), Some(AudioTrack), "test").unwrap();
    for (frame, index) in frames.iter().zip(0..) {
        let time = Duration::from_secs(frame.timestamp) / 90_000;
        writer.write_audio(time, &packets[index]).unwrap();
        writer.write_video(time, frame).unwrap();
    }
    // Neither finished nor flushed, as when the program is killed.
    drop(writer);
    let mut reader = MatroskaReader::new(&file[..]).unwrap();
    let mut last = 0;
    while let Some(packet) = reader.next_packet().unwrap() {
        last = packet.time;
    }
    let end = frames.last().unwrap().timestamp * 1_000 / 90;
    assert!(end - last / 1_000 <= 1_000_000, "{last} of {end}");
    // A cut in the middle of a cluster loses no more than that cluster.
    let mut reader = MatroskaReader::new(&file[..file.len() - 10]).unwrap();
    let mut count = 0;
    let error = loop {
        match reader.next_packet() {
            Ok(packet) => count += usize::from(packet.is_some()),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, Error::Matroska(MatroskaFault::Truncated)),
        "{error}"
    );
    assert!(count > 20 && reader.next_packet().unwrap().is_none());
}

#[test]
fn a_movie_begins_again_with_its_sound_beside_it() {
    let mut options = options();
    options.repeat = true;
    let mut movie = movie::open(data("pattern-vp9.webm"), options).unwrap();
    let period = movie.info.duration.unwrap();
    assert!((800..840).contains(&period.as_millis()), "{period:?}");
    let frames: Vec<_> = (0..48)
        .map(|_| movie.pictures.next_frame().unwrap().unwrap())
        .collect();
    for round in 1..4 {
        assert_eq!(frames[12 * round].data, frames[0].data);
        let ticks = frames[12 * round].timestamp - frames[0].timestamp;
        let start = Duration::from_micros(ticks * 100 / 9);
        assert!(
            start.abs_diff(period * round as u32) < Duration::from_millis(1),
            "{start:?}"
        );
    }
    let mut source = movie.sound.unwrap();
    let (mut position, mut starts, mut first) = (0, Vec::new(), None);
    while position < 3 * 48_000 {
        let frame = source.next_frame().unwrap().unwrap();
        let first = first.get_or_insert_with(|| frame.packet().clone());
        if frame.packet() == first {
            starts.push(position);
        }
        position += u64::from(frame.samples());
    }
    assert_eq!(starts.len(), 4, "{starts:?}");
    for (round, start) in starts.iter().enumerate() {
        let due = period.as_micros() as u64 * round as u64 * 48 / 1_000;
        assert!(
            start.abs_diff(due) <= 960,
            "round {round} begins at {start}, due at {due}"
        );
    }
}

#[test]
fn cut_and_damaged_files_say_what_is_wrong() {
    let fault = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = std::fs::read(data(name)).unwrap();
        change(&mut file);
        match Mp4Reader::new(Cursor::new(&file)).map(|reader| reader.tracks().len()) {
            Err(Error::Mp4(fault)) => fault,
            other => panic!("{name}: {other:?}"),
        }
    };
    let name = "pattern-h264.mp4";
    assert_eq!(fault(name, &|file| file.truncate(200)), Mp4Fault::NoMovie);
    assert_eq!(fault(name, &|file| file.clear()), Mp4Fault::NotMp4);
    assert_eq!(
        fault(name, &|file| file.truncate(file.len() - 10)),
        Mp4Fault::Truncated
    );
    let replace = |from: &'static [u8], to: &'static [u8]| {
        move |file: &mut Vec<u8>| {
            let at = file
                .windows(from.len())
                .position(|window| window == from)
                .unwrap();
            file[at..at + to.len()].copy_from_slice(to);
        }
    };
    assert_eq!(
        fault(name, &replace(b"avc1\0\0\0\0", b"encv")),
        Mp4Fault::Encrypted
    );
    assert_eq!(fault(name, &replace(b"avcC", b"free")), Mp4Fault::BadConfig);
    assert_eq!(fault(name, &replace(b"stsc", b"free")), Mp4Fault::BrokenTables);

    let webm = std::fs::read(data("pattern-vp8.webm")).unwrap();
    let open = |file: &[u8]| MatroskaReader::new(file).map(|reader| reader.tracks().len());
    assert!(matches!(
        open(&webm[..20]),
        Err(Error::Matroska(MatroskaFault::Truncated))
    ));
    assert!(matches!(
        open(b"not a file"),
        Err(Error::Matroska(MatroskaFault::NotMatroska))
    ));
    let mut other = webm.clone();
    replace(b"webm", b"wobm")(&mut other);
    assert!(matches!(
        open(&other),
        Err(Error::Matroska(MatroskaFault::NotMatroska))
    ));
}

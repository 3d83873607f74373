//! Ogg Opus files: real ones, our own, and damaged ones.

use std::io::Cursor;

use bytes::Bytes;
use voxhall_media::Error;
use voxhall_media::ogg::{OggCodec, OggFault, OggReader, OggWriter, OpusHead, OpusTags};
use voxhall_media::opus::{Channels, PacketInfo, SILENCE};
use voxhall_media::source::AudioFrame;

const TONE: &[u8] = include_bytes!("data/tone.opus");
const LONG_PACKETS: &[u8] = include_bytes!("data/long-packets.opus");
const VORBIS: &[u8] = include_bytes!("data/vorbis.ogg");

fn read(file: &[u8]) -> Result<Vec<AudioFrame>, Error> {
    let mut reader = OggReader::new(file)?;
    std::iter::from_fn(|| reader.next_packet().transpose()).collect()
}

fn write(packets: &[Bytes], tags: &OpusTags) -> Vec<u8> {
    let mut writer = OggWriter::new(Vec::new(), OpusHead::default(), tags, 42).unwrap();
    for packet in packets {
        writer.write_packet(packet).unwrap();
    }
    writer.finish().unwrap()
}

/// Packets of all sizes up to the largest frame, and of several durations.
fn packets() -> Vec<Bytes> {
    (0..200usize)
        .map(|index| {
            let toc = [0xFC, 0xF4, 0xEC, 0x18][index % 4];
            let body = std::iter::repeat_n(index as u8, index * 31 % 1_276);
            std::iter::once(toc).chain(body).collect()
        })
        .collect()
}

fn fault(file: &[u8]) -> OggFault {
    match read(file) {
        Err(Error::Ogg(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_of_another_encoder_is_read() {
    let mut reader = OggReader::new(TONE).unwrap();
    assert_eq!(reader.head().channels, Channels::Stereo);
    assert_eq!(reader.tags().value("title"), Some("Tone"));
    let frames = read(TONE).unwrap();
    assert!(frames.iter().all(|frame| frame.samples() == 960));
    while reader.next_packet().unwrap().is_some() {}
    // 0.7 s of 44.1 kHz, in samples of 48 kHz, behind the pre-skip.
    assert_eq!(reader.granule(), 33_600 + u64::from(reader.head().pre_skip));
    assert_eq!(frames.len() as u64, reader.granule().div_ceil(960));
}

#[test]
fn packets_of_60_ms_mono_are_read() {
    let reader = OggReader::new(LONG_PACKETS).unwrap();
    assert_eq!(reader.head().channels, Channels::Mono);
    assert_eq!(reader.head().input_sample_rate, 16_000);
    let durations: Vec<u32> = read(LONG_PACKETS)
        .unwrap()
        .iter()
        .map(AudioFrame::samples)
        .collect();
    // The encoder ends with a short one.
    assert_eq!(durations, [&[2_880; 10][..], &[960]].concat());
}

#[test]
fn what_is_written_is_read_back_packet_for_packet() {
    let written = packets();
    let file = write(&written, &OpusTags::default());
    let read: Vec<Bytes> = read(&file)
        .unwrap()
        .into_iter()
        .map(AudioFrame::into_packet)
        .collect();
    assert_eq!(read, written);
    let mut reader = OggReader::new(&file[..]).unwrap();
    while reader.next_packet().unwrap().is_some() {}
    let total: u64 = written
        .iter()
        .map(|packet| u64::from(PacketInfo::parse(packet).unwrap().samples()))
        .sum();
    assert_eq!(reader.granule(), total);
}

#[test]
fn comments_longer_than_a_page_survive() {
    let tags = OpusTags {
        vendor: "voxhall".into(),
        comments: vec![format!("NOTE={}", "x".repeat(200_000))],
    };
    let file = write(&[Bytes::from_static(&SILENCE)], &tags);
    assert_eq!(OggReader::new(&file[..]).unwrap().tags(), &tags);
    for length in (255 * 255 - 40)..(255 * 255 + 40) {
        let tags = OpusTags {
            vendor: "v".repeat(length),
            comments: Vec::new(),
        };
        let file = write(&[Bytes::from_static(&SILENCE)], &tags);
        assert_eq!(read(&file).unwrap().len(), 1, "{length}");
    }
}

#[test]
fn chained_files_follow_each_other() {
    let chain = [TONE, LONG_PACKETS, TONE].concat();
    let whole = read(TONE).unwrap().len() * 2 + read(LONG_PACKETS).unwrap().len();
    assert_eq!(read(&chain).unwrap().len(), whole);
}

#[test]
fn a_killed_recording_keeps_all_but_its_last_second() {
    let shared = Cursor::new(Vec::new());
    let mut writer = OggWriter::new(shared, OpusHead::default(), &OpusTags::default(), 1).unwrap();
    let mut written = 0;
    for seconds in 1..5 {
        for _ in 0..50 {
            writer.write_packet(&SILENCE).unwrap();
            written += 1;
        }
        // What another program would find in the file at this moment.
        writer.flush().unwrap();
        assert_eq!(writer.position(), seconds * 48_000);
    }
    let file = writer.finish().unwrap().into_inner();
    let end_mark = file.len() - 27;
    let without_end = read(&file[..end_mark]).unwrap();
    assert_eq!(without_end.len(), written);

    let unflushed = write(&vec![Bytes::from_static(&SILENCE); 500], &OpusTags::default());
    let last_page = unflushed.windows(4).rposition(|bytes| bytes == b"OggS").unwrap();
    assert!(read(&unflushed[..last_page]).unwrap().len() >= 450);
}

#[test]
fn silence_fills_pauses_to_two_and_a_half_milliseconds() {
    let mut writer = OggWriter::new(Vec::new(), OpusHead::default(), &OpusTags::default(), 1).unwrap();
    assert_eq!(writer.write_silence(48_000 + 1_000).unwrap(), 48_960);
    assert_eq!(writer.position(), 48_960);
    let frames = read(&writer.finish().unwrap()).unwrap();
    assert_eq!(frames.iter().map(AudioFrame::samples).sum::<u32>(), 48_960);
}

#[test]
fn other_formats_are_refused_by_name() {
    assert_eq!(fault(VORBIS), OggFault::OtherCodec(OggCodec::Vorbis));
    assert_eq!(fault(b"ID3\x04 and so on, as in an MP3 file"), OggFault::NotOgg);
    assert_eq!(fault(b""), OggFault::Truncated);
    assert!(Error::Ogg(fault(VORBIS)).to_string().contains("ffmpeg"));
}

#[test]
fn a_file_cut_anywhere_yields_its_beginning_and_says_so() {
    let whole = read(TONE).unwrap();
    for end in 0..TONE.len() {
        let mut frames = Vec::new();
        let outcome = OggReader::new(&TONE[..end]).and_then(|mut reader| {
            while let Some(frame) = reader.next_packet()? {
                frames.push(frame);
            }
            Ok(())
        });
        assert!(whole.starts_with(&frames), "cut at {end}");
        if let Err(error) = outcome {
            let fault = matches!(error, Error::Ogg(OggFault::Truncated | OggFault::NotOgg));
            assert!(fault, "cut at {end}: {error}");
        }
    }
}

#[test]
fn a_damaged_byte_is_noticed_by_the_checksum() {
    for at in 27..TONE.len() {
        let mut file = TONE.to_vec();
        file[at] ^= 0x10;
        assert!(read(&file).is_err(), "byte {at}");
    }
}

#[test]
fn an_error_ends_the_file() {
    let mut file = TONE.to_vec();
    let at = file.len() - 1;
    file[at] ^= 1;
    let mut reader = OggReader::new(&file[..]).unwrap();
    while let Ok(Some(_)) = reader.next_packet() {}
    assert!(reader.next_packet().unwrap().is_none());
}

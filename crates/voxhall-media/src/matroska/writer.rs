//! Writing Matroska and WebM packet by packet.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use super::ebml::{id, push, push_id, push_long_size, push_number, push_unknown_size};
use super::tracks::{AUDIO_TYPE, VIDEO_TYPE};
use super::{MatroskaFault, OPUS_ID, codec_id, is_webm};
use crate::ogg::OpusHead;
use crate::video::{
    Av1Config, AvcConfig, EncodedFrame, HevcConfig, PictureSize, VideoCodec, to_length_prefixed,
};
use crate::{Result, SAMPLE_RATE};

/// Nanoseconds of one unit of time: a millisecond, as WebM wants it.
const SCALE: u64 = 1_000_000;

/// A cluster is closed when it is this long, so that a file that breaks off lacks at most as much.
const CLUSTER_MS: u64 = 1_000;

/// A cluster is closed when it holds this much, so that memory stays bounded.
const CLUSTER_BYTES: usize = 8 << 20;

/// What a decoder should hear before the place that is sought (RFC 7845, section 4.6).
const SEEK_PRE_ROLL: u64 = 80_000_000;

const VIDEO_NUMBER: u8 = 1;
const AUDIO_NUMBER: u8 = 2;
const KEYFRAME: u8 = 0x80;

mod own_id {
    pub(super) const VOID: u32 = 0xEC;
    pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(super) const SEEK: u32 = 0x4DBB;
    pub(super) const SEEK_ID: u32 = 0x53AB;
    pub(super) const SEEK_POSITION: u32 = 0x53AC;
    pub(super) const CUES: u32 = 0x1C53_BB6B;
    pub(super) const CUE_POINT: u32 = 0xBB;
    pub(super) const CUE_TIME: u32 = 0xB3;
    pub(super) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(super) const CUE_TRACK: u32 = 0xF7;
    pub(super) const CUE_CLUSTER_POSITION: u32 = 0xF1;
}

/// Room that is kept for the index to the cues: a seek head of one entry.
const SEEK_HEAD_ROOM: usize = 32;

/// Bytes of the element that tells the duration.
const DURATION_LENGTH: usize = 11;

/// A track of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTrack {
    codec: VideoCodec,
    size: PictureSize,
    config: Option<Vec<u8>>,
}

impl VideoTrack {
    /// The track that begins with this keyframe, which says what has to be known in advance.
    ///
    /// # Errors
    /// [`MatroskaFault::BadConfig`] for a frame that is no keyframe, or lacks its parameter sets.
    pub fn beginning_with(codec: VideoCodec, keyframe: &[u8]) -> Result<Self, MatroskaFault> {
        let size = codec.size(keyframe).ok_or(MatroskaFault::BadConfig)?;
        let config = match codec {
            VideoCodec::H264 => Some(AvcConfig::record_of(keyframe).ok_or(MatroskaFault::BadConfig)?),
            VideoCodec::H265 => Some(HevcConfig::record_of(keyframe).ok_or(MatroskaFault::BadConfig)?),
            VideoCodec::Av1 => Some(Av1Config::record_of(keyframe).ok_or(MatroskaFault::BadConfig)?),
            VideoCodec::Vp8 | VideoCodec::Vp9 => None,
        };
        Ok(Self { codec, size, config })
    }

    /// How its pictures are encoded.
    #[must_use]
    pub const fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// How large its first picture is.
    #[must_use]
    pub const fn size(&self) -> PictureSize {
        self.size
    }

    fn entry(&self) -> Vec<u8> {
        let mut entry = track_entry(VIDEO_NUMBER, VIDEO_TYPE, codec_id(self.codec));
        if let Some(config) = &self.config {
            push(&mut entry, id::CODEC_PRIVATE, config);
        }
        let mut video = Vec::new();
        push_number(&mut video, id::PIXEL_WIDTH, u64::from(self.size.width));
        push_number(&mut video, id::PIXEL_HEIGHT, u64::from(self.size.height));
        push(&mut entry, id::VIDEO, &video);
        entry
    }
}

/// A track of Opus sound, as calls carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AudioTrack;

impl AudioTrack {
    fn entry(self) -> Vec<u8> {
        let mut entry = track_entry(AUDIO_NUMBER, AUDIO_TYPE, OPUS_ID);
        // A call is recorded from its middle: no encoder's delay is to be cut off, so that times stay what they are.
        let head = OpusHead {
            pre_skip: 0,
            ..OpusHead::default()
        };
        push(&mut entry, id::CODEC_PRIVATE, &head.to_packet());
        push_number(&mut entry, id::CODEC_DELAY, 0);
        push_number(&mut entry, id::SEEK_PRE_ROLL, SEEK_PRE_ROLL);
        let mut audio = Vec::new();
        push(
            &mut audio,
            id::SAMPLING_FREQUENCY,
            &f64::from(SAMPLE_RATE).to_be_bytes(),
        );
        push_number(&mut audio, id::CHANNELS, 2);
        push(&mut entry, id::AUDIO, &audio);
        entry
    }
}

fn track_entry(number: u8, track_type: u64, name: &str) -> Vec<u8> {
    let mut entry = Vec::new();
    push_number(&mut entry, id::TRACK_NUMBER, u64::from(number));
    push_number(&mut entry, id::TRACK_UID, u64::from(number));
    push_number(&mut entry, id::TRACK_TYPE, track_type);
    push_number(&mut entry, id::FLAG_LACING, 0);
    push(&mut entry, id::CODEC_ID, name.as_bytes());
    entry
}

/// Writes a file that can be played at any time, however the program ends.
///
/// A cluster goes out each second. Call [`MatroskaWriter::finish`] to write the last one, the duration and the places
/// to seek to; without it the file lacks these and plays all the same.
#[derive(Debug)]
pub struct MatroskaWriter<W> {
    writer: W,
    codec: Option<VideoCodec>,
    /// Bytes before the content of the segment, from which positions count.
    segment: u64,
    /// Where the duration goes in the end.
    duration_at: u64,
    written: u64,
    cluster: Vec<u8>,
    /// The time of the cluster being filled, in milliseconds.
    cluster_time: Option<u64>,
    /// Whether the cluster begins with a keyframe, so that it can be sought.
    seekable: bool,
    cues: Vec<(u64, u64)>,
    end: u64,
}

impl<W: Write> MatroskaWriter<W> {
    /// Begins a file by writing its headers. `program` is named as the one that wrote it.
    ///
    /// # Errors
    /// [`MatroskaFault::NoTracks`] without any track, or the writer's own error.
    pub fn new(
        mut writer: W,
        video: Option<&VideoTrack>,
        audio: Option<AudioTrack>,
        program: &str,
    ) -> Result<Self> {
        if video.is_none() && audio.is_none() {
            return Err(MatroskaFault::NoTracks.into());
        }
        let codec = video.map(VideoTrack::codec);
        let mut head = ebml_header(codec.is_none_or(is_webm));
        push_id(&mut head, id::SEGMENT);
        push_unknown_size(&mut head);
        let segment = head.len() as u64;
        head.extend(void(SEEK_HEAD_ROOM));
        let mut info = Vec::new();
        push_number(&mut info, id::TIMESTAMP_SCALE, SCALE);
        push(&mut info, id::MUXING_APP, program.as_bytes());
        push(&mut info, id::WRITING_APP, program.as_bytes());
        info.extend(void(DURATION_LENGTH));
        push(&mut head, id::INFO, &info);
        let duration_at = (head.len() - DURATION_LENGTH) as u64;
        let mut tracks = Vec::new();
        for entry in [video.map(VideoTrack::entry), audio.map(AudioTrack::entry)]
            .iter()
            .flatten()
        {
            push(&mut tracks, id::TRACK_ENTRY, entry);
        }
        push(&mut head, id::TRACKS, &tracks);
        writer.write_all(&head)?;
        writer.flush()?;
        Ok(Self {
            writer,
            codec,
            segment,
            duration_at,
            written: head.len() as u64,
            cluster: Vec::new(),
            cluster_time: None,
            seekable: false,
            cues: Vec::new(),
            end: 0,
        })
    }

    /// Appends a picture that is to be seen `time` after the begin of the file. Its own timestamp is not looked at.
    /// Pictures and sound should come about in the order of their times.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_video(&mut self, time: Duration, frame: &EncodedFrame) -> Result<()> {
        let data = match self.codec {
            Some(VideoCodec::H264 | VideoCodec::H265) => &to_length_prefixed(&frame.data)[..],
            _ => &frame.data,
        };
        self.block(VIDEO_NUMBER, time, frame.keyframe, data)
    }

    /// Appends an Opus packet that is to be heard `time` after the begin of the file.
    ///
    /// # Errors
    /// The writer's own.
    pub fn write_audio(&mut self, time: Duration, packet: &[u8]) -> Result<()> {
        self.block(AUDIO_NUMBER, time, true, packet)
    }

    /// Writes out what is held back, as is done each second anyway.
    ///
    /// # Errors
    /// The writer's own.
    pub fn flush(&mut self) -> Result<()> {
        self.end_cluster()?;
        Ok(self.writer.flush()?)
    }

    fn block(&mut self, track: u8, time: Duration, keyframe: bool, data: &[u8]) -> Result<()> {
        let time = milliseconds(time);
        let is_cut = track == VIDEO_NUMBER && keyframe;
        if is_cut || self.must_end_before(time) {
            self.end_cluster()?;
        }
        let start = *self.cluster_time.get_or_insert_with(|| {
            self.seekable = is_cut;
            time
        });
        self.end = self.end.max(time);
        // Within reach, or the cluster would have been ended.
        let offset = time.wrapping_sub(start) as i16;
        push_id(&mut self.cluster, id::SIMPLE_BLOCK);
        push_long_size(&mut self.cluster, data.len() as u64 + 4);
        self.cluster.push(0x80 | track);
        self.cluster.extend_from_slice(&offset.to_be_bytes());
        self.cluster.push(if keyframe { KEYFRAME } else { 0 });
        self.cluster.extend_from_slice(data);
        Ok(())
    }

    fn must_end_before(&self, time: u64) -> bool {
        let Some(start) = self.cluster_time else {
            return false;
        };
        let is_long = time >= start + CLUSTER_MS || self.cluster.len() >= CLUSTER_BYTES;
        let is_out_of_reach = start.abs_diff(time) > i16::MAX as u64;
        is_long || is_out_of_reach
    }

    fn end_cluster(&mut self) -> Result<()> {
        let Some(time) = self.cluster_time.take() else {
            return Ok(());
        };
        let mut content = Vec::with_capacity(self.cluster.len() + 16);
        push_number(&mut content, id::TIMESTAMP, time);
        content.append(&mut self.cluster);
        let mut cluster = Vec::with_capacity(content.len() + 12);
        push(&mut cluster, id::CLUSTER, &content);
        if self.seekable || self.codec.is_none() {
            self.cues.push((time, self.written - self.segment));
        }
        self.writer.write_all(&cluster)?;
        self.written += cluster.len() as u64;
        Ok(())
    }
}

impl<W: Write + Seek> MatroskaWriter<W> {
    /// Writes the rest: what is held back, the duration, and the places to seek to. Hands back the writer.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(mut self) -> Result<W> {
        self.end_cluster()?;
        let cues_at = self.written - self.segment;
        let cues = self.cues();
        self.writer.write_all(&cues)?;
        let end = self.written + cues.len() as u64;

        let mut size = Vec::new();
        push_long_size(&mut size, end - self.segment);
        self.write_at(self.segment - size.len() as u64, &size)?;
        if !cues.is_empty() {
            self.write_at(self.segment, &seek_head(cues_at))?;
        }
        let mut duration = Vec::new();
        push(&mut duration, id::DURATION, &(self.end as f64).to_be_bytes());
        debug_assert_eq!(duration.len(), DURATION_LENGTH);
        self.write_at(self.duration_at, &duration)?;
        self.writer.seek(SeekFrom::Start(end))?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn cues(&self) -> Vec<u8> {
        let mut points = Vec::new();
        let track = if self.codec.is_some() {
            VIDEO_NUMBER
        } else {
            AUDIO_NUMBER
        };
        for &(time, position) in &self.cues {
            let mut place = Vec::new();
            push_number(&mut place, own_id::CUE_TRACK, u64::from(track));
            push_number(&mut place, own_id::CUE_CLUSTER_POSITION, position);
            let mut point = Vec::new();
            push_number(&mut point, own_id::CUE_TIME, time);
            push(&mut point, own_id::CUE_TRACK_POSITIONS, &place);
            push(&mut points, own_id::CUE_POINT, &point);
        }
        let mut cues = Vec::new();
        if !points.is_empty() {
            push(&mut cues, own_id::CUES, &points);
        }
        cues
    }

    fn write_at(&mut self, position: u64, bytes: &[u8]) -> Result<()> {
        self.writer.seek(SeekFrom::Start(position))?;
        Ok(self.writer.write_all(bytes)?)
    }
}

fn ebml_header(webm: bool) -> Vec<u8> {
    let mut content = Vec::new();
    push_number(&mut content, id::EBML_VERSION, 1);
    push_number(&mut content, id::EBML_READ_VERSION, 1);
    push_number(&mut content, id::EBML_MAX_ID_LENGTH, 4);
    push_number(&mut content, id::EBML_MAX_SIZE_LENGTH, 8);
    push(
        &mut content,
        id::DOC_TYPE,
        if webm { b"webm" } else { b"matroska" },
    );
    push_number(&mut content, id::DOC_TYPE_VERSION, 4);
    push_number(&mut content, id::DOC_TYPE_READ_VERSION, 2);
    let mut header = Vec::new();
    push(&mut header, id::EBML, &content);
    header
}

/// An element of so many bytes, 2 to 128, that says nothing.
fn void(length: usize) -> Vec<u8> {
    let mut void = Vec::new();
    push(&mut void, own_id::VOID, &vec![0; length - 2]);
    void
}

/// Where the cues are, and nothing in what is left of the room.
fn seek_head(cues_at: u64) -> Vec<u8> {
    let mut seek = Vec::new();
    push(&mut seek, own_id::SEEK_ID, &own_id::CUES.to_be_bytes());
    push_number(&mut seek, own_id::SEEK_POSITION, cues_at);
    let mut entry = Vec::new();
    push(&mut entry, own_id::SEEK, &seek);
    let mut head = Vec::new();
    push(&mut head, own_id::SEEK_HEAD, &entry);
    let rest = SEEK_HEAD_ROOM - head.len();
    head.extend(void(rest));
    head
}

fn milliseconds(time: Duration) -> u64 {
    let rounded = (time.as_micros() + 500) / 1_000;
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_fits_into_its_room_wherever_the_cues_are() {
        for cues_at in [0, 255, 1 << 20, u64::MAX] {
            assert_eq!(seek_head(cues_at).len(), SEEK_HEAD_ROOM, "{cues_at}");
        }
    }

    #[test]
    fn times_are_rounded() {
        assert_eq!(milliseconds(Duration::from_micros(33_333)), 33);
        assert_eq!(milliseconds(Duration::from_micros(66_667)), 67);
    }
}

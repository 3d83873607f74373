//! One person's pictures and sound in a Matroska file.

use std::collections::VecDeque;
use std::io::{Seek, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::order::Ordered;
use super::{StreamClock, Timeline};
use crate::assembly::AssembledFrame;
use crate::matroska::{AudioTrack, MatroskaWriter, VideoTrack};
use crate::video::{EncodedFrame, PictureSize, VIDEO_CLOCK, VideoCodec};
use crate::{Result, SAMPLE_RATE, duration_of, samples_in};

/// How long pictures and sound are held back for the word of the sender on how they belong together. Browsers report on
/// their sound every five seconds on average, at random between half of that and half as much again.
const HOLD: Duration = Duration::from_secs(8);

/// Bytes that are held back at most.
const MAX_HELD: usize = 32 << 20;

/// How far reports may move sound from where it is by its arrival. What is farther off was reported before the sender
/// began to count anew.
const BELIEVED: Duration = Duration::from_secs(2);

/// Times in the file are told by the millisecond.
const LEAST_STEP: Duration = Duration::from_millis(1);

/// Writes one person's pictures and sound, untouched, side by side.
///
/// The file begins at the first keyframe. Pictures and sound are put at their places by what the sender's reports say
/// about their common clock (RFC 3550, section 6.4.1). Until both are reported on, some seconds are held back in memory;
/// without any report they are put as they arrive.
#[derive(Debug)]
pub struct MovieTrack<W: Write> {
    writer: MatroskaWriter<W>,
    codec: VideoCodec,
    size: PictureSize,
    pictures: Lane,
    sound: Lane,
    packets: Ordered,
    picture_clock: StreamClock,
    /// Where on the timeline the file begins.
    start: u64,
    held: VecDeque<Item>,
    held_bytes: usize,
    /// Until when all is held back; `None` if nothing is.
    hold_until: Option<Instant>,
}

/// What became of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is, or will be, in the file.
    Written,
    /// It is encoded in another way than those before it, so it belongs into another file.
    OtherCodec,
}

/// What is known of the times of one of the two streams.
#[derive(Debug, Clone, Copy)]
struct Lane {
    rate: u32,
    /// A timestamp, and the sender's clock at that instant; `None` while there is no report on the source.
    captured: Option<(u32, Duration)>,
    /// Whether something has come whose source was not reported on yet.
    unreported: bool,
    /// The timestamp placed last, and its place.
    placed: Option<(u32, u64)>,
}

/// Something to be written.
#[derive(Debug)]
enum Item {
    Picture {
        timestamp: u32,
        place: u64,
        frame: EncodedFrame,
    },
    Sound {
        timestamp: u32,
        place: u64,
        packet: Bytes,
    },
}

impl Lane {
    const fn new(rate: u32) -> Self {
        Self {
            rate,
            captured: None,
            unreported: false,
            placed: None,
        }
    }

    /// Something comes with this timestamp, and this time of the sender's clock if that is known. Whether that is
    /// unknown for the first time since it was known, which is worth waiting for a report.
    fn comes(&mut self, timestamp: u32, captured: Option<Duration>) -> bool {
        // Another source of the same person has a clock of its own, so nothing is kept.
        self.captured = captured.map(|at| (timestamp, at));
        !std::mem::replace(&mut self.unreported, captured.is_none()) && captured.is_none()
    }

    /// Nanoseconds of the sender's clock at a timestamp.
    fn captured_at(&self, timestamp: u32) -> Option<i128> {
        let (known, at) = self.captured?;
        let step = i128::from(timestamp.wrapping_sub(known).cast_signed());
        Some(at.as_nanos() as i128 + step * 1_000_000_000 / i128::from(self.rate))
    }

    /// The first place that comes behind what was placed.
    fn least(&self) -> u64 {
        self.placed.map_or(0, |(_, place)| place + samples_in(LEAST_STEP))
    }

    /// The place of a timestamp of the other lane, which was captured at `captured`, beside what was placed of this one.
    fn place_beside(&self, captured: i128) -> Option<u64> {
        let (timestamp, place) = self.placed?;
        let later = captured - self.captured_at(timestamp)?;
        let samples = i64::try_from(later * i128::from(SAMPLE_RATE) / 1_000_000_000).ok()?;
        place.checked_add_signed(samples)
    }
}

impl<W: Write + Seek> MovieTrack<W> {
    /// Begins a file with its first picture, a keyframe. `program` is named as the one that wrote it.
    ///
    /// # Errors
    /// [`Error::Matroska`](crate::Error::Matroska) if it is no keyframe or lacks its parameter sets, or the writer's
    /// own.
    pub fn new(
        writer: W,
        timeline: Timeline,
        first: &AssembledFrame,
        captured: Option<Duration>,
        program: &str,
    ) -> Result<Self> {
        let track = VideoTrack::beginning_with(first.codec, &first.data)?;
        let mut picture_clock = timeline.stream_at(VIDEO_CLOCK);
        let start = picture_clock.place(first.timestamp, first.arrived);
        let mut this = Self {
            writer: MatroskaWriter::new(writer, Some(&track), Some(AudioTrack), program)?,
            codec: first.codec,
            size: track.size(),
            pictures: Lane::new(VIDEO_CLOCK),
            sound: Lane::new(SAMPLE_RATE),
            packets: Ordered::new(timeline.stream()),
            picture_clock,
            start,
            held: VecDeque::new(),
            held_bytes: 0,
            hold_until: Some(first.arrived + HOLD),
        };
        this.push_picture(first, captured)?;
        Ok(this)
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

    /// Takes a picture. `captured` is the sender's clock when it was taken, if reports told.
    ///
    /// # Errors
    /// The writer's own.
    pub fn push_picture(&mut self, frame: &AssembledFrame, captured: Option<Duration>) -> Result<Taken> {
        if frame.codec != self.codec {
            return Ok(Taken::OtherCodec);
        }
        if self.pictures.comes(frame.timestamp, captured) {
            self.hold(frame.arrived);
        }
        let place = self.picture_clock.place(frame.timestamp, frame.arrived);
        let item = Item::Picture {
            timestamp: frame.timestamp,
            place,
            frame: EncodedFrame {
                data: frame.data.clone(),
                timestamp: 0,
                keyframe: frame.keyframe,
            },
        };
        self.take(item, frame.arrived)?;
        Ok(Taken::Written)
    }

    /// Takes an Opus packet. `captured` is the sender's clock when it was taken, if reports told.
    ///
    /// # Errors
    /// [`Error::Packet`](crate::Error::Packet) for bytes that are no Opus packet, which are left out, or the writer's
    /// own.
    pub fn push_sound(
        &mut self,
        sequence: u16,
        timestamp: u32,
        payload: Bytes,
        arrival: Instant,
        captured: Option<Duration>,
    ) -> Result<()> {
        if self.sound.comes(timestamp, captured) {
            self.hold(arrival);
        }
        let placed: Vec<_> = self
            .packets
            .push(sequence, timestamp, payload, arrival)?
            .collect();
        for placed in placed {
            let item = Item::Sound {
                timestamp: placed.timestamp,
                place: placed.position,
                packet: placed.frame.into_packet(),
            };
            self.take(item, arrival)?;
        }
        Ok(())
    }

    /// Writes out what is ready; to be called now and then.
    ///
    /// # Errors
    /// The writer's own.
    pub fn flush(&mut self, now: Instant) -> Result<()> {
        if self.hold_until.is_some_and(|until| until <= now) {
            self.release()?;
        }
        self.writer.flush()
    }

    /// Closes the file and hands back the writer.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(mut self) -> Result<W> {
        let rest: Vec<_> = self.packets.finish().collect();
        self.release()?;
        for placed in rest {
            self.write(Item::Sound {
                timestamp: placed.timestamp,
                place: placed.position,
                packet: placed.frame.into_packet(),
            })?;
        }
        self.writer.finish()
    }

    /// Holds back what comes from now on, until it is reported on.
    fn hold(&mut self, now: Instant) {
        self.hold_until = self.hold_until.max(Some(now + HOLD));
    }

    fn take(&mut self, item: Item, now: Instant) -> Result<()> {
        let Some(until) = self.hold_until else {
            return self.write(item);
        };
        self.held_bytes += item.bytes();
        self.held.push_back(item);
        let both_known = self.pictures.captured.is_some() && self.sound.captured.is_some();
        if both_known || now >= until || self.held_bytes > MAX_HELD {
            self.release()?;
        }
        Ok(())
    }

    /// Holds nothing back any more.
    fn release(&mut self) -> Result<()> {
        self.hold_until = None;
        self.held_bytes = 0;
        while let Some(item) = self.held.pop_front() {
            self.write(item)?;
        }
        Ok(())
    }

    fn write(&mut self, item: Item) -> Result<()> {
        // The pictures set the time, because the file begins with one; the sound is put beside them.
        match item {
            Item::Picture {
                timestamp,
                place,
                frame,
            } => {
                self.pictures.placed = Some((timestamp, place));
                self.writer
                    .write_video(self.time_of(place).unwrap_or_default(), &frame)
            }
            Item::Sound {
                timestamp,
                place,
                packet,
            } => {
                let captured = self.sound.captured_at(timestamp);
                let place = captured
                    .and_then(|captured| self.pictures.place_beside(captured))
                    .filter(|beside| beside.abs_diff(place) <= samples_in(BELIEVED))
                    .unwrap_or(place)
                    .max(self.sound.least());
                self.sound.placed = Some((timestamp, place));
                // What was said before the first picture is not in the file.
                match self.time_of(place) {
                    Some(time) => self.writer.write_audio(time, &packet),
                    None => Ok(()),
                }
            }
        }
    }

    fn time_of(&self, place: u64) -> Option<Duration> {
        place.checked_sub(self.start).map(duration_of)
    }
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Picture { frame, .. } => frame.data.len(),
            Self::Sound { packet, .. } => packet.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::matroska::MatroskaReader;
    use crate::opus::SILENCE;

    const KEYFRAME: &[u8] = &[0x50, 1, 0, 0x9D, 1, 0x2A, 64, 1, 64, 1, 7];

    fn picture(index: u32, arrived: Instant) -> AssembledFrame {
        AssembledFrame {
            codec: VideoCodec::Vp8,
            timestamp: 5_000 + index * 3_000,
            keyframe: true,
            data: Bytes::from_static(KEYFRAME),
            arrived,
        }
    }

    /// Records three seconds. Sound and pictures were captured together, but pictures arrive 150 ms later. The times
    /// of all packets, in milliseconds, by track.
    fn record(report_after: u32) -> (Vec<u64>, Vec<u64>) {
        let start = Instant::now();
        let captured = |index: u32, millis: u32| {
            (index * millis >= report_after)
                .then(|| Duration::from_secs(1_000) + Duration::from_millis(u64::from(index * millis)))
        };
        let at = |millis: u32| start + Duration::from_millis(u64::from(millis));
        let late = 150;
        let mut track = None;
        for millis in 0..3_000 {
            if millis % 20 == 0 {
                let index = millis / 20;
                if let Some(track) = &mut track {
                    let track: &mut MovieTrack<Cursor<Vec<u8>>> = track;
                    track
                        .push_sound(
                            index as u16,
                            index * 960,
                            SILENCE.to_vec().into(),
                            at(millis),
                            captured(index, 20),
                        )
                        .unwrap();
                }
            }
            if millis >= late && (millis - late) % 100 == 0 {
                let index = (millis - late) / 100 * 3;
                let frame = picture(index, at(millis));
                let captured = captured(index / 3, 100);
                match &mut track {
                    Some(track) => assert_eq!(track.push_picture(&frame, captured).unwrap(), Taken::Written),
                    None => {
                        let timeline = Timeline::starting_at(start);
                        let writer = Cursor::new(Vec::new());
                        track = Some(MovieTrack::new(writer, timeline, &frame, captured, "test").unwrap());
                    }
                }
            }
        }
        times(track.unwrap())
    }

    /// Closes a recording. The times of all packets, in milliseconds, by track.
    fn times(track: MovieTrack<Cursor<Vec<u8>>>) -> (Vec<u64>, Vec<u64>) {
        let file = track.finish().unwrap().into_inner();
        let mut reader = MatroskaReader::new(&file[..]).unwrap();
        let (mut pictures, mut sound) = (Vec::new(), Vec::new());
        while let Some(packet) = reader.next_packet().unwrap() {
            let times = if packet.track == 1 {
                &mut pictures
            } else {
                &mut sound
            };
            times.push(packet.time / 1_000_000);
        }
        (pictures, sound)
    }

    #[test]
    fn reports_put_sound_and_pictures_side_by_side() {
        for report_after in [0, 900, 2_500] {
            let (pictures, sound) = record(report_after);
            assert_eq!(pictures[..3], [0, 100, 200], "report after {report_after} ms");
            // Packet 8 was captured 160 ms after the first picture, and is the first that arrives after it.
            assert_eq!(sound[..3], [160, 180, 200], "report after {report_after} ms");
            assert_eq!((pictures.len(), sound.len()), (29, 142));
        }
    }

    #[test]
    fn without_reports_what_arrives_together_is_together() {
        let (pictures, sound) = record(u32::MAX);
        assert_eq!(pictures[..3], [0, 100, 200]);
        assert_eq!(sound[..3], [10, 30, 50]);
    }

    #[test]
    fn sound_that_is_counted_anew_goes_on_where_it_arrives() {
        let (start, wall) = (Instant::now(), Duration::from_secs(1_000));
        let anew = 2_000_000_000;
        // The new source has no report yet, or the report is still that on the old timestamps, ten hours ago.
        let stale = wall + Duration::from_secs(40_000);
        for captured_anew in [None, Some(stale)] {
            let first = picture(0, start);
            let timeline = Timeline::starting_at(start);
            let file = Cursor::new(Vec::new());
            let mut track = MovieTrack::new(file, timeline, &first, Some(wall), "test").unwrap();
            for index in 0..100_u16 {
                let passed = Duration::from_millis(20) * u32::from(index);
                let (origin, captured) = match index {
                    ..50 => (0, Some(wall + passed)),
                    _ => (anew, captured_anew.map(|at| at + passed)),
                };
                let timestamp = origin + u32::from(index) * 960;
                let packet = SILENCE.to_vec().into();
                track
                    .push_sound(index, timestamp, packet, start + passed, captured)
                    .unwrap();
            }
            let (_, sound) = times(track);
            assert_eq!(sound.len(), 100);
            for (time, index) in sound.iter().zip(0..) {
                assert_eq!(*time, index * 20, "{captured_anew:?}");
            }
        }
    }

    #[test]
    fn another_codec_belongs_into_another_file() {
        let now = Instant::now();
        let first = picture(0, now);
        let timeline = Timeline::starting_at(now);
        let mut track = MovieTrack::new(Cursor::new(Vec::new()), timeline, &first, None, "test").unwrap();
        let other = AssembledFrame {
            codec: VideoCodec::Vp9,
            ..first
        };
        assert_eq!(track.push_picture(&other, None).unwrap(), Taken::OtherCodec);
        assert!(MovieTrack::new(Cursor::new(Vec::new()), timeline, &other, None, "test").is_err());
    }
}

//! One track of a container, packet by packet, and its pictures.

use std::io::{Read, Seek};

use bytes::Bytes;

use super::FrameForm;
use crate::matroska::{MatroskaFault, MatroskaReader};
use crate::mp4::{Mp4Fault, Mp4Reader};
use crate::video::{EncodedFrame, VIDEO_CLOCK, VideoCodec, VideoSource, rescale};
use crate::{Error, Result};

/// A packet of a track.
#[derive(Debug)]
pub(super) struct TrackPacket {
    /// Nanoseconds from the begin of the file.
    pub(super) time: u64,
    pub(super) data: Bytes,
}

/// The packets of one track, in the order of decoding.
pub(super) trait Track: Send {
    fn next_packet(&mut self) -> Result<Option<TrackPacket>>;

    /// What a packet is that cannot be read.
    fn damage(&self) -> Error;
}

/// A track of a Matroska file.
pub(super) struct MatroskaTrackReader<R> {
    pub(super) reader: MatroskaReader<R>,
    pub(super) number: u64,
}

impl<R: Read + Send> Track for MatroskaTrackReader<R> {
    fn next_packet(&mut self) -> Result<Option<TrackPacket>> {
        while let Some(packet) = self.reader.next_packet()? {
            if packet.track == self.number {
                let (time, data) = (packet.time, packet.data);
                return Ok(Some(TrackPacket { time, data }));
            }
        }
        Ok(None)
    }

    fn damage(&self) -> Error {
        MatroskaFault::BadBlock.into()
    }
}

/// A track of an MP4 file.
pub(super) struct Mp4TrackReader<R> {
    pub(super) reader: Mp4Reader<R>,
    pub(super) id: u32,
    pub(super) next: usize,
}

impl<R: Read + Seek + Send> Track for Mp4TrackReader<R> {
    fn next_packet(&mut self) -> Result<Option<TrackPacket>> {
        let sample = self.reader.sample(self.id, self.next)?;
        self.next += 1;
        Ok(sample.map(|sample| TrackPacket {
            time: sample.time,
            data: sample.data,
        }))
    }

    fn damage(&self) -> Error {
        Mp4Fault::BrokenTables.into()
    }
}

/// The pictures of a track.
pub(super) struct Pictures<T> {
    pub(super) track: T,
    pub(super) form: FrameForm,
    pub(super) failed: bool,
}

impl<T: Track> Pictures<T> {
    fn read(&mut self) -> Result<Option<EncodedFrame>> {
        let Some(packet) = self.track.next_packet()? else {
            return Ok(None);
        };
        let data = self.form.frame(packet.data).ok_or_else(|| self.track.damage())?;
        let timestamp = rescale(packet.time, 1_000_000_000, u64::from(VIDEO_CLOCK));
        Ok(Some(EncodedFrame::new(self.form.codec(), data, timestamp)))
    }
}

impl<T: Track> VideoSource for Pictures<T> {
    fn codec(&self) -> VideoCodec {
        self.form.codec()
    }

    fn next_frame(&mut self) -> Result<Option<EncodedFrame>> {
        loop {
            if self.failed {
                return Ok(None);
            }
            let next = self.read();
            self.failed = next.is_err();
            match next {
                // Encoders that leave a picture out may write an empty one.
                Ok(Some(frame)) if frame.data.is_empty() => {}
                next => return next,
            }
        }
    }
}

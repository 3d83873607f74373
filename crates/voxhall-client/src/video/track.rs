//! What is shown: pictures that are read ahead from a source, or handed over one by one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use voxhall_media::payload::{Packetizer, PayloadList};
use voxhall_media::video::{EncodedFrame, VIDEO_CLOCK, VideoCodec, VideoSource};

use crate::Error;
use crate::track::{Reader, Space, TrackState, end_of};

/// How far a source is read ahead, in ticks of the video clock: half a second.
const READ_AHEAD: u64 = VIDEO_CLOCK as u64 / 2;

/// Most pictures that wait, whatever their times say.
const MAX_WAITING: usize = 256;

/// Bytes of a payload: with all headers, extensions and encryption an IP packet has no more than 1280.
const MAX_PAYLOAD: usize = 1180;

/// Steers the pictures of one track. Clones steer the same track; dropping them all does not stop it.
#[derive(Clone)]
pub struct VideoTrackHandle {
    pub(crate) track: Arc<VideoTrack>,
}

impl VideoTrackHandle {
    /// Ends the track for good.
    pub fn stop(&self) {
        self.track.end(TrackState::Stopped);
    }

    /// Where it stands now.
    #[must_use]
    pub fn state(&self) -> TrackState {
        self.track.state.borrow().clone()
    }

    /// Follows its state.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<TrackState> {
        self.track.state.subscribe()
    }

    /// Waits until the track is over and says how it ended.
    pub async fn finished(&self) -> TrackState {
        end_of(self.watch()).await
    }

    /// How far it is, by the time of the picture that was sent, or withheld, last.
    #[must_use]
    pub fn position(&self) -> Duration {
        Duration::from_micros(self.track.position.load(Ordering::Relaxed).saturating_mul(100) / 9)
    }

    /// How the pictures are encoded.
    #[must_use]
    pub fn codec(&self) -> VideoCodec {
        self.track.codec
    }
}

impl fmt::Debug for VideoTrackHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VideoTrackHandle")
            .field("codec", &self.track.codec)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Takes pictures from an encoder that runs elsewhere, and tells it what is wanted of it. Dropping it ends the track.
pub struct VideoInput {
    track: Arc<VideoTrack>,
    /// The time of the first picture that was given a time by its arrival.
    began: Instant,
}

impl VideoInput {
    pub(crate) fn new(track: Arc<VideoTrack>) -> Self {
        Self {
            track,
            began: Instant::now(),
        }
    }

    /// Shows a picture that was captured now.
    ///
    /// # Errors
    /// [`Error::VideoOver`] if the track was stopped or its connection ended.
    pub fn send(&mut self, data: Bytes) -> Result<(), Error> {
        let elapsed = self.began.elapsed().as_nanos() * u128::from(VIDEO_CLOCK) / 1_000_000_000;
        self.send_at(data, u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    /// Shows a picture that was captured at `timestamp`, in ticks of 1/90 000 s from any origin. The first picture's
    /// time is now.
    ///
    /// # Errors
    /// [`Error::VideoOver`] if the track was stopped or its connection ended.
    pub fn send_at(&mut self, data: Bytes, timestamp: u64) -> Result<(), Error> {
        let frame = EncodedFrame::new(self.track.codec, data, timestamp);
        if self.track.push(&frame) {
            (self.track.wake)(Wake::Frame);
            Ok(())
        } else {
            Err(Error::VideoOver)
        }
    }

    /// Waits until a keyframe is asked for: pictures can go out from now on, or again after the connection was lost,
    /// somebody begins to watch, or has lost something. The first picture is to be one in any case. Safe to cancel.
    pub async fn keyframe_wanted(&self) {
        self.track.keyframe_wanted.notified().await;
    }

    /// How many bits per second the pictures may take: what the way to the server is thought to carry.
    #[must_use]
    pub fn bandwidth(&self) -> u64 {
        self.track.bandwidth.load(Ordering::Relaxed)
    }

    /// Whether nobody wants the pictures just now, so that encoding them would be of no use.
    #[must_use]
    pub fn is_unwanted(&self) -> bool {
        self.track.asked.load(Ordering::Relaxed) == 0
    }

    /// How the pictures are to be encoded.
    #[must_use]
    pub fn codec(&self) -> VideoCodec {
        self.track.codec
    }
}

impl Drop for VideoInput {
    fn drop(&mut self) {
        self.track.reel.lock().ended.get_or_insert(TrackState::Finished);
        (self.track.wake)(Wake::Frame);
    }
}

impl fmt::Debug for VideoInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VideoInput")
            .field("codec", &self.track.codec)
            .finish_non_exhaustive()
    }
}

/// What the track wants to be looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// There are pictures to be sent.
    Frame,
    /// It is over.
    Over,
}

/// Where the sound that belongs to pictures is on the engine's clock.
///
/// The pacing thread writes it as it sends the sound, and reads it when it looks at the pictures: sound that is late
/// makes the pictures late with it.
#[derive(Debug)]
pub(crate) struct Companion(AtomicI64);

impl Companion {
    const UNKNOWN: i64 = i64::MIN;

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(Self::UNKNOWN)))
    }

    /// The sound whose place in its track is `position` begins at `clock`, both in samples.
    pub(crate) fn sounds(&self, position: u64, clock: u64) {
        self.0.store(
            clock.cast_signed().wrapping_sub(position.cast_signed()),
            Ordering::Relaxed,
        );
    }

    /// Samples from the begin of the engine's clock to that of the track; `None` before the first sound.
    pub(crate) fn offset(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|offset| *offset != Self::UNKNOWN)
    }
}

/// A source of pictures with those that are read ahead from it, cut into payloads.
pub(crate) struct VideoTrack {
    pub(crate) codec: VideoCodec,
    source: Reader<dyn VideoSource>,
    packetizer: Mutex<Packetizer>,
    reel: Mutex<Reel>,
    pub(crate) state: watch::Sender<TrackState>,
    /// Whether pictures are sent as soon as they are there, because they were captured just now.
    pub(crate) is_live: bool,
    pub(crate) companion: Option<Arc<Companion>>,
    /// Ticks of the picture that was looked at last.
    pub(crate) position: AtomicU64,
    keyframe_wanted: Notify,
    bandwidth: AtomicU64,
    asked: AtomicU64,
    wake: Box<dyn Fn(Wake) + Send + Sync>,
}

/// Pictures that wait, and how the source ended.
#[derive(Default)]
struct Reel {
    frames: VecDeque<ReadyFrame>,
    over: bool,
    ended: Option<TrackState>,
}

/// A picture cut into payloads.
#[derive(Debug, Clone)]
pub(crate) struct ReadyFrame {
    pub(crate) payloads: Arc<PayloadList>,
    /// Ticks since the begin of the source.
    pub(crate) timestamp: u64,
    pub(crate) keyframe: bool,
}

/// What the pacing thread finds.
pub(crate) enum NextFrame {
    /// The next picture has this time.
    At(u64),
    /// It is not read yet.
    NotReady,
    /// There is none any more; [`VideoTrack::finish`] ends the track.
    Ended,
    Over,
}

impl VideoTrack {
    /// Pictures of a source, which is read ahead.
    pub(crate) fn of_source(
        source: Box<dyn VideoSource>,
        companion: Option<Arc<Companion>>,
        first_picture: u16,
        wake: Box<dyn Fn(Wake) + Send + Sync>,
    ) -> Arc<Self> {
        let codec = source.codec();
        Self::new(codec, Some(source), companion, first_picture, wake)
    }

    /// Pictures that are handed over one by one.
    pub(crate) fn of_input(
        codec: VideoCodec,
        first_picture: u16,
        wake: Box<dyn Fn(Wake) + Send + Sync>,
    ) -> Arc<Self> {
        Self::new(codec, None, None, first_picture, wake)
    }

    fn new(
        codec: VideoCodec,
        source: Option<Box<dyn VideoSource>>,
        companion: Option<Arc<Companion>>,
        first_picture: u16,
        wake: Box<dyn Fn(Wake) + Send + Sync>,
    ) -> Arc<Self> {
        Arc::new(Self {
            codec,
            is_live: source.is_none(),
            source: Reader::new(source),
            packetizer: Mutex::new(Packetizer::new(codec, MAX_PAYLOAD, first_picture)),
            reel: Mutex::default(),
            state: watch::Sender::new(TrackState::Queued),
            companion,
            position: AtomicU64::new(0),
            keyframe_wanted: Notify::new(),
            bandwidth: AtomicU64::new(0),
            asked: AtomicU64::new(100),
            wake,
        })
    }

    /// Reads ahead until enough waits; `false` when there is nothing more to read, now or ever.
    pub(crate) fn feed(&self) -> bool {
        let was_empty = self.reel.lock().frames.is_empty();
        let space = || {
            let reel = self.reel.lock();
            match reel.is_full() {
                _ if reel.over => Space::None,
                true => Space::Full,
                false => Space::Free,
            }
        };
        let take = |frame: EncodedFrame| {
            // A track that is over has no space the next time.
            self.push(&frame);
        };
        let ended = |how| self.reel.lock().ended = Some(how);
        let goes_on = self.source.read(space, |open| open.next_frame(), take, ended);
        // The pacing thread sleeps while there is nothing to send.
        if was_empty {
            (self.wake)(Wake::Frame);
        }
        goes_on
    }

    /// Adds a picture; `false` if the track is over.
    fn push(&self, frame: &EncodedFrame) -> bool {
        let mut payloads = PayloadList::default();
        self.packetizer.lock().packetize(&frame.data, &mut payloads);
        let mut reel = self.reel.lock();
        if reel.over {
            return false;
        }
        if payloads.is_empty() {
            return true;
        }
        // Whoever hands over more than can be sent loses the oldest.
        if reel.frames.len() >= MAX_WAITING {
            reel.frames.pop_front();
        }
        reel.frames.push_back(ReadyFrame {
            payloads: Arc::new(payloads),
            timestamp: frame.timestamp,
            keyframe: frame.keyframe,
        });
        true
    }

    /// What comes next, without taking it.
    pub(crate) fn peek(&self) -> NextFrame {
        let reel = self.reel.lock();
        if reel.over {
            return NextFrame::Over;
        }
        if let Some(frame) = reel.frames.front() {
            return NextFrame::At(frame.timestamp);
        }
        if reel.ended.is_some() {
            NextFrame::Ended
        } else {
            NextFrame::NotReady
        }
    }

    /// Ends the track as its source has ended.
    pub(crate) fn finish(&self) {
        let ended = self.reel.lock().ended.clone();
        if let Some(ended) = ended {
            self.end(ended);
        }
    }

    /// Takes what [`Self::peek`] has seen.
    pub(crate) fn take(&self) -> Option<ReadyFrame> {
        let frame = self.reel.lock().frames.pop_front()?;
        self.position.store(frame.timestamp, Ordering::Relaxed);
        Some(frame)
    }

    /// The first picture goes out.
    pub(crate) fn begins(&self) {
        self.state.send_if_modified(|state| {
            let begins = *state == TrackState::Queued;
            if begins {
                *state = TrackState::Playing;
            }
            begins
        });
    }

    pub(crate) fn request_keyframe(&self) {
        self.keyframe_wanted.notify_one();
    }

    pub(crate) fn tell_bandwidth(&self, bits_per_second: u64) {
        self.bandwidth.store(bits_per_second, Ordering::Relaxed);
    }

    pub(crate) fn tell_asked(&self, quality: u8) {
        self.asked.store(u64::from(quality), Ordering::Relaxed);
    }

    /// Ends the track, unless it is over already, and lets go of its source.
    pub(crate) fn end(&self, how: TrackState) {
        {
            let mut reel = self.reel.lock();
            if std::mem::replace(&mut reel.over, true) {
                return;
            }
            reel.frames = VecDeque::new();
        }
        // Who sees that the state is final, sees that the track is over.
        self.state.send_replace(how);
        self.source.release();
        (self.wake)(Wake::Over);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.reel.lock().over
    }
}

impl Reel {
    fn is_full(&self) -> bool {
        let (Some(first), Some(last)) = (self.frames.front(), self.frames.back()) else {
            return false;
        };
        last.timestamp.saturating_sub(first.timestamp) >= READ_AHEAD || self.frames.len() >= MAX_WAITING
    }
}

impl fmt::Debug for VideoTrack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VideoTrack")
            .field("codec", &self.codec)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

//! Tracks in: what is being played, what comes next, and the handle that steers it.
//!
//! A track's source is read ahead by the media engine's feeding threads into a small buffer; the pacing thread only
//! takes frames out of it. Neither a task nor a channel is involved while a track plays.

mod player;
mod reader;
#[cfg(feature = "opus-codec")]
mod volume;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use voxhall_media::source::{AudioFrame, AudioSource};

use crate::video::track::Companion;

pub(crate) use player::{Player, Playhead, Taken};
pub(crate) use reader::{Reader, Space, end_of};
#[cfg(feature = "opus-codec")]
pub(crate) use volume::{Adjustable, Knob};

/// How far a source is read ahead, in samples per channel at 48 kHz: 300 ms. It bounds how late a change of volume is.
const READ_AHEAD: u64 = 48 * 300;

/// Where a track stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrackState {
    /// Waits for the track before it, or for the connection.
    Queued,
    /// Is being sent.
    Playing,
    /// Held; [`TrackHandle::resume`] goes on.
    Paused,
    /// Played to its end.
    Finished,
    /// Stopped, replaced, or its connection ended.
    Stopped,
    /// The source failed; the text says how.
    Failed(String),
}

impl TrackState {
    /// Whether the track is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Finished | Self::Stopped | Self::Failed(_))
    }
}

/// Steers one track. Clones steer the same track; dropping them all does not stop it.
#[derive(Clone)]
pub struct TrackHandle {
    pub(crate) track: Arc<Track>,
    #[cfg(feature = "opus-codec")]
    pub(crate) knob: Option<Knob>,
}

impl TrackHandle {
    pub(crate) fn new(track: Arc<Track>) -> Self {
        Self {
            track,
            #[cfg(feature = "opus-codec")]
            knob: None,
        }
    }

    /// Holds the track. Five silence frames end the talk spurt; the position is kept.
    pub fn pause(&self) {
        self.track.set_paused(true);
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.track.set_paused(false);
    }

    /// Ends the track for good.
    pub fn stop(&self) {
        self.track.end(TrackState::Stopped);
    }

    /// Plays it louder or softer from now on; what is read ahead, up to 300 ms, is not changed.
    ///
    /// # Errors
    /// [`crate::Error::FixedVolume`] if the track was not begun with `play_adjustable`.
    #[cfg(feature = "opus-codec")]
    pub fn set_volume(&self, volume: voxhall_media::pcm::Volume) -> Result<(), crate::Error> {
        let knob = self.knob.as_ref().ok_or(crate::Error::FixedVolume)?;
        *knob.lock() = volume;
        Ok(())
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

    /// How much of it was sent.
    #[must_use]
    pub fn position(&self) -> Duration {
        voxhall_media::duration_of(self.track.reel.lock().sent)
    }

    /// How often the source was not ready when its next frame was due.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.track.reel.lock().underruns
    }
}

impl fmt::Debug for TrackHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TrackHandle")
            .field("state", &self.state())
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Track")
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

/// A source with the frames read ahead from it.
pub(crate) struct Track {
    source: Reader<dyn AudioSource>,
    reel: Mutex<Reel>,
    /// For those who watch; the media threads look at the reel only, which is cheaper.
    state: watch::Sender<TrackState>,
    /// Told where the sound is, for the pictures that belong to it.
    companion: Option<Arc<Companion>>,
    /// Called when the pacing thread should look at this track again.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Frames read ahead, and all else that the pacing thread needs: one lock and few cache lines per frame.
#[derive(Default)]
struct Reel {
    frames: VecDeque<AudioFrame>,
    /// Samples in `frames`.
    samples: u64,
    /// Samples taken out so far.
    sent: u64,
    underruns: u64,
    /// Whether the state is known to be [`TrackState::Playing`].
    playing: bool,
    paused: bool,
    over: bool,
    /// How the source ended; takes effect after the last frame.
    ended: Option<TrackState>,
}

/// What the pacing thread finds when a frame is due.
pub(crate) enum Next {
    Frame(AudioFrame),
    /// Not read yet.
    NotReady,
    Paused,
    Over,
}

impl Track {
    pub(crate) fn new(
        source: Box<dyn AudioSource>,
        companion: Option<Arc<Companion>>,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        Arc::new(Self {
            source: Reader::new(Some(source)),
            reel: Mutex::default(),
            state: watch::Sender::new(TrackState::Queued),
            companion,
            wake,
        })
    }

    /// Reads ahead until the buffer is full; `false` when there is nothing more to read, now or ever.
    pub(crate) fn feed(&self) -> bool {
        let space = || {
            let reel = self.reel.lock();
            match reel.samples {
                _ if reel.over => Space::None,
                READ_AHEAD.. => Space::Full,
                _ => Space::Free,
            }
        };
        let take = |frame: AudioFrame| {
            let mut reel = self.reel.lock();
            reel.samples += u64::from(frame.samples());
            reel.frames.push_back(frame);
        };
        let ended = |how| self.reel.lock().ended = Some(how);
        self.source.read(space, |open| open.next_frame(), take, ended)
    }

    /// The frame that is due now; it will begin at `clock`, in samples.
    pub(crate) fn next(&self, clock: u64) -> Next {
        let mut reel = self.reel.lock();
        if reel.over {
            return Next::Over;
        }
        if reel.paused {
            reel.playing = false;
            drop(reel);
            self.enter(TrackState::Paused);
            return Next::Paused;
        }
        if let Some(frame) = reel.frames.pop_front() {
            let samples = u64::from(frame.samples());
            reel.samples -= samples;
            if let Some(companion) = &self.companion {
                companion.sounds(reel.sent, clock);
            }
            reel.sent += samples;
            let begins = !std::mem::replace(&mut reel.playing, true);
            drop(reel);
            if begins {
                self.enter(TrackState::Playing);
            }
            return Next::Frame(frame);
        }
        if let Some(ended) = reel.ended.clone() {
            drop(reel);
            self.end(ended);
            return Next::Over;
        }
        // Before the first frame the buffer is merely being filled.
        if reel.sent > 0 {
            reel.underruns += 1;
        }
        Next::NotReady
    }

    /// Ends the track, unless it is over already, and lets go of its source.
    pub(crate) fn end(&self, how: TrackState) {
        {
            let mut reel = self.reel.lock();
            if std::mem::replace(&mut reel.over, true) {
                return;
            }
            reel.frames = VecDeque::new();
            reel.samples = 0;
        }
        // Who sees that the state is final, sees that the track is over.
        self.state.send_replace(how);
        self.source.release();
        (self.wake)();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.reel.lock().over
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.reel.lock().paused
    }

    fn set_paused(&self, paused: bool) {
        let before = std::mem::replace(&mut self.reel.lock().paused, paused);
        if before != paused {
            (self.wake)();
        }
    }

    fn enter(&self, next: TrackState) {
        self.state.send_if_modified(|state| {
            let changes = !state.is_over() && *state != next;
            if changes {
                *state = next;
            }
            changes
        });
    }
}

//! What handles, tasks and threads share of one connection's video.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;
use voxhall_media::video::VideoCodec;

use super::track::VideoTrack;
use super::{Publication, VideoChange, VideoFrame, VideoStatistics};
use crate::engine::PacingLink;
use crate::subscription::{Audience, Publisher};
use crate::track::TrackState;

/// The video of one connection. Belongs to the connection; outlives its links.
#[derive(Debug)]
pub(crate) struct VideoShared {
    pub(crate) viewers: Viewers,
    pub(crate) counters: Arc<VideoCounters>,
    /// The codec in which all others can watch.
    pub(crate) send_codec: watch::Sender<Option<VideoCodec>>,
    shown: Mutex<Option<(Arc<VideoTrack>, Publication)>>,
    pacing: Mutex<Option<PacingLink>>,
    /// Whether our pictures are on their way, so that what the server says about them matters.
    showing: AtomicBool,
}

impl Default for VideoShared {
    fn default() -> Self {
        Self {
            viewers: Viewers::default(),
            counters: Arc::default(),
            send_codec: watch::Sender::new(None),
            shown: Mutex::new(None),
            pacing: Mutex::new(None),
            showing: AtomicBool::new(false),
        }
    }
}

impl VideoShared {
    /// What is shown, unless it is over.
    pub(crate) fn shown(&self) -> Option<(Arc<VideoTrack>, Publication)> {
        self.shown.lock().clone().filter(|(track, _)| !track.is_over())
    }

    /// Shows a track, or nothing; what was shown before is stopped.
    pub(crate) fn show(&self, track: Option<(Arc<VideoTrack>, Publication)>) {
        let old = std::mem::replace(&mut *self.shown.lock(), track);
        // Outside of the lock, because ending a track calls back.
        if let Some((old, _)) = old {
            old.end(TrackState::Stopped);
        }
    }

    /// The link on which media flow from now on.
    pub(crate) fn set_pacing(&self, pacing: Option<PacingLink>) {
        *self.pacing.lock() = pacing;
        self.showing.store(false, Ordering::Release);
    }

    /// Has the pacing thread look at the pictures.
    pub(crate) fn poke(&self) {
        let pacing = self.pacing.lock().clone();
        if let Some(pacing) = pacing {
            pacing.poke();
        }
    }

    pub(crate) fn set_showing(&self, showing: bool) {
        self.showing.store(showing, Ordering::Release);
    }

    pub(crate) fn is_showing(&self) -> bool {
        self.showing.load(Ordering::Acquire)
    }

    /// Ends everything: the connection is over.
    pub(crate) fn close(&self) {
        self.show(None);
        self.viewers.close();
    }
}

/// Who watches a connection. Belongs to the connection; outlives its links.
#[derive(Debug, Default)]
pub(crate) struct Viewers {
    /// How many there are, so that a packet nobody wants costs no lock.
    count: AtomicUsize,
    frames: Mutex<Audience<VideoFrame>>,
    changes: Mutex<Audience<VideoChange>>,
}

impl Viewers {
    pub(crate) fn watch(&self, publisher: Publisher<VideoFrame>) {
        let mut frames = self.frames.lock();
        frames.add(publisher);
        self.count.store(frames.len(), Ordering::Release);
    }

    pub(crate) fn listen_to_changes(&self, publisher: Publisher<VideoChange>) {
        self.changes.lock().add(publisher);
    }

    pub(crate) fn are_there(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Hands a picture to everybody, and forgets those who stopped watching.
    pub(crate) fn publish(&self, frame: &VideoFrame) {
        let mut frames = self.frames.lock();
        frames.publish(frame);
        self.count.store(frames.len(), Ordering::Release);
    }

    /// Forgets those who stopped watching.
    pub(crate) fn prune(&self) {
        let mut frames = self.frames.lock();
        frames.prune();
        self.count.store(frames.len(), Ordering::Release);
    }

    pub(crate) fn changed(&self, change: &VideoChange) {
        self.changes.lock().publish(change);
    }

    /// Ends all subscriptions: the connection is over.
    pub(crate) fn close(&self) {
        *self.frames.lock() = Audience::default();
        *self.changes.lock() = Audience::default();
        self.count.store(0, Ordering::Release);
    }
}

macro_rules! counters {
    ($($name:ident),+ $(,)?) => {
        /// The live numbers behind [`VideoStatistics`].
        #[derive(Debug, Default)]
        pub(crate) struct VideoCounters { $(pub(crate) $name: AtomicU64,)+ }

        impl VideoCounters {
            pub(crate) fn read(&self) -> VideoStatistics {
                VideoStatistics { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters!(
    frames_sent,
    frames_withheld,
    packets_sent,
    retransmitted,
    keyframes_asked,
    bandwidth,
    asked,
    frames_received,
    frames_lost,
    packets_asked,
    packets_repaired,
    keyframes_requested,
);

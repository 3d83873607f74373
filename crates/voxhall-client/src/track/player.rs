use std::collections::VecDeque;
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use parking_lot::Mutex;
use voxhall_media::source::AudioFrame;

use super::{Next, Track, TrackState};

/// The tracks of one connection: the first one plays, the others wait.
#[derive(Default)]
pub(crate) struct Player {
    tracks: Mutex<VecDeque<Arc<Track>>>,
}

impl fmt::Debug for Player {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Player")
            .field("tracks", &self.len())
            .finish()
    }
}

/// What the pacing thread takes for one tick.
#[derive(Debug)]
pub(crate) enum Taken {
    Frame(AudioFrame),
    /// The source is late; keep the rhythm and ask again at the next tick.
    NotReady,
    /// Nothing to send until the player is woken.
    Idle,
}

/// The pacing thread's place in a player. It holds on to the track that plays, because going through the player for
/// every frame would cost two more cache misses.
#[derive(Debug)]
pub(crate) struct Playhead {
    player: Arc<Player>,
    /// Whatever takes a track from the player ends it too, so this is right until it is over.
    track: Option<Arc<Track>>,
}

impl Playhead {
    pub(crate) const fn new(player: Arc<Player>) -> Self {
        Self { player, track: None }
    }

    /// The next frame, going on to the next track where one ends. It will begin at `clock`, in samples.
    pub(crate) fn take(&mut self, clock: u64) -> Taken {
        loop {
            if self.track.is_none() {
                self.track = self.player.current();
            }
            let Some(track) = &self.track else {
                return Taken::Idle;
            };
            match track.next(clock) {
                Next::Frame(frame) => return Taken::Frame(frame),
                Next::NotReady => return Taken::NotReady,
                Next::Paused => return Taken::Idle,
                Next::Over => self.track = None,
            }
        }
    }

    /// Has the memory that [`Self::take`] reads brought near. Reading it once for all connections of a slot lets the
    /// misses overlap, which the locks of [`Self::take`] do not.
    pub(crate) fn touch(&self) {
        if let Some(track) = &self.track {
            black_box(track.reel.is_locked());
        }
    }
}

impl Player {
    /// The track that plays, past those that are over.
    fn current(&self) -> Option<Arc<Track>> {
        let mut tracks = self.tracks.lock();
        drop_finished(&mut tracks);
        tracks.front().cloned()
    }

    /// Plays `track` at once; whatever played or waited is stopped.
    pub(crate) fn replace(&self, track: Arc<Track>) {
        let old = std::mem::replace(&mut *self.tracks.lock(), VecDeque::from([track]));
        stop_all(old);
    }

    /// Plays `track` after those that are there.
    pub(crate) fn append(&self, track: Arc<Track>) {
        self.tracks.lock().push_back(track);
    }

    /// Stops the track that plays; the next one begins.
    pub(crate) fn skip(&self) {
        let first = {
            let mut tracks = self.tracks.lock();
            // One that has just ended is not what plays, though nobody may have looked since.
            drop_finished(&mut tracks);
            tracks.pop_front()
        };
        stop_all(first);
    }

    /// Stops everything.
    pub(crate) fn clear(&self) {
        let old = std::mem::take(&mut *self.tracks.lock());
        stop_all(old);
    }

    /// Whether the first track would yield frames, now or soon.
    pub(crate) fn wants_to_send(&self) -> bool {
        let tracks = self.tracks.lock();
        tracks
            .iter()
            .find(|track| !track.is_over())
            .is_some_and(|track| !track.is_paused())
    }

    /// How many tracks play or wait.
    pub(crate) fn len(&self) -> usize {
        self.tracks.lock().iter().filter(|track| !track.is_over()).count()
    }
}

/// Takes out the tracks at the front that are over.
fn drop_finished(tracks: &mut VecDeque<Arc<Track>>) {
    while tracks.front().is_some_and(|track| track.is_over()) {
        tracks.pop_front();
    }
}

/// Ends tracks outside of the player's lock, because ending one calls back.
fn stop_all(tracks: impl IntoIterator<Item = Arc<Track>>) {
    for track in tracks {
        track.end(TrackState::Stopped);
    }
}

#[cfg(test)]
mod tests {
    use voxhall_media::opus::SILENCE;
    use voxhall_media::source::AudioSource;

    use super::*;
    use crate::track::TrackHandle;

    /// Yields `left` frames, then ends or fails.
    struct Frames {
        left: u32,
        fails: bool,
    }

    impl AudioSource for Frames {
        fn next_frame(&mut self) -> voxhall_media::Result<Option<AudioFrame>> {
            if self.left == 0 && self.fails {
                return Err(voxhall_media::Error::UnknownFormat);
            }
            if self.left == 0 {
                return Ok(None);
            }
            self.left -= 1;
            Ok(Some(AudioFrame::new(SILENCE.as_slice().into())?))
        }
    }

    fn track(left: u32, fails: bool) -> (Arc<Track>, TrackHandle) {
        let track = Track::new(Box::new(Frames { left, fails }), None, Box::new(|| {}));
        let handle = TrackHandle::new(Arc::clone(&track));
        (track, handle)
    }

    #[test]
    fn tracks_follow_each_other_without_a_gap() {
        let player = Arc::new(Player::default());
        let mut playhead = Playhead::new(Arc::clone(&player));
        let (first, first_handle) = track(2, false);
        let (second, second_handle) = track(1, false);
        assert!(
            !first.feed() && !second.feed(),
            "short sources are read to their end"
        );
        player.append(first);
        player.append(second);
        for _ in 0..3 {
            assert!(matches!(playhead.take(0), Taken::Frame(_)));
        }
        assert_eq!(first_handle.state(), TrackState::Finished);
        assert_eq!(first_handle.position().as_millis(), 40);
        assert_eq!(second_handle.state(), TrackState::Playing);
        assert!(matches!(playhead.take(0), Taken::Idle));
        assert_eq!(second_handle.state(), TrackState::Finished);
    }

    #[test]
    fn reading_ahead_is_bounded() {
        let (long, handle) = track(1_000_000, false);
        assert!(long.feed());
        assert_eq!(long.reel.lock().frames.len(), 15);
        handle.stop();
        assert!(!long.feed(), "a stopped track reads no more");
        assert_eq!(long.reel.lock().frames.len(), 0);
    }

    #[test]
    fn a_paused_track_keeps_its_place() {
        let player = Arc::new(Player::default());
        let mut playhead = Playhead::new(Arc::clone(&player));
        let (paused, handle) = track(3, false);
        paused.feed();
        player.replace(paused);
        assert!(matches!(playhead.take(0), Taken::Frame(_)));
        handle.pause();
        assert!(matches!(playhead.take(0), Taken::Idle));
        assert_eq!(handle.state(), TrackState::Paused);
        handle.resume();
        assert!(matches!(playhead.take(0), Taken::Frame(_)));
        assert_eq!(handle.position().as_millis(), 40);
    }

    #[test]
    fn a_source_that_fails_says_so_after_its_last_frame() {
        let player = Arc::new(Player::default());
        let mut playhead = Playhead::new(Arc::clone(&player));
        let (failing, handle) = track(1, true);
        failing.feed();
        player.append(failing);
        assert!(matches!(playhead.take(0), Taken::Frame(_)));
        assert!(matches!(playhead.take(0), Taken::Idle));
        assert!(matches!(handle.state(), TrackState::Failed(_)));
    }

    #[test]
    fn replacing_stops_what_was_there() {
        let player = Arc::new(Player::default());
        let mut playhead = Playhead::new(Arc::clone(&player));
        let (old, old_handle) = track(9, false);
        let (new, new_handle) = track(9, false);
        player.append(old);
        player.replace(new);
        assert_eq!(old_handle.state(), TrackState::Stopped);
        assert_eq!(player.len(), 1);
        assert!(matches!(playhead.take(0), Taken::NotReady), "nothing is read yet");
        assert_eq!(new_handle.underruns(), 0, "filling at the start is no underrun");
        player.skip();
        assert_eq!(new_handle.state(), TrackState::Stopped);
        assert_eq!(player.len(), 0);
    }

    #[test]
    fn skipping_spares_the_track_after_one_that_has_just_ended() {
        let player = Arc::new(Player::default());
        let mut playhead = Playhead::new(Arc::clone(&player));
        let (ended, ended_handle) = track(9, false);
        let (second, second_handle) = track(9, false);
        let (third, third_handle) = track(9, false);
        for track in [ended, second, third] {
            track.feed();
            player.append(track);
        }
        ended_handle.stop();
        player.skip();
        assert_eq!(second_handle.state(), TrackState::Stopped);
        assert!(matches!(playhead.take(0), Taken::Frame(_)));
        assert_eq!(third_handle.state(), TrackState::Playing);
    }
}

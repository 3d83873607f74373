//! Reading a track's source ahead, whether it is of sound or of pictures.

use parking_lot::Mutex;
use tokio::sync::watch;

use super::TrackState;

/// A source that is read ahead, on a feeding thread, until it has ended.
pub(crate) struct Reader<S: ?Sized>(Mutex<Option<Box<S>>>);

/// Whether what is read has a place to go.
pub(crate) enum Space {
    /// There is some.
    Free,
    /// Later.
    Full,
    /// The track is over, and nothing is wanted any more.
    None,
}

impl<S: ?Sized> Reader<S> {
    /// `None` for a track that is handed what it sends.
    pub(crate) fn new(source: Option<Box<S>>) -> Self {
        Self(Mutex::new(source))
    }

    /// Reads and takes until there is no space; `false` when there is nothing more to read, now or ever. How the source
    /// ended is told to `ended`.
    pub(crate) fn read<F>(
        &self,
        space: impl Fn() -> Space,
        next: impl Fn(&mut S) -> voxhall_media::Result<Option<F>>,
        take: impl Fn(F),
        ended: impl Fn(TrackState),
    ) -> bool {
        let mut source = self.0.lock();
        while let Some(open) = source.as_mut() {
            match space() {
                Space::Free => {}
                Space::Full => return true,
                Space::None => {
                    *source = None;
                    break;
                }
            }
            match next(open) {
                Ok(Some(frame)) => {
                    take(frame);
                    continue;
                }
                Ok(None) => ended(TrackState::Finished),
                Err(error) => ended(TrackState::Failed(error.to_string())),
            }
            *source = None;
        }
        false
    }

    /// Lets go of the source of a track that is over. A feeding thread may be reading just now; it lets go of it itself
    /// when it sees the end.
    pub(crate) fn release(&self) {
        if let Some(mut source) = self.0.try_lock() {
            *source = None;
        }
    }
}

/// Waits until a track is over and says how it ended.
pub(crate) async fn end_of(mut states: watch::Receiver<TrackState>) -> TrackState {
    let ended = states.wait_for(TrackState::is_over).await;
    // The sender lives in the track, which the handle of whoever waits holds.
    ended.map_or(TrackState::Stopped, |state| state.clone())
}

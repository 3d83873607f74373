//! The video half of a connection's handle.

use std::sync::Arc;

use rand::Rng;
use tokio::sync::watch;
use voxhall_media::movie::Movie;
use voxhall_media::source::AudioSource;
use voxhall_media::video::{VideoCodec, VideoSource};
use voxhall_protocol::ids::UserId;

use super::{Command, VoiceConnection};
use crate::Error;
use crate::subscription::{Subscription, channel};
use crate::track::TrackHandle;
use crate::video::track::{Companion, VideoTrack, Wake};
use crate::video::{
    Publication, VideoChange, VideoFrame, VideoInput, VideoLayer, VideoStatistics, VideoTrackHandle,
    VideoWants,
};

/// A movie that is shown: its pictures, and its sound if it has any.
#[derive(Debug, Clone)]
pub struct MovieHandle {
    /// Steers the pictures.
    pub pictures: VideoTrackHandle,
    /// Steers the sound.
    pub sound: Option<TrackHandle>,
}

impl MovieHandle {
    /// Ends both.
    pub fn stop(&self) {
        self.pictures.stop();
        if let Some(sound) = &self.sound {
            sound.stop();
        }
    }
}

impl VoiceConnection {
    /// Shows pictures now; whatever was shown is stopped. They begin once the connection is there.
    ///
    /// The source is read on a thread of the media engine, half a second ahead. Its pictures are sent at their own
    /// times; those that nobody wants, or for which there is no bandwidth, are left out up to the next keyframe. A source
    /// cannot make a keyframe when one is asked for, so it should have one every few seconds.
    ///
    /// # Errors
    /// [`Error::ShowsNothing`] if the connection was not made to show anything.
    pub fn show(
        &self,
        source: impl VideoSource + 'static,
        publication: Publication,
    ) -> Result<VideoTrackHandle, Error> {
        self.show_with(Box::new(source), publication, None)
    }

    /// Shows a movie and plays its sound, together; whatever was shown and played is stopped.
    ///
    /// # Errors
    /// As [`show`](Self::show).
    pub fn show_movie(&self, movie: Movie, publication: Publication) -> Result<MovieHandle, Error> {
        let companion = movie.sound.as_ref().map(|_| Companion::new());
        let pictures = self.show_with(movie.pictures, publication, companion.clone())?;
        let sound = movie.sound.map(|sound| self.play_beside(sound, companion));
        Ok(MovieHandle { pictures, sound })
    }

    /// Shows the pictures of an encoder that runs elsewhere; whatever was shown is stopped.
    ///
    /// # Errors
    /// As [`show`](Self::show).
    pub fn show_live(&self, publication: Publication) -> Result<(VideoInput, VideoTrackHandle), Error> {
        self.check_shows()?;
        let track = VideoTrack::of_input(publication.codec, rand::rng().random(), self.video_wake());
        let handle = self.shown(Arc::clone(&track), publication);
        Ok((VideoInput::new(track), handle))
    }

    /// Shows nothing any more.
    pub fn hide(&self) {
        self.shared.link.video.show(None);
    }

    /// The pictures of others, each as soon as it is whole, for as long as the subscription is held. `capacity`
    /// pictures may wait to be taken. What of others is sent at all is up to [`want_video`](Self::want_video).
    #[must_use]
    pub fn watch_video(&self, capacity: usize) -> Subscription<VideoFrame> {
        let (publisher, subscription) = channel(capacity);
        self.shared.link.video.viewers.watch(publisher);
        self.shared.config.engine.listeners_changed();
        subscription
    }

    /// Asks the server for these pictures of others, and for no others. Before it is asked, nobody's are wanted.
    pub fn want_video(&self, wants: VideoWants) {
        self.command(Command::Want(wants));
    }

    /// Who begins, changes and stops to show pictures.
    #[must_use]
    pub fn video_changes(&self, capacity: usize) -> Subscription<VideoChange> {
        let (publisher, subscription) = channel(capacity);
        self.shared.link.video.viewers.listen_to_changes(publisher);
        subscription
    }

    /// What others show now.
    #[must_use]
    pub fn videos(&self) -> Vec<(UserId, Vec<VideoLayer>)> {
        let seen = self.shared.seen.lock();
        seen.videos
            .iter()
            .map(|(user, layers)| (*user, layers.clone()))
            .collect()
    }

    /// The codec, of those in the connection's options, in which all others can watch; it changes as people come and
    /// go. Whoever encodes should follow it.
    #[must_use]
    pub fn send_codec(&self) -> watch::Receiver<Option<VideoCodec>> {
        self.shared.link.video.send_codec.subscribe()
    }

    /// What it has done with video so far.
    #[must_use]
    pub fn video_statistics(&self) -> VideoStatistics {
        self.shared.link.video.counters.read()
    }

    fn show_with(
        &self,
        source: Box<dyn VideoSource>,
        publication: Publication,
        companion: Option<Arc<Companion>>,
    ) -> Result<VideoTrackHandle, Error> {
        self.check_shows()?;
        let publication = Publication {
            codec: source.codec(),
            ..publication
        };
        let track = VideoTrack::of_source(source, companion, rand::rng().random(), self.video_wake());
        self.shared.config.engine.feed_video(&track);
        Ok(self.shown(track, publication))
    }

    fn shown(&self, track: Arc<VideoTrack>, publication: Publication) -> VideoTrackHandle {
        let handle = VideoTrackHandle {
            track: Arc::clone(&track),
        };
        self.shared.link.video.show(Some((track, publication)));
        self.shared.link.events.player_changed();
        handle
    }

    fn check_shows(&self) -> Result<(), Error> {
        let video = self.shared.config.video.as_ref();
        match video.and_then(|video| video.show) {
            Some(_) => Ok(()),
            None => Err(Error::ShowsNothing),
        }
    }

    /// The pacing thread is told of new pictures, the connection's task of the end.
    fn video_wake(&self) -> Box<dyn Fn(Wake) + Send + Sync> {
        let (video, events) = (
            Arc::clone(&self.shared.link.video),
            Arc::clone(&self.shared.link.events),
        );
        // A track is held by what it would wake: without this it would hold itself.
        let video = Arc::downgrade(&video);
        Box::new(move |wake| match wake {
            Wake::Frame => {
                if let Some(video) = video.upgrade() {
                    video.poke();
                }
            }
            Wake::Over => events.player_changed(),
        })
    }

    fn play_beside(&self, source: Box<dyn AudioSource>, companion: Option<Arc<Companion>>) -> TrackHandle {
        let handle = self.track(source, companion);
        self.play_track(&handle);
        handle
    }
}

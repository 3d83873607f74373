//! Video on the control channel: what we show (op 12, op 14), what others show, and who wants what of whom (op 15).

use std::time::Instant;

use voxhall_media::video::{PictureSize, VideoCodec};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{
    CodecName, MediaSinkWants, Message, Resolution, ResolutionKind, SessionUpdate, Ssrc, Stream, StreamKind,
    Video,
};

use super::io::{LayerSources, Output, RosterChange};
use super::machine::Phase;
use super::{ConnectionMachine, roster};
use crate::video::{Publication, VideoChange, VideoKind, VideoLayer, VideoOptions, VideoWants, codecs};

/// The quality of the only layer that is shown.
const QUALITY: u8 = 100;

impl ConnectionMachine {
    /// The layers to offer in Identify.
    pub(super) fn offered_streams(&self) -> Vec<Stream> {
        let shown = self.config.video.as_ref().and_then(|video| video.show);
        shown
            .map(|kind| Stream::offer(stream_kind(kind), QUALITY))
            .into_iter()
            .collect()
    }

    /// The layer that Ready gave sources to, of those that were offered.
    pub(super) fn granted_layer(&self, streams: Option<&[Stream]>) -> Option<LayerSources> {
        self.config.video.as_ref().and_then(|video| video.show)?;
        // Some servers list a stream for clients that offered none.
        let granted = streams?.iter().find(|stream| stream.quality == Some(QUALITY))?;
        Some(LayerSources {
            media: granted.ssrc.filter(|ssrc| !ssrc.is_none())?,
            rtx: granted.rtx()?,
        })
    }

    pub(super) fn publish(&mut self, now: Instant, publication: Option<Publication>) {
        self.publication = publication;
        self.flush_publication(now);
    }

    pub(super) fn want(&mut self, wants: VideoWants) {
        self.wants = wants;
        self.flush_wants();
    }

    /// Brings the server's idea of what we show up to date.
    ///
    /// Pictures may overtake op 12, because they go another way, and would be dropped. So a heartbeat is sent behind it,
    /// and they follow when that is acknowledged.
    pub(super) fn flush_publication(&mut self, now: Instant) {
        let wanted = self.publication;
        let Some(options) = self.config.video.clone() else {
            return;
        };
        let open = self.phase == Phase::Open;
        let Some(session) = self
            .session
            .as_mut()
            .filter(|session| open && session.media.is_some())
        else {
            return;
        };
        let (audio, Some(layer)) = (session.ssrc, session.layer) else {
            return;
        };
        if session.published == wanted {
            return;
        }
        session.published = wanted;
        let announced = wanted.filter(|publication| session.encodes != [publication.codec]);
        if let Some(publication) = announced {
            session.encodes = vec![publication.codec];
            self.send(SessionUpdate {
                codecs: Some(codecs::list(&options, &[publication.codec])),
                ..SessionUpdate::default()
            });
        }
        self.send(video(
            audio,
            layer,
            options.show.unwrap_or(VideoKind::Camera),
            wanted,
        ));
        if wanted.is_some() {
            self.confirm_publication(now);
        } else {
            self.publication_confirmed();
        }
    }

    /// Asks again for the acknowledgement that was lost with the socket.
    pub(super) fn confirm_publication_again(&mut self, now: Instant) {
        if self
            .session
            .as_ref()
            .is_some_and(|session| session.confirming.is_some())
        {
            self.confirm_publication(now);
        }
    }

    fn confirm_publication(&mut self, now: Instant) {
        let nonce = self.beat(now);
        if let Some(session) = &mut self.session {
            session.confirming = nonce;
        }
        if nonce.is_none() {
            // A server without heartbeats acknowledges nothing.
            self.publication_confirmed();
        }
    }

    /// The server knows what we show.
    fn publication_confirmed(&mut self) {
        if let Some(session) = &mut self.session {
            session.confirming = None;
            self.outputs.push_back(Output::Publish(session.published));
        }
    }

    /// A heartbeat was acknowledged, and with it everything that was said before it.
    pub(super) fn acknowledged(&mut self, nonce: Option<u64>) {
        let confirming = self.session.as_ref().and_then(|session| session.confirming);
        if confirming.is_some() && confirming == nonce {
            self.publication_confirmed();
        }
    }

    /// Brings the server's idea of what we want up to date. Nothing is said while nobody shows anything.
    pub(super) fn flush_wants(&mut self) {
        let has_wants = self.config.video.is_some() && self.config.version.has_media_sink_wants();
        if !has_wants || self.phase != Phase::Open {
            return;
        }
        let message = self.wants.message(&self.layers);
        let Some(session) = self.session.as_mut().filter(|session| session.media.is_some()) else {
            return;
        };
        let is_default = session.wants.is_none() && message.sources.is_empty();
        if is_default || session.wants.as_ref() == Some(&message) {
            return;
        }
        session.wants = Some(message.clone());
        self.send(Message::from(message));
    }

    /// What we are asked to send.
    pub(super) fn asked(&mut self, wants: &MediaSinkWants) {
        let Some(layer) = self.session.as_ref().and_then(|session| session.layer) else {
            return;
        };
        self.outputs.push_back(Output::Asked(wants.quality(layer.media)));
    }

    /// The codec in which we are to show.
    pub(super) fn send_codec(&mut self, name: Option<&CodecName>) {
        if let Some(codec) = name
            .and_then(codecs::named)
            .filter(|_| self.config.video.is_some())
        {
            self.outputs.push_back(Output::SendCodec(codec));
        }
    }

    /// Takes in what a message says about who is in the room, and what they show.
    pub(super) fn room_message(&mut self, message: &Message) {
        let user = self.config.user;
        let changes = roster::changes(user, message);
        for change in &changes {
            if let RosterChange::Left(user) = *change {
                self.shows(user, Vec::new());
            }
        }
        self.outputs.extend(changes.into_iter().map(Output::Roster));
        if let Message::Video(video) = message
            && let Some(other) = video.user_id.filter(|other| *other != user)
        {
            self.shows(other, layers_of(video));
        }
    }

    /// Notes what a user shows.
    fn shows(&mut self, user: UserId, layers: Vec<VideoLayer>) {
        let before = self.layers.get(&user).map_or(&[][..], Vec::as_slice);
        if before == layers {
            return;
        }
        if layers.is_empty() {
            self.layers.remove(&user);
        } else {
            self.layers.insert(user, layers.clone());
        }
        self.outputs
            .push_back(Output::Video(VideoChange { user, layers }));
        self.flush_wants();
    }

    /// Nobody shows anything any more: the session is over.
    pub(super) fn forget_videos(&mut self) {
        for (user, _) in std::mem::take(&mut self.layers) {
            let layers = Vec::new();
            self.outputs
                .push_back(Output::Video(VideoChange { user, layers }));
        }
    }
}

/// The codecs to tell in op 1, and those of them that we say we can show.
pub(super) fn first_codecs(options: &VideoOptions) -> (Vec<voxhall_protocol::voice::Codec>, Vec<VideoCodec>) {
    let encode = if options.show.is_some() {
        options.encode.clone()
    } else {
        Vec::new()
    };
    (codecs::list(options, &encode), encode)
}

const fn stream_kind(kind: VideoKind) -> StreamKind {
    match kind {
        VideoKind::Camera => StreamKind::Video,
        VideoKind::Screen => StreamKind::Screen,
    }
}

/// Op 12 of what we show.
fn video(audio: Ssrc, layer: LayerSources, kind: VideoKind, shown: Option<Publication>) -> Video {
    let streams = shown.map(|publication| Stream {
        ssrc: Some(layer.media),
        rtx_ssrc: Some(layer.rtx),
        active: Some(true),
        max_bitrate: publication.bitrate,
        max_framerate: publication.frame_rate,
        max_resolution: Some(resolution(publication.size)),
        ..Stream::offer(stream_kind(kind), QUALITY)
    });
    let of_shown = |ssrc| if shown.is_some() { ssrc } else { Ssrc::NONE };
    Video {
        audio_ssrc: audio,
        video_ssrc: of_shown(layer.media),
        rtx_ssrc: Some(of_shown(layer.rtx)),
        streams: Some(streams.into_iter().collect()),
        ..Video::default()
    }
}

fn resolution(size: Option<PictureSize>) -> Resolution {
    match size {
        Some(size) => Resolution::fixed(size.width, size.height),
        None => Resolution {
            kind: ResolutionKind::Source,
            ..Resolution::fixed(0, 0)
        },
    }
}

/// The layers that somebody shows.
fn layers_of(video: &Video) -> Vec<VideoLayer> {
    if video.video_ssrc.is_none() {
        return Vec::new();
    }
    let active = video.layers().iter().filter(|layer| layer.is_active());
    active
        .filter_map(|layer| {
            Some(VideoLayer {
                ssrc: layer.ssrc?,
                rtx: layer.rtx()?,
                quality: layer.quality.unwrap_or(QUALITY),
                size: layer.max_resolution.as_ref().and_then(size_of),
            })
        })
        .collect()
}

fn size_of(resolution: &Resolution) -> Option<PictureSize> {
    let is_bounded =
        resolution.kind == ResolutionKind::Fixed && resolution.width > 0 && resolution.height > 0;
    is_bounded.then_some(PictureSize {
        width: resolution.width,
        height: resolution.height,
    })
}

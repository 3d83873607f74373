//! Op 12: what a member says about its video, and what of it others are told (`voice-gateway.md` section 6.12).

use voxhall_protocol::Extra;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{Resolution, ResolutionKind, Ssrc, Stream, StreamKind, Video};
use voxhall_sfu::{ClientSources, LayerSources, MemberSsrcs, PublishedLayer, PublishedVideo, StreamSsrcs};

use super::session::Session;

/// The member's word reduced to its own SSRCs, as others are told it.
pub(super) fn own_video(said: &Video, user: UserId, ssrcs: &MemberSsrcs) -> Video {
    let primary = layer_of(ssrcs, said.video_ssrc);
    let mut streams: Vec<Stream> = Vec::new();
    for stream in said.layers() {
        let Some(layer) = stream.ssrc.and_then(|ssrc| layer_of(ssrcs, ssrc)) else {
            continue;
        };
        if !streams.iter().any(|known| known.ssrc == Some(layer.ssrc)) {
            streams.push(relayed_stream(stream, layer));
        }
    }
    Video {
        audio_ssrc: ssrcs.audio,
        video_ssrc: primary.map_or(Ssrc::NONE, |layer| layer.ssrc),
        rtx_ssrc: Some(primary.map_or(Ssrc::NONE, |layer| layer.rtx)),
        streams: Some(streams),
        user_id: Some(user),
        extra: Extra::new(),
    }
}

/// The word of a WebRTC client, which names streams by SSRCs of its own choice: the same with the SSRCs that Ready gave
/// the session, and what the client calls its streams. Layers go by their `rid`, or by being the only one.
pub(super) fn adopted(said: &Video, session: &Session) -> (Video, ClientSources) {
    let pairs = &session.ssrcs.streams;
    let mut sources = session.sources.clone();
    sources.layers.resize(pairs.len(), LayerSources::default());
    sources.audio = Some(said.audio_ssrc)
        .filter(|ssrc| !ssrc.is_none())
        .or(sources.audio);
    let mut own = said.clone();
    own.video_ssrc = Ssrc::NONE;
    // Who names no layers has one.
    let only = (said.streams.is_none() && !said.video_ssrc.is_none()).then(|| Stream {
        ssrc: Some(said.video_ssrc),
        active: Some(true),
        ..Stream::default()
    });
    let mut streams: Vec<Stream> = said.layers().iter().cloned().chain(only).collect();
    for stream in &mut streams {
        let named = stream.ssrc.filter(|ssrc| !ssrc.is_none());
        let layer = layer_named(session, stream.rid.as_deref());
        let (Some(ssrc), Some(layer)) = (named, layer) else {
            stream.ssrc = None;
            continue;
        };
        let is_primary = ssrc == said.video_ssrc;
        let rtx = stream
            .rtx_ssrc
            .or(said.rtx_ssrc.filter(|_| is_primary))
            .filter(|rtx| !rtx.is_none());
        sources.layers[layer] = LayerSources {
            media: Some(ssrc),
            rtx: rtx.or(sources.layers[layer]
                .rtx
                .filter(|_| sources.layers[layer].media == Some(ssrc))),
        };
        stream.ssrc = Some(pairs[layer].ssrc);
        if is_primary {
            own.video_ssrc = pairs[layer].ssrc;
        }
    }
    own.streams = Some(streams);
    (own, sources)
}

/// Which of the session's layers has this name.
fn layer_named(session: &Session, rid: Option<&str>) -> Option<usize> {
    let named = rid.and_then(|rid| {
        let mut names = session.rids.iter();
        names.position(|name| name.as_deref() == Some(rid))
    });
    named.or((session.ssrcs.streams.len() == 1).then_some(0))
}

/// All SSRCs that a client chose.
pub(super) fn all_sources(sources: &ClientSources) -> impl Iterator<Item = Ssrc> {
    let layers = sources.layers.iter().flat_map(|layer| [layer.media, layer.rtx]);
    std::iter::once(sources.audio).chain(layers).flatten()
}

/// The SSRC under which WebRTC clients get all layers of a member: that of the last, which is the best.
pub(super) fn shown(ssrcs: &MemberSsrcs) -> Option<Ssrc> {
    ssrcs.streams.last().map(|layer| layer.ssrc)
}

/// A member's video as WebRTC clients get it: all layers as one, under the SSRC of the last.
pub(super) fn merged(video: &Video, ssrcs: &MemberSsrcs) -> Video {
    let Some(shown) = ssrcs.streams.last().filter(|_| video.layers().len() > 1) else {
        return video.clone();
    };
    let best = video
        .layers()
        .iter()
        .max_by_key(|layer| (layer.is_active(), layer.quality));
    let stream = best.map(|best| Stream {
        ssrc: Some(shown.ssrc),
        rtx_ssrc: Some(shown.rtx),
        ..best.clone()
    });
    let publishes = !video.video_ssrc.is_none();
    Video {
        video_ssrc: if publishes { shown.ssrc } else { Ssrc::NONE },
        rtx_ssrc: Some(if publishes { shown.rtx } else { Ssrc::NONE }),
        streams: Some(stream.into_iter().collect()),
        ..video.clone()
    }
}

/// What others are told of a member that publishes nothing, or may not.
pub(super) fn no_video(user: UserId, ssrcs: &MemberSsrcs) -> Video {
    own_video(&Video::default(), user, ssrcs)
}

/// What the worker has to know of a member's video.
pub(super) fn published(video: &Video) -> PublishedVideo {
    if video.video_ssrc.is_none() {
        return PublishedVideo::default();
    }
    let layer = |stream: &Stream| {
        Some(PublishedLayer {
            ssrc: stream.ssrc?,
            active: stream.is_active(),
            quality: stream.quality.unwrap_or(voxhall_sfu::BEST_QUALITY).clamp(1, 100),
            pixels: pixels(stream),
        })
    };
    PublishedVideo {
        layers: video.layers().iter().filter_map(layer).collect(),
    }
}

/// Width times height of a layer's largest picture, if the publisher bounded it.
pub(super) fn pixels(stream: &Stream) -> Option<u32> {
    let resolution = stream.max_resolution.as_ref()?;
    let pixels = resolution.width.checked_mul(resolution.height)?;
    (resolution.kind == ResolutionKind::Fixed && pixels > 0).then_some(pixels)
}

/// The layers of Identify that get SSRCs, worst first; `type` is forced to `video`.
pub(super) fn offered_layers(offered: &[Stream], limit: usize) -> Vec<Stream> {
    let mut layers: Vec<Stream> = offered
        .iter()
        .filter(|stream| stream.kind != Some(StreamKind::Audio))
        .take(limit)
        .map(|stream| Stream {
            kind: Some(StreamKind::Video),
            rid: stream.rid.clone(),
            quality: stream.quality,
            active: Some(false),
            ..Stream::default()
        })
        .collect();
    layers.sort_by_key(|stream| stream.quality.unwrap_or(0));
    layers
}

/// The layers of Ready: those of [`offered_layers`] with their SSRCs.
pub(super) fn ready_streams(layers: Vec<Stream>, ssrcs: &MemberSsrcs) -> Vec<Stream> {
    let with_ssrcs = layers.into_iter().zip(&ssrcs.streams);
    with_ssrcs
        .map(|(stream, pair)| Stream {
            ssrc: Some(pair.ssrc),
            rtx_ssrc: Some(pair.rtx),
            ..stream
        })
        .collect()
}

fn layer_of(ssrcs: &MemberSsrcs, ssrc: Ssrc) -> Option<StreamSsrcs> {
    ssrcs.streams.iter().copied().find(|layer| layer.ssrc == ssrc)
}

/// A layer as receivers get it: without the bit rate, with `rtx_ssrc` always there (`media-transport.md` section 10.6).
fn relayed_stream(stream: &Stream, layer: StreamSsrcs) -> Stream {
    Stream {
        kind: Some(StreamKind::Video),
        rid: stream.rid.clone(),
        quality: stream.quality,
        ssrc: Some(layer.ssrc),
        rtx_ssrc: Some(layer.rtx),
        active: Some(stream.active.unwrap_or(false)),
        max_bitrate: None,
        max_framerate: stream.max_framerate,
        max_resolution: stream.max_resolution.as_ref().map(relayed_resolution),
        extra: Extra::new(),
    }
}

fn relayed_resolution(resolution: &Resolution) -> Resolution {
    let bounded = resolution.kind == ResolutionKind::Fixed;
    Resolution {
        kind: resolution.kind.clone(),
        width: if bounded { resolution.width } else { 0 },
        height: if bounded { resolution.height } else { 0 },
        extra: Extra::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssrcs() -> MemberSsrcs {
        MemberSsrcs {
            audio: Ssrc(10),
            streams: vec![StreamSsrcs {
                ssrc: Ssrc(11),
                rtx: Ssrc(12),
            }],
        }
    }

    fn stream(ssrc: u32) -> Stream {
        Stream {
            ssrc: Some(Ssrc(ssrc)),
            rtx_ssrc: Some(Ssrc(99)),
            active: Some(true),
            max_bitrate: Some(2_500_000),
            max_resolution: Some(Resolution::fixed(1280, 720)),
            ..Stream::offer(StreamKind::Video, 100)
        }
    }

    #[test]
    fn foreign_layers_are_dropped_and_own_ones_corrected() {
        let said = Video {
            audio_ssrc: Ssrc(0),
            video_ssrc: Ssrc(11),
            rtx_ssrc: Some(Ssrc(99)),
            streams: Some(vec![stream(11), stream(500), stream(11)]),
            ..Video::default()
        };
        let told = own_video(&said, UserId(7), &ssrcs());
        assert_eq!(
            (told.audio_ssrc, told.video_ssrc, told.rtx_ssrc),
            (Ssrc(10), Ssrc(11), Some(Ssrc(12)))
        );
        assert_eq!(told.layers().len(), 1);
        assert_eq!(told.layers()[0].rtx_ssrc, Some(Ssrc(12)));
        assert_eq!(told.layers()[0].max_bitrate, None);
        assert!(told.is_publishing());
        assert_eq!(published(&told).layers[0].pixels, Some(1280 * 720));
    }

    #[test]
    fn a_foreign_primary_publishes_nothing() {
        let said = Video {
            video_ssrc: Ssrc(500),
            streams: Some(vec![stream(11)]),
            ..Video::default()
        };
        let told = own_video(&said, UserId(7), &ssrcs());
        assert!(!told.is_publishing());
        assert_eq!(published(&told), PublishedVideo::default());
    }

    #[test]
    fn layers_come_worst_first_as_video() {
        let offered = [
            Stream::offer(StreamKind::Screen, 100),
            Stream::offer(StreamKind::Audio, 70),
            Stream::offer(StreamKind::Video, 50),
        ];
        let layers = offered_layers(&offered, 4);
        let rids: Vec<_> = layers.iter().map(|layer| layer.rid.as_deref().unwrap()).collect();
        assert_eq!(rids, ["50", "100"]);
        assert!(layers.iter().all(|layer| layer.kind == Some(StreamKind::Video)));
    }
}

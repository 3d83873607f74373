//! Op 15: what receivers want, and what a publisher is asked for (`voice-gateway.md` section 6.15).

use std::collections::BTreeMap;

use serde_json::Number;
use voxhall_protocol::voice::{MediaSinkWants, Ssrc, Video};

use super::video;

/// What the worker has to know of a receiver's wants.
pub(super) fn for_worker(wants: &MediaSinkWants) -> voxhall_sfu::Wants {
    let any = voxhall_sfu::Wants::any(wants.any.unwrap_or(voxhall_sfu::BEST_QUALITY));
    let listed = wants
        .sources
        .iter()
        .fold(any, |wants, (&ssrc, &quality)| wants.with_quality(ssrc, quality));
    wants
        .pixel_counts
        .iter()
        .flatten()
        .fold(listed, |wants, (&ssrc, count)| {
            wants.with_pixels(ssrc, whole_pixels(count))
        })
}

/// How many SSRCs a message lists.
pub(super) fn listed(wants: &MediaSinkWants) -> usize {
    let pixel_counts = wants.pixel_counts.as_ref().map_or(0, BTreeMap::len);
    wants.sources.len().max(pixel_counts)
}

/// What all receivers together want of one publisher: for each SSRC the most anyone wants. `None` without receivers,
/// when what was asked before stands.
///
/// A receiver that said nothing wants everything at its best.
pub(super) fn aggregate<'a>(
    video: &Video,
    receivers: impl Iterator<Item = Option<&'a MediaSinkWants>> + Clone,
) -> Option<MediaSinkWants> {
    let most = |ssrc: Ssrc| {
        let qualities = receivers
            .clone()
            .map(|wants| wants.map_or(voxhall_sfu::BEST_QUALITY, |w| w.quality(ssrc)));
        qualities.max()
    };
    let any = most(video.audio_ssrc)?;
    let mut asked = MediaSinkWants::any(any);
    let mut pixel_counts = BTreeMap::new();
    for layer in video.layers().iter().filter(|layer| layer.is_active()) {
        let ssrc = layer.ssrc.unwrap_or_default();
        let quality = most(ssrc)?;
        if quality != any {
            asked.sources.insert(ssrc, quality);
        }
        if let Some(pixels) = most_pixels(ssrc, receivers.clone()) {
            let pixels = video::pixels(layer).map_or(pixels, |bound| pixels.min(bound));
            pixel_counts.insert(ssrc, Number::from(pixels));
        }
    }
    asked.pixel_counts = (!pixel_counts.is_empty()).then_some(pixel_counts);
    Some(asked)
}

/// The largest view of an SSRC; `None` if somebody wants it without saying how large, or nobody wants it.
fn most_pixels<'a>(ssrc: Ssrc, receivers: impl Iterator<Item = Option<&'a MediaSinkWants>>) -> Option<u32> {
    let mut most = None;
    for wants in receivers {
        let wants = wants?;
        if wants.quality(ssrc) > 0 {
            let pixels = whole_pixels(wants.pixel_counts.as_ref()?.get(&ssrc)?);
            most = most.max(Some(pixels));
        }
    }
    most
}

/// Pixel counts come as doubles; a picture has at most 2^32 pixels.
fn whole_pixels(count: &Number) -> u32 {
    // The cast saturates: negative counts and NaN become 0.
    count.as_f64().unwrap_or(0.0) as u32
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::{Resolution, Stream, StreamKind};

    use super::*;

    fn video() -> Video {
        let layer = Stream {
            ssrc: Some(Ssrc(11)),
            active: Some(true),
            max_resolution: Some(Resolution::fixed(640, 360)),
            ..Stream::offer(StreamKind::Video, 100)
        };
        Video {
            audio_ssrc: Ssrc(10),
            video_ssrc: Ssrc(11),
            streams: Some(vec![layer]),
            ..Video::default()
        }
    }

    fn wants(any: u8, listed: &[(u32, u8)], pixels: Option<f64>) -> MediaSinkWants {
        MediaSinkWants {
            sources: listed
                .iter()
                .map(|&(ssrc, quality)| (Ssrc(ssrc), quality))
                .collect(),
            pixel_counts: pixels.map(|count| BTreeMap::from([(Ssrc(11), Number::from_f64(count).unwrap())])),
            ..MediaSinkWants::any(any)
        }
    }

    fn asked(receivers: &[Option<MediaSinkWants>]) -> Option<MediaSinkWants> {
        aggregate(&video(), receivers.iter().map(Option::as_ref))
    }

    #[test]
    fn the_most_demanding_receiver_decides() {
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[None]), Some(MediaSinkWants::any(100)));
        let low = wants(100, &[(11, 0)], None);
        let asked_low = asked(&[Some(low.clone())]).unwrap();
        assert_eq!(
            (asked_low.quality(Ssrc(10)), asked_low.quality(Ssrc(11))),
            (100, 0)
        );
        assert_eq!(asked(&[Some(low), None]), Some(MediaSinkWants::any(100)));
        assert_eq!(asked(&[Some(wants(0, &[], None))]), Some(MediaSinkWants::any(0)));
    }

    #[test]
    fn pixel_counts_are_clamped_and_need_every_receivers_word() {
        let small = wants(100, &[], Some(1000.5));
        let huge = wants(100, &[], Some(1e12));
        let pixels = |receivers: &[Option<MediaSinkWants>]| {
            let counts = asked(receivers).unwrap().pixel_counts?;
            counts[&Ssrc(11)].as_u64()
        };
        assert_eq!(pixels(&[Some(small.clone())]), Some(1000));
        assert_eq!(pixels(&[Some(small.clone()), Some(huge)]), Some(640 * 360));
        assert_eq!(pixels(&[Some(small.clone()), Some(wants(100, &[], None))]), None);
        assert_eq!(
            pixels(&[Some(small.clone()), Some(wants(0, &[], None))]),
            Some(1000)
        );
        assert_eq!(pixels(&[Some(small), None]), None);
    }
}

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

/// One receiver, and what it wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receiver<'a> {
    /// What it said; `None` wants everything at its best.
    pub(super) wants: Option<&'a MediaSinkWants>,
    /// The SSRC under which it gets all layers of the publisher, if it gets them under one.
    pub(super) sees: Option<Ssrc>,
}

impl Receiver<'_> {
    fn quality(&self, ssrc: Ssrc) -> u8 {
        self.wants
            .map_or(voxhall_sfu::BEST_QUALITY, |wants| wants.quality(ssrc))
    }

    /// What it wants of a layer of the publisher.
    fn layer_quality(&self, layer: Ssrc) -> u8 {
        self.quality(self.sees.unwrap_or(layer))
    }

    /// How large its view of a layer is; `None` if it did not say.
    fn pixels(&self, layer: Ssrc) -> Option<u32> {
        let counts = self.wants?.pixel_counts.as_ref()?;
        counts.get(&self.sees.unwrap_or(layer)).map(whole_pixels)
    }
}

/// What all receivers together want of one publisher: for each SSRC the most anyone wants. `None` without receivers,
/// when what was asked before stands.
///
/// Who gets all layers as one stream wants all of them: it may have to change between them.
pub(super) fn aggregate<'a>(
    video: &Video,
    receivers: impl Iterator<Item = Receiver<'a>> + Clone,
) -> Option<MediaSinkWants> {
    let any = receivers
        .clone()
        .map(|receiver| receiver.quality(video.audio_ssrc))
        .max()?;
    let mut asked = MediaSinkWants::any(any);
    let mut pixel_counts = BTreeMap::new();
    for layer in video.layers().iter().filter(|layer| layer.is_active()) {
        let ssrc = layer.ssrc.unwrap_or_default();
        let quality = receivers
            .clone()
            .map(|receiver| receiver.layer_quality(ssrc))
            .max()?;
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
fn most_pixels<'a>(ssrc: Ssrc, receivers: impl Iterator<Item = Receiver<'a>>) -> Option<u32> {
    let mut most = None;
    for receiver in receivers {
        if receiver.layer_quality(ssrc) > 0 {
            most = most.max(Some(receiver.pixels(ssrc)?));
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
        let receivers = receivers.iter().map(|wants| Receiver {
            wants: wants.as_ref(),
            sees: None,
        });
        aggregate(&video(), receivers)
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
    fn who_gets_one_stream_wants_all_layers_of_it() {
        let said = wants(100, &[(11, 100), (99, 0)], None);
        let receiver = |sees| Receiver {
            wants: Some(&said),
            sees,
        };
        let one = aggregate(&video(), [receiver(Some(Ssrc(99)))].into_iter()).unwrap();
        assert_eq!(one.quality(Ssrc(11)), 0);
        let each = aggregate(&video(), [receiver(None)].into_iter()).unwrap();
        assert_eq!(each.quality(Ssrc(11)), 100);
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

//! Video layers of a publisher, and who watches which of them.

use std::time::{Duration, Instant};

use voxhall_protocol::voice::Ssrc;

use super::asking::Takes;
use super::continuity::Continuity;
use super::gaps::Gaps;
use super::history::History;
use super::member::Source;
use super::pictures::Pictures;
use super::timeline::Timeline;
use crate::bandwidth::{Bitrate, RateMeter};
use crate::{PublishedLayer, Wants};

/// Layers of one publisher at most: clients make one or two.
pub(super) const MAX_LAYERS: usize = 4;

/// One simulcast layer of a publisher.
pub(super) struct Layer {
    pub(super) media: Source,
    pub(super) rtx: Ssrc,
    /// What op 12 said of it; `None` while it is not active.
    pub(super) published: Option<PublishedLayer>,
    /// Its last packets, while it is active.
    pub(super) history: Option<History>,
    /// How much it takes.
    pub(super) rate: LayerRate,
    /// What of it got lost on the way here.
    pub(super) gaps: Gaps,
    pub(super) keyframe: KeyframeRequest,
    /// Whether frames are encrypted end to end, as far as the end of the last frame told.
    pub(super) encrypted: Option<bool>,
}

/// Whether and when a keyframe was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyframeRequest {
    pub(super) wanted: bool,
    pub(super) sent: Option<Instant>,
}

impl Layer {
    pub(super) fn new(ssrc: Ssrc, rtx: Ssrc) -> Self {
        Self {
            media: Source::new(ssrc),
            rtx,
            published: None,
            history: None,
            rate: LayerRate::new(),
            gaps: Gaps::default(),
            keyframe: KeyframeRequest::default(),
            encrypted: None,
        }
    }

    /// What a layer takes of which nothing came yet, by what was said about it: two bits a second for each pixel.
    pub(super) fn usual_rate(&self) -> Bitrate {
        let Some(published) = self.published else {
            return Bitrate::ZERO;
        };
        let by_quality = Bitrate::kilobits(15 * u64::from(published.quality));
        published
            .pixels
            .map_or(by_quality, |pixels| Bitrate(2 * u64::from(pixels)))
    }

    /// What it takes if nobody asks for less.
    pub(super) fn needed_rate(&self, at: u64) -> Bitrate {
        self.rate.rate(at).unwrap_or_default().max(self.usual_rate())
    }

    /// Its numbers begin anew: nothing from before can be asked for again.
    pub(super) fn begin_anew(&mut self) {
        self.media.rekey();
        self.forget_packets();
        self.encrypted = None;
    }

    /// Forgets the packets it has kept.
    pub(super) fn forget_packets(&mut self) {
        if let Some(history) = &mut self.history {
            history.clear();
        }
        self.gaps.reset();
    }
}

/// How much a layer takes over time. Pictures vary, so peaks are remembered for a while.
#[derive(Debug)]
pub(super) struct LayerRate {
    meter: RateMeter,
    /// Over a longer time, for those that send in bursts.
    lasting: RateMeter,
    recent: Bitrate,
    noted_at: u64,
}

impl LayerRate {
    /// How often the peak is renewed, and what stays of the last one then.
    const NOTE_EVERY: u64 = 500_000;
    const FADING: f64 = 0.8;
    /// Encoders do not keep to a rate exactly, least of all for a short time.
    const TOLERANCE: f64 = 1.25;
    const LASTING_TOLERANCE: f64 = 1.1;

    const fn new() -> Self {
        Self {
            meter: RateMeter::over_millis(1_000),
            lasting: RateMeter::over_millis(3_000),
            recent: Bitrate::ZERO,
            noted_at: 0,
        }
    }

    pub(super) fn record(&mut self, at: u64, bytes: usize) {
        self.meter.record(at, bytes);
        self.lasting.record(at, bytes);
        if at >= self.noted_at + Self::NOTE_EVERY {
            self.noted_at = at;
            let now = self.meter.rate(at).unwrap_or_default();
            self.recent = self.recent.scaled(Self::FADING).max(now);
        }
    }

    /// What came in the last half second.
    pub(super) fn now(&self, at: u64) -> Bitrate {
        self.meter.latest(at).unwrap_or_default()
    }

    /// Whether it keeps to a limit.
    pub(super) fn is_within(&self, at: u64, limit: Bitrate) -> bool {
        let lasting = self.lasting.rate(at).unwrap_or_default();
        self.now(at) <= limit.scaled(Self::TOLERANCE) || lasting <= limit.scaled(Self::LASTING_TOLERANCE)
    }

    /// What it took before is no sign of what it will take.
    pub(super) fn forget_peak(&mut self) {
        self.recent = Bitrate::ZERO;
    }

    /// What the layer takes; `None` if nothing came yet.
    pub(super) fn rate(&self, at: u64) -> Option<Bitrate> {
        let rate = self.meter.rate(at).unwrap_or_default().max(self.recent);
        (rate > Bitrate::ZERO).then_some(rate)
    }
}

/// Which of the layers that it wants a viewer may be sent, as its link carries no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Grant {
    /// There is no reason for a limit.
    #[default]
    Everything,
    /// This one, or a lower one.
    Layer(u8),
    /// There is no room for any.
    Nothing,
}

/// A receiver of one publisher's video.
#[derive(Debug, Clone, Copy)]
pub(super) struct Viewer {
    /// The receiver's place in the core.
    pub(super) member: usize,
    /// Its place among the room's listeners.
    pub(super) listener: usize,
    /// The layer that fits what it wants.
    pub(super) wish: Option<u8>,
    /// What of that its link carries.
    pub(super) grant: Grant,
    /// What its link carries of the publisher's only layer.
    pub(super) takes: Takes,
    /// The layer it gets.
    pub(super) current: Option<u8>,
    /// The layer it should get, from the next keyframe on.
    pub(super) target: Option<u8>,
    pub(super) continuity: [Continuity; MAX_LAYERS],
    /// The layer under whose SSRC it gets all of them; `None` if each comes under its own.
    pub(super) shown: Option<u8>,
    /// The time of what it gets under one SSRC.
    pub(super) timeline: Timeline,
    /// The picture ids of what it gets under one SSRC.
    pub(super) pictures: Pictures,
    pub(super) allowance: Allowance,
}

/// How many packets a viewer may still have sent again: a loss report of forty bytes can ask for a megabyte.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allowance {
    since: Option<Instant>,
    used: u16,
}

impl Allowance {
    /// Packets in each second at most: half of a stream of five megabits.
    const PER_SECOND: u16 = 250;

    /// Takes one; false when the second's are used up.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self
            .since
            .is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1))
        {
            *self = Self {
                since: Some(now),
                used: 0,
            };
        }
        let granted = self.used < Self::PER_SECOND;
        self.used += u16::from(granted);
        granted
    }
}

impl Viewer {
    pub(super) fn new(member: usize, listener: usize) -> Self {
        Self {
            member,
            listener,
            wish: None,
            grant: Grant::default(),
            takes: Takes::default(),
            current: None,
            target: None,
            continuity: [Continuity::default(); MAX_LAYERS],
            shown: None,
            timeline: Timeline::default(),
            pictures: Pictures::default(),
            allowance: Allowance::default(),
        }
    }

    /// The receiver has a new key of SRTP.
    pub(super) fn begin_with_new_key(&mut self) {
        self.continuity = [Continuity::for_new_key(); MAX_LAYERS];
    }

    /// Which of its numbers count for a layer.
    #[inline]
    pub(super) fn numbers(&mut self, layer: u8) -> &mut Continuity {
        &mut self.continuity[usize::from(self.shown.unwrap_or(layer))]
    }

    /// Sets the layer that fits what it wants. If it had that already, its link is no reason not to have the next.
    pub(super) fn wish_for(&mut self, wish: Option<u8>) {
        let had_all = self.wish.is_none_or(|before| self.grant == Grant::Layer(before));
        if wish != self.wish && had_all {
            self.grant = Grant::Everything;
        }
        self.wish = wish;
    }

    /// The layer it should get: the one that fits its wants, or a lower one if its link carries no more.
    pub(super) fn limited(&self, layers: &[Layer]) -> Option<u8> {
        let wish = self.wish?;
        let quality = |layer: u8| Some(layers.get(usize::from(layer))?.published?.quality);
        match self.grant {
            Grant::Everything => Some(wish),
            Grant::Layer(granted) => Some(if quality(granted).is_some_and(|own| Some(own) < quality(wish)) {
                granted
            } else {
                wish
            }),
            Grant::Nothing => None,
        }
    }

    /// Sets the layer it should get. True if that asks for a keyframe.
    pub(super) fn aim(&mut self, target: Option<u8>, is_active: impl Fn(u8) -> bool) -> bool {
        let changed = self.target != target;
        self.target = target;
        match (self.current, target) {
            // A layer that ended cannot be left at a keyframe of the next one: leave it now.
            (Some(current), Some(_)) if !is_active(current) => self.leave(),
            (Some(_), None) => self.leave(),
            _ => {}
        }
        changed && target.is_some() && self.current != target
    }

    /// Whether it gets a packet of `layer`. It changes over to its target at a keyframe; with no layer yet it starts
    /// at once, because its decoder waits by itself and the keyframe is asked for.
    #[inline]
    pub(super) fn takes(&mut self, layer: u8, starts_keyframe: bool) -> bool {
        if self.current == Some(layer) {
            return true;
        }
        if self.target != Some(layer) || !(self.current.is_none() || starts_keyframe) {
            return false;
        }
        self.leave();
        self.current = Some(layer);
        true
    }

    /// Stops what it gets.
    pub(super) fn leave(&mut self) {
        if let Some(left) = self.current.take() {
            self.numbers(left).pause();
        }
    }
}

/// The layer that fits a receiver's wants best: of those it wants at all the best that is not above its wish, and not
/// larger than its view needs. If all are above the wish, the least. Who is shown all layers as one stream speaks of
/// that one.
pub(super) fn choose(layers: &[Layer], wants: &Wants, shown: Option<u8>) -> Option<u8> {
    let shown = shown.and_then(|shown| layers.get(usize::from(shown)));
    let named = |published: &PublishedLayer| shown.map_or(published.ssrc, |layer| layer.media.ssrc);
    let offers = || {
        layers.iter().zip(0_u8..).filter_map(|(layer, index)| {
            let published = layer.published?;
            let wish = wants.quality(named(&published));
            (wish > 0).then_some((published, wish, index))
        })
    };
    let wish = offers().map(|(_, wish, _)| wish).max()?;
    let view = offers()
        .filter_map(|(published, ..)| wants.pixels(named(&published)))
        .max();
    let covers_view = |published: &PublishedLayer| match (published.pixels, view) {
        (Some(pixels), Some(view)) => pixels >= view,
        _ => false,
    };
    let allowed = || offers().filter(|(published, ..)| published.quality <= wish);
    let chosen = allowed()
        .filter(|(published, ..)| covers_view(published))
        .min_by_key(|(published, ..)| published.quality)
        .or_else(|| allowed().max_by_key(|(published, ..)| published.quality))
        .or_else(|| offers().min_by_key(|(published, ..)| published.quality));
    chosen.map(|(_, _, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Ssrc = Ssrc(12);
    const HIGH: Ssrc = Ssrc(14);

    fn layers() -> Vec<Layer> {
        let layer = |ssrc: Ssrc, quality, pixels| {
            let published = PublishedLayer {
                ssrc,
                active: true,
                quality,
                pixels: Some(pixels),
            };
            Layer {
                published: Some(published),
                ..Layer::new(ssrc, Ssrc(ssrc.0 + 1))
            }
        };
        vec![layer(LOW, 50, 640 * 360), layer(HIGH, 100, 1280 * 720)]
    }

    #[test]
    fn the_nearest_layer_not_above_the_wish() {
        assert_eq!(choose(&layers(), &Wants::default(), None), Some(1));
        assert_eq!(choose(&layers(), &Wants::any(99), None), Some(0));
        assert_eq!(choose(&layers(), &Wants::any(50), None), Some(0));
        assert_eq!(
            choose(&layers(), &Wants::any(10), None),
            Some(0),
            "better than nothing"
        );
        assert_eq!(choose(&layers(), &Wants::any(0), None), None);
    }

    #[test]
    fn listed_layers_are_chosen_by_name() {
        assert_eq!(
            choose(&layers(), &Wants::any(0).with_quality(LOW, 100), None),
            Some(0)
        );
        assert_eq!(
            choose(&layers(), &Wants::any(0).with_quality(HIGH, 100), None),
            Some(1)
        );
        assert_eq!(
            choose(&layers(), &Wants::any(100).with_quality(HIGH, 0), None),
            Some(0)
        );
    }

    #[test]
    fn a_small_view_gets_the_small_layer() {
        let wants = |pixels| Wants::default().with_quality(HIGH, 100).with_pixels(HIGH, pixels);
        assert_eq!(choose(&layers(), &wants(320 * 180), None), Some(0));
        assert_eq!(choose(&layers(), &wants(1280 * 720), None), Some(1));
        assert_eq!(
            choose(&layers(), &wants(1920 * 1080), None),
            Some(1),
            "no layer is large enough"
        );
    }

    #[test]
    fn who_knows_one_stream_speaks_of_that() {
        let wants = |quality, pixels| {
            Wants::any(0)
                .with_quality(HIGH, quality)
                .with_pixels(HIGH, pixels)
        };
        let large = 1280 * 720;
        assert_eq!(choose(&layers(), &wants(100, large), Some(1)), Some(1));
        assert_eq!(choose(&layers(), &wants(50, large), Some(1)), Some(0));
        assert_eq!(choose(&layers(), &wants(100, 1000), Some(1)), Some(0));
        assert_eq!(choose(&layers(), &wants(0, large), Some(1)), None);
    }

    #[test]
    fn inactive_layers_are_not_chosen() {
        let mut layers = layers();
        layers[1].published = None;
        assert_eq!(choose(&layers, &Wants::default(), None), Some(0));
        layers[0].published = None;
        assert_eq!(choose(&layers, &Wants::default(), None), None);
    }

    #[test]
    fn a_viewer_changes_layers_at_a_keyframe_only() {
        let mut viewer = Viewer::new(0, 0);
        assert!(viewer.aim(Some(0), |_| true));
        assert!(viewer.takes(0, false), "it starts at once");
        assert!(viewer.aim(Some(1), |_| true));
        assert!(!viewer.takes(1, false));
        assert!(viewer.takes(0, false));
        assert!(viewer.takes(1, true));
        assert!(!viewer.takes(0, true));
        assert!(!viewer.aim(Some(1), |_| true), "nothing changed");
        assert!(!viewer.aim(None, |_| true));
        assert!(!viewer.takes(1, true));
    }

    #[test]
    fn a_viewer_leaves_a_layer_that_ended_at_once() {
        let mut viewer = Viewer::new(0, 0);
        viewer.aim(Some(1), |_| true);
        assert!(viewer.takes(1, false));
        assert!(viewer.aim(Some(0), |layer| layer == 0));
        assert!(viewer.takes(0, false));
    }
}

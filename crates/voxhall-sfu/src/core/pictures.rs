//! One receiver's picture ids for a stream whose origin changes: each layer of a publisher counts its pictures from a
//! number of its own, and while a stream is paused the publisher counts on. What a WebRTC receiver gets under one SSRC
//! has one count.

use voxhall_media::payload::PictureIndices;

/// Maps a publisher's picture ids, and the indices of the base layer's pictures, to those that one receiver sees.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pictures {
    /// Which layer came from which place on, without interruption.
    run: Option<(u8, u64)>,
    /// Added to the publisher's.
    id_shift: u16,
    base_shift: u8,
    /// The newest that were sent.
    id: Option<u16>,
    base: Option<u8>,
}

impl Pictures {
    /// The receiver's indices for a packet of `layer` in a run that began at some place of the publisher's stream.
    pub(super) fn forward(&mut self, layer: u8, begin: u64, indices: PictureIndices) -> PictureIndices {
        if self.run != Some((layer, begin)) {
            self.run = Some((layer, begin));
            if let (Some(last), Some(next)) = (self.id, indices.id()) {
                self.id_shift = last.wrapping_add(1).wrapping_sub(next);
            }
            if let (Some(last), Some(next)) = (self.base, indices.base()) {
                self.base_shift = last.wrapping_add(1).wrapping_sub(next);
            }
            let first = self.translate(indices);
            (self.id, self.base) = (first.id().or(self.id), first.base().or(self.base));
            return first;
        }
        let translated = self.translate(indices);
        let mask = indices.id_mask();
        self.id = newer(self.id, translated.id(), |last, id| {
            id.wrapping_sub(last) & mask <= mask / 2
        });
        self.base = newer(self.base, translated.base(), |last, base| {
            base.wrapping_sub(last) <= u8::MAX / 2
        });
        translated
    }

    /// What indices of the run that is sent now are to the receiver.
    pub(super) fn translate(&self, indices: PictureIndices) -> PictureIndices {
        indices.shifted(self.id_shift, self.base_shift)
    }
}

/// The newer of the last and the next.
fn newer<T: Copy>(last: Option<T>, next: Option<T>, is_newer: impl Fn(T, T) -> bool) -> Option<T> {
    match (last, next) {
        (Some(last), Some(next)) if !is_newer(last, next) => Some(last),
        (last, next) => next.or(last),
    }
}

#[cfg(test)]
mod tests {
    use voxhall_media::video::VideoCodec;

    use super::*;

    fn long(id: u16, base: u8) -> PictureIndices {
        let [high, low] = id.to_be_bytes();
        let payload = [0x90, 0xE0, 0x80 | high, low, base, 0x20, 1];
        PictureIndices::parse(VideoCodec::Vp8, &payload).unwrap()
    }

    fn short(id: u8) -> PictureIndices {
        PictureIndices::parse(VideoCodec::Vp8, &[0x90, 0x80, id, 1]).unwrap()
    }

    fn seen(indices: PictureIndices) -> (u16, u8) {
        (indices.id().unwrap(), indices.base().unwrap())
    }

    #[test]
    fn the_first_run_keeps_the_publishers_ids() {
        let mut pictures = Pictures::default();
        for (id, base) in [(0x7FFE, 254), (0x7FFF, 255), (1, 0), (0, 0), (2, 1)] {
            assert_eq!(seen(pictures.forward(0, 9, long(id, base))), (id, base));
        }
        assert_eq!((pictures.id, pictures.base), (Some(2), Some(1)));
    }

    #[test]
    fn another_layer_goes_on_where_the_first_was() {
        let mut pictures = Pictures::default();
        pictures.forward(0, 9, long(0x7FFE, 254));
        pictures.forward(0, 9, long(0x7FFF, 255));
        assert_eq!(seen(pictures.forward(1, 9, long(500, 30))), (0, 0));
        assert_eq!(seen(pictures.forward(1, 9, long(501, 30))), (1, 0));
        assert_eq!(seen(pictures.forward(1, 9, long(500, 30))), (0, 0), "a late one");
        assert_eq!(
            seen(pictures.translate(long(501, 30))),
            (1, 0),
            "one that is sent again"
        );
        assert_eq!(seen(pictures.forward(0, 70, long(3, 2))), (2, 1));
    }

    #[test]
    fn a_pause_leaves_no_gap() {
        let mut pictures = Pictures::default();
        pictures.forward(0, 9, long(10, 3));
        assert_eq!(seen(pictures.forward(0, 800, long(400, 90))), (11, 4));
    }

    #[test]
    fn short_ids_stay_short_and_what_is_missing_stays_missing() {
        let mut pictures = Pictures::default();
        pictures.forward(0, 9, short(126));
        let next = pictures.forward(1, 9, short(5));
        assert_eq!((next.id(), next.base()), (Some(127), None));
        assert_eq!(pictures.forward(1, 9, short(6)).id(), Some(0));
        assert_eq!(pictures.forward(0, 50, short(6)).id(), Some(1));
    }
}

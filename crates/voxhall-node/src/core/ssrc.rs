//! SSRC allocation: non-zero, below 2^28, unique on one worker's port (`media-transport.md` section 11).

use std::collections::BTreeMap;

use voxhall_protocol::voice::Ssrc;
use voxhall_sfu::{MemberSsrcs, StreamSsrcs};

/// Where counting begins: above 0x0001_0046, which a legacy discovery request would confuse with the header of the
/// current form.
const FIRST: u32 = 0x0002_0000;
/// SSRCs stay below this, so that the first byte of a legacy discovery request is below 20.
const END: u32 = 1 << 28;

/// Hands out SSRCs by counting, so that one that was freed comes again as late as possible.
#[derive(Debug)]
pub(super) struct SsrcAllocator {
    next: u32,
    /// First SSRC of each block in use, and its length.
    used: BTreeMap<u32, u32>,
    /// SSRCs that clients chose for themselves, and how many did. They are not given out: who has chosen one cannot be
    /// sent another stream under it.
    announced: BTreeMap<u32, usize>,
}

impl SsrcAllocator {
    pub(super) fn new() -> Self {
        Self::starting_at(FIRST)
    }

    pub(super) fn starting_at(next: u32) -> Self {
        Self {
            next,
            used: BTreeMap::new(),
            announced: BTreeMap::new(),
        }
    }

    /// SSRCs for a member with so many video layers: audio N, layers N+1/N+2, N+3/N+4, … `None` if none are left.
    pub(super) fn allocate(&mut self, layers: usize) -> Option<MemberSsrcs> {
        let length = 1 + 2 * u32::try_from(layers).ok()?;
        let first = self.find(length)?;
        self.used.insert(first, length);
        self.next = first + length;
        let streams = (0..length / 2).map(|layer| StreamSsrcs {
            ssrc: Ssrc(first + 1 + 2 * layer),
            rtx: Ssrc(first + 2 + 2 * layer),
        });
        Some(MemberSsrcs {
            audio: Ssrc(first),
            streams: streams.collect(),
        })
    }

    /// Gives the SSRCs of a member back.
    pub(super) fn free(&mut self, ssrcs: &MemberSsrcs) {
        self.used.remove(&ssrcs.audio.0);
    }

    /// Whether an SSRC was given to somebody.
    pub(super) fn is_allocated(&self, ssrc: Ssrc) -> bool {
        let below = self.used.range(..=ssrc.0).next_back();
        below.is_some_and(|(first, length)| ssrc.0 - first < *length)
    }

    /// A client calls a stream of its own this.
    pub(super) fn announce(&mut self, ssrc: Ssrc) {
        *self.announced.entry(ssrc.0).or_default() += 1;
    }

    /// A client does so no longer.
    pub(super) fn retract(&mut self, ssrc: Ssrc) {
        if let Some(count) = self.announced.get_mut(&ssrc.0) {
            *count -= 1;
            if *count == 0 {
                self.announced.remove(&ssrc.0);
            }
        }
    }

    fn find(&self, length: u32) -> Option<u32> {
        self.gap(self.next, length).or_else(|| self.gap(FIRST, length))
    }

    /// The first gap of `length` at or above `from`.
    fn gap(&self, from: u32, length: u32) -> Option<u32> {
        let below = self.used.range(..from).next_back();
        let mut candidate = below.map_or(from, |(first, length)| from.max(first + length));
        loop {
            for (&first, &used) in self.used.range(candidate..) {
                if candidate + length <= first {
                    break;
                }
                candidate = first + used;
            }
            let end = candidate.checked_add(length).filter(|end| *end <= END)?;
            match self.announced.range(candidate..end).next_back() {
                Some((&announced, _)) => candidate = announced + 1,
                None => return Some(candidate),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_comes_first_and_each_layer_with_its_retransmissions() {
        let mut ssrcs = SsrcAllocator::starting_at(713_745);
        let member = ssrcs.allocate(2).unwrap();
        assert_eq!(member.audio, Ssrc(713_745));
        let pairs: Vec<_> = member.streams.iter().map(|s| (s.ssrc.0, s.rtx.0)).collect();
        assert_eq!(pairs, [(713_746, 713_747), (713_748, 713_749)]);
        assert_eq!(ssrcs.allocate(0).unwrap().audio, Ssrc(713_750));
    }

    #[test]
    fn what_clients_chose_themselves_is_not_given_out() {
        let mut ssrcs = SsrcAllocator::starting_at(1_000_000);
        ssrcs.announce(Ssrc(1_000_001));
        ssrcs.announce(Ssrc(1_000_001));
        let around = ssrcs.allocate(1).unwrap();
        assert_eq!(around.audio, Ssrc(1_000_002));
        assert!(ssrcs.is_allocated(Ssrc(1_000_004)) && !ssrcs.is_allocated(Ssrc(1_000_005)));
        assert!(!ssrcs.is_allocated(Ssrc(1_000_001)));
        ssrcs.retract(Ssrc(1_000_001));
        ssrcs.next = 1_000_000;
        assert_eq!(
            ssrcs.allocate(0).unwrap().audio,
            Ssrc(1_000_000),
            "one has room before it"
        );
        ssrcs.retract(Ssrc(1_000_001));
        ssrcs.retract(Ssrc(1_000_001));
        assert_eq!(ssrcs.allocate(0).unwrap().audio, Ssrc(1_000_001));
    }

    #[test]
    fn after_the_last_one_it_begins_again_and_skips_what_is_used() {
        let mut ssrcs = SsrcAllocator::new();
        let kept = ssrcs.allocate(1).unwrap();
        let freed = ssrcs.allocate(0).unwrap();
        let also_kept = ssrcs.allocate(1).unwrap();
        ssrcs.free(&freed);
        ssrcs.next = END - 2;
        let last = ssrcs.allocate(0).unwrap();
        assert_eq!(last.audio, Ssrc(END - 2));
        assert_eq!(ssrcs.allocate(0).unwrap().audio, Ssrc(END - 1));
        assert_eq!(ssrcs.allocate(0).unwrap().audio, freed.audio, "the gap fits");
        let next = ssrcs.allocate(1).unwrap();
        assert!(next.audio > also_kept.audio && next.audio != kept.audio);
        assert_eq!(next.audio.0, also_kept.audio.0 + 3);
    }
}

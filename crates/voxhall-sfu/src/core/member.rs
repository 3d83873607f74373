//! A member as a sender: what its packets are checked against and counted in.

use std::time::{Duration, Instant};

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::SequenceNumber;
use voxhall_transport::crypto::PacketFingerprint;
use voxhall_transport::replay::{MAX_JUMP, ReplayWindow};
use voxhall_transport::rtp::ExtendedSequence;

use super::arrivals::Arrivals;
use super::binding::{Bindings, Proof};
use super::layer::{Layer, Viewer};
use super::reception::Reception;
use crate::MemberId;

/// One member of one room.
pub(super) struct Member {
    pub(super) id: MemberId,
    /// Its room's place in the core.
    pub(super) room: usize,
    /// Its place among the room's listeners.
    pub(super) listener: usize,
    pub(super) bindings: Bindings,
    pub(super) audio: Source,
    /// What it can publish, in the order of Ready.
    pub(super) layers: Vec<Layer>,
    /// Who gets its video.
    pub(super) viewers: Vec<Viewer>,
    /// Its packets by their number on the transport, if it numbers them.
    pub(super) arrivals: Arrivals,
    /// It sent since the last receiver report and is in the list of those that get one.
    pub(super) report_due: bool,
    /// When the node was last told that the member speaks.
    pub(super) spoke_at: Option<Instant>,
}

impl Member {
    /// Notes that the member speaks; whether that is worth telling again.
    pub(super) fn note_speech(&mut self, now: Instant, every: Duration) -> bool {
        let due = self
            .spoke_at
            .is_none_or(|told| now.saturating_duration_since(told) >= every);
        if due {
            self.spoke_at = Some(now);
        }
        due
    }
}

/// One RTP stream of a member.
pub(super) struct Source {
    pub(super) ssrc: Ssrc,
    replay: ReplayWindow,
    pub(super) reception: Reception,
    /// Something came since the last receiver report.
    pub(super) heard: bool,
    /// Where the stream is.
    place: Option<ExtendedSequence>,
}

impl Source {
    pub(super) fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            replay: ReplayWindow::new(),
            reception: Reception::default(),
            heard: false,
            place: None,
        }
    }

    /// Takes in a packet that decrypted, and says how well it proves where its sender is: one that starts the stream
    /// anew may be a copy of an old one.
    #[inline]
    pub(super) fn accept(
        &mut self,
        now: Instant,
        sequence: SequenceNumber,
        fingerprint: PacketFingerprint,
    ) -> Result<Proof, voxhall_transport::Error> {
        let place = self.replay.accept(now, sequence, fingerprint)?;
        let before = self.place.unwrap_or(place);
        self.place = Some(place.max(before));
        if place.0 <= before.0 + u64::from(MAX_JUMP) {
            return Ok(Proof::Media);
        }
        self.reception = Reception::default();
        Ok(Proof::Weak)
    }

    /// A new key: sequence numbers may begin anew.
    pub(super) fn rekey(&mut self) {
        self.replay = ReplayWindow::new();
        self.reception = Reception::default();
        self.place = None;
    }
}

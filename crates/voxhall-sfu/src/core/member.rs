//! A member as a sender: what its packets are checked against and counted in.

use std::time::{Duration, Instant};

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::SequenceNumber;
use voxhall_transport::arrivals::Arrivals;
use voxhall_transport::crypto::PacketFingerprint;
use voxhall_transport::reception::Reception;
use voxhall_transport::replay::{MAX_JUMP, ReplayWindow};
use voxhall_transport::rtp::ExtendedSequence;

use super::asking::Asked;
use super::binding::{Bindings, Proof};
use super::layer::{Layer, Viewer};
use super::limiter::PacketLimit;
use super::sending_limit::SendingLimit;
use super::ssrc_table::StreamRole;
use super::webrtc::WebRtc;
use crate::MemberId;

/// One member of one room.
pub(super) struct Member {
    pub(super) id: MemberId,
    /// Its room's place in the core.
    pub(super) room: usize,
    /// Its place among the room's listeners.
    pub(super) listener: usize,
    pub(super) bindings: Bindings,
    /// What it has beside that if op 1 chose WebRTC.
    pub(super) webrtc: Option<Box<WebRtc>>,
    /// How much it may send of sound and reports.
    pub(super) limit: PacketLimit,
    pub(super) audio: Source,
    /// What it can publish, in the order of Ready.
    pub(super) layers: Vec<Layer>,
    /// Who gets its video.
    pub(super) viewers: Vec<Viewer>,
    /// Its packets by their number on the transport, if it numbers them.
    pub(super) arrivals: Arrivals,
    /// How much it may send, if it does not number them.
    pub(super) sending: SendingLimit,
    /// What it is asked for because its viewers take no more.
    pub(super) asked: Asked,
    /// It sent since the last receiver report and is in the list of those that get one.
    pub(super) report_due: bool,
    /// When the node was last told that the member speaks.
    pub(super) spoke_at: Option<Instant>,
}

impl Member {
    /// A new key: numbers of all streams may begin anew.
    pub(super) fn rekey(&mut self) {
        self.audio.rekey();
        for layer in &mut self.layers {
            layer.begin_anew();
        }
    }

    /// A stream begins anew, under a name of its own choice.
    pub(super) fn begin_anew(&mut self, role: StreamRole) {
        match role {
            StreamRole::Audio => self.audio.rekey(),
            StreamRole::Video(layer) => {
                if let Some(layer) = self.layers.get_mut(usize::from(layer)) {
                    layer.begin_anew();
                }
            }
            // What it repairs has numbers of its own.
            StreamRole::Retransmission(_) => {}
        }
    }

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

/// How many sequence numbers there are.
const CYCLE: u64 = 1 << 16;

/// One RTP stream of a member.
pub(super) struct Source {
    pub(super) ssrc: Ssrc,
    replay: ReplayWindow,
    pub(super) reception: Reception,
    /// Something came since the last receiver report.
    pub(super) heard: bool,
    /// Where the stream is.
    place: Option<ExtendedSequence>,
    /// Added to places, so that they rise from one key to the next.
    base: u64,
    /// When a sender report was passed on last.
    report_relayed: Option<Instant>,
}

/// How often sender reports of a stream are passed on at most: clients make one in a second or less, and a datagram of
/// nothing else would go to everybody fifty times.
const RELAY_REPORTS_EVERY: Duration = Duration::from_millis(200);

impl Source {
    pub(super) fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            replay: ReplayWindow::new(),
            reception: Reception::default(),
            heard: false,
            place: None,
            base: 0,
            report_relayed: None,
        }
    }

    /// Takes note of a sender report; whether it is to be passed on.
    pub(super) fn take_sender_report(&mut self, now: Instant, ntp_middle: u32) -> bool {
        self.reception.record_sender_report(ntp_middle, now);
        let is_due = self
            .report_relayed
            .is_none_or(|relayed| now.saturating_duration_since(relayed) >= RELAY_REPORTS_EVERY);
        if is_due {
            self.report_relayed = Some(now);
        }
        is_due
    }

    /// Takes in a packet that decrypted. Says how well it proves where its sender is, because one that starts the
    /// stream anew may be a copy of an old one, and its place in the stream; no two packets have the same.
    #[inline]
    pub(super) fn accept(
        &mut self,
        now: Instant,
        sequence: SequenceNumber,
        fingerprint: PacketFingerprint,
    ) -> Result<(Proof, ExtendedSequence), voxhall_transport::Error> {
        let place = self.replay.accept(now, sequence, fingerprint)?;
        let place = ExtendedSequence(self.base + place.0);
        let before = self.place.unwrap_or(place);
        self.place = Some(place.max(before));
        if place.0 <= before.0 + u64::from(MAX_JUMP) {
            return Ok((Proof::Media, place));
        }
        self.reception = Reception::default();
        Ok((Proof::Weak, place))
    }

    /// The place of a packet of which only the number is known; `None` before the first packet.
    pub(super) fn place_of(&self, sequence: SequenceNumber) -> Option<ExtendedSequence> {
        let newest = self.place?;
        let distance = sequence.distance_from(newest.sequence());
        newest
            .0
            .checked_add_signed(i64::from(distance))
            .map(ExtendedSequence)
    }

    /// A new key: sequence numbers may begin anew.
    pub(super) fn rekey(&mut self) {
        self.replay = ReplayWindow::new();
        self.reception = Reception::default();
        if let Some(place) = self.place.take() {
            self.base = (place.0 | (CYCLE - 1)) + 1;
        }
    }
}

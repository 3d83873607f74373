//! What is to be done later, and for whom.

use std::time::Instant;

/// The core's timers. Each runs only while somebody needs it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// Look for members that went silent or whose nonces run out.
    pub(super) review: Option<Instant>,
    /// Send receiver reports to those in `reporting`.
    pub(super) reports: Option<Instant>,
    /// Members that sent since the last report.
    pub(super) reporting: Vec<usize>,
    /// Report arrivals to those in `arriving`.
    pub(super) arrivals: Option<Instant>,
    /// Members whose numbered packets came since the last report.
    pub(super) arriving: Vec<usize>,
    /// Ask publishers for what is missing of the layers in `repairing`.
    pub(super) repairs: Option<Instant>,
    /// Layers of which something is missing: member and index of the layer.
    pub(super) repairing: Vec<(usize, u8)>,
    /// Attend to the downlinks of those in `viewing`.
    pub(super) downlinks: Option<Instant>,
    /// Members that are sent video.
    pub(super) viewing: Vec<usize>,
    /// Publishers that have to be told at once to send less.
    pub(super) asking: Vec<usize>,
    /// Go on with the handshakes of those in `handshaking`.
    pub(super) handshakes: Option<Instant>,
    /// WebRTC members whose handshake is under way.
    pub(super) handshaking: Vec<usize>,
    /// Ask for the keyframes in `wanted_keyframes` that are not too soon.
    pub(super) keyframes: Option<Instant>,
    /// Layers of which a keyframe is wanted: member and index of the layer.
    pub(super) wanted_keyframes: Vec<(usize, u8)>,
}

impl Timers {
    /// The earliest of them.
    pub(super) fn next(&self) -> Option<Instant> {
        let timers = [
            self.review,
            self.reports,
            self.arrivals,
            self.downlinks,
            self.handshakes,
            self.repairs,
            self.keyframes,
        ];
        timers.into_iter().flatten().min()
    }

    /// Makes room for one more member, so that the packet path never has to.
    pub(super) fn reserve(&mut self, members: usize, layers: usize) {
        self.reporting
            .reserve(members.saturating_sub(self.reporting.len()));
        self.asking.reserve(members.saturating_sub(self.asking.len()));
        self.arriving.reserve(members.saturating_sub(self.arriving.len()));
        self.repairing
            .reserve(layers.saturating_sub(self.repairing.len()));
        self.wanted_keyframes
            .reserve(layers.saturating_sub(self.wanted_keyframes.len()));
    }

    /// Something is missing of a layer, and is to be asked for at `due`.
    pub(super) fn repair(&mut self, member: usize, layer: u8, due: Option<Instant>) {
        let Some(due) = due else { return };
        if !self.repairing.contains(&(member, layer)) {
            self.repairing.push((member, layer));
        }
        set_earlier(&mut self.repairs, due);
    }

    /// Forgets a member.
    pub(super) fn forget(&mut self, member: usize) {
        self.reporting.retain(|&other| other != member);
        self.arriving.retain(|&other| other != member);
        self.viewing.retain(|&other| other != member);
        self.asking.retain(|&other| other != member);
        self.handshaking.retain(|&other| other != member);
        self.repairing.retain(|&(other, _)| other != member);
        self.wanted_keyframes.retain(|&(other, _)| other != member);
    }
}

/// Whether a timer has come; stops it if so.
pub(super) fn is_due(timer: &mut Option<Instant>, now: Instant) -> bool {
    timer.take_if(|at| *at <= now).is_some()
}

/// Makes a timer fire at `at`, or earlier if it was set so.
pub(super) fn set_earlier(timer: &mut Option<Instant>, at: Instant) {
    *timer = Some(timer.map_or(at, |set| set.min(at)));
}

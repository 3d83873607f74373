//! How what is sent to a member is protected, and in whose numbers it is.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::ExtensionMap;
use voxhall_transport::rtp::ExtendedSequence;
use voxhall_transport::srtp::SrtpSealer;
use voxhall_transport::{Error, PacketKind, Sealer};

use super::continuity::Continuity;
use super::ssrc_table::SsrcHasher;

/// The keys for one direction of a member's transport.
pub(super) enum Protection {
    /// One of the modes of the UDP protocol. The same key opens what the member sends.
    Udp(Sealer),
    /// A WebRTC transport.
    Srtp(Box<SrtpSending>),
}

impl Protection {
    /// Seals `header ‖ body` into `out` and returns the length.
    ///
    /// # Errors
    /// As [`Sealer::seal_parts`] and [`SrtpSealer::seal_parts`].
    #[inline]
    pub(super) fn seal_parts(
        &mut self,
        kind: PacketKind,
        header: &[u8],
        body: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        match self {
            Self::Udp(sealer) => sealer.seal_parts(kind, header, body, out),
            Self::Srtp(sending) => sending.sealer.seal_parts(kind, header, body, out),
        }
    }

    /// Seals what lies in `buffer` and returns the length.
    ///
    /// # Errors
    /// As [`Sealer::seal`] and [`SrtpSealer::seal`].
    pub(super) fn seal(
        &mut self,
        kind: PacketKind,
        buffer: &mut [u8],
        plain_length: usize,
    ) -> Result<usize, Error> {
        match self {
            Self::Udp(sealer) => sealer.seal(kind, buffer, plain_length),
            Self::Srtp(sending) => sending.sealer.seal(kind, buffer, plain_length),
        }
    }

    /// The numbers of the member's header extensions; `None` for the native ones.
    pub(super) fn extensions(&self) -> Option<&ExtensionMap> {
        match self {
            Self::Udp(_) => None,
            Self::Srtp(sending) => Some(&sending.extensions),
        }
    }

    /// The keying of the UDP protocol.
    pub(super) fn udp(&self) -> Option<&Sealer> {
        match self {
            Self::Udp(sealer) => Some(sealer),
            Self::Srtp(_) => None,
        }
    }
}

/// What sending to a WebRTC member takes.
pub(super) struct SrtpSending {
    sealer: SrtpSealer,
    extensions: ExtensionMap,
    /// For each speaker, the numbers of its packets. Other members are sent a speaker's own numbers.
    speakers: HashMap<Ssrc, Continuity, BuildHasherDefault<SsrcHasher>>,
}

impl SrtpSending {
    /// For a receiver with these numbers for header extensions, in a room with so many members.
    pub(super) fn new(sealer: SrtpSealer, extensions: ExtensionMap, members: usize) -> Self {
        let mut sending = Self {
            sealer,
            extensions,
            speakers: HashMap::default(),
        };
        sending.reserve(members);
        sending
    }

    /// Makes room for so many speakers.
    pub(super) fn reserve(&mut self, speakers: usize) {
        self.speakers
            .reserve(speakers.saturating_sub(self.speakers.len()));
    }

    /// The number under which a speaker's packet is sent; `None` for a packet that comes too late.
    #[inline]
    pub(super) fn number(&mut self, speaker: Ssrc, place: ExtendedSequence) -> Option<u16> {
        self.speakers
            .entry(speaker)
            .or_insert_with(Continuity::for_new_key)
            .forward(place)
    }

    /// Forgets a speaker that left.
    pub(super) fn forget(&mut self, speaker: Ssrc) {
        self.speakers.remove(&speaker);
    }
}

//! Opening what comes from the peer.

use super::cipher::SessionCipher;
use super::streams::Streams;
use super::{PacketIndex, SrtpMaster, SrtpProfile, clear_length, rtcp_sender, rtp_identity};
use crate::Error;
use crate::crypto::{Opened, PacketKind};

/// How many streams of one peer are remembered, RTP and RTCP each. One more takes the place of the one that was quiet
/// for longest.
pub const INBOUND_STREAMS: usize = 256;

/// Opens the packets that come from one peer. Its state changes with authentic packets only.
#[derive(Debug)]
pub struct SrtpOpener {
    cipher: SessionCipher,
    rtp: Streams,
    rtcp: Streams,
}

impl SrtpOpener {
    /// An opener that has seen nothing.
    #[must_use]
    pub fn new(profile: SrtpProfile, master: &SrtpMaster) -> Self {
        Self {
            cipher: SessionCipher::new(profile, master),
            rtp: Streams::new(INBOUND_STREAMS),
            rtcp: Streams::new(INBOUND_STREAMS),
        }
    }

    /// Opens a datagram in place. What fails to authenticate may be destroyed; the datagram is then only good for
    /// dropping.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`], [`Error::Version`], [`Error::Authentication`] or [`Error::Replayed`], all of which mean:
    /// drop it and count it.
    pub fn open<'d>(&mut self, kind: PacketKind, datagram: &'d mut [u8]) -> Result<Opened<'d>, Error> {
        let clear = clear_length(kind, datagram)?;
        if datagram.len() < clear + self.cipher.overhead(kind) {
            return Err(Error::Truncated);
        }
        match kind {
            PacketKind::Rtp => self.open_rtp(datagram, clear),
            PacketKind::Rtcp => self.open_rtcp(datagram),
        }
    }

    fn open_rtp<'d>(&mut self, datagram: &'d mut [u8], clear: usize) -> Result<Opened<'d>, Error> {
        let (ssrc, sequence) = rtp_identity(datagram);
        let first = u64::from(sequence.0);
        let index = match self.rtp.get(ssrc.0) {
            // Before the first period lies nothing: it is then far ahead within it.
            Some(window) => {
                Some(window.nearest(sequence).unwrap_or(first)).filter(|index| window.is_unused(*index))
            }
            None => Some(first),
        };
        let index = PacketIndex {
            ssrc: ssrc.0,
            index: index.ok_or(Error::Replayed)?,
        };
        let opened = self.cipher.open_rtp(index, datagram, clear)?;
        self.rtp.record(index.ssrc, index.index);
        Ok(opened)
    }

    fn open_rtcp<'d>(&mut self, datagram: &'d mut [u8]) -> Result<Opened<'d>, Error> {
        let index = PacketIndex {
            ssrc: rtcp_sender(datagram).0,
            index: self.cipher.rtcp_index(datagram)?,
        };
        if self
            .rtcp
            .get(index.ssrc)
            .is_some_and(|window| !window.is_unused(index.index))
        {
            return Err(Error::Replayed);
        }
        let opened = self.cipher.open_rtcp(index, datagram)?;
        self.rtcp.record(index.ssrc, index.index);
        Ok(opened)
    }
}

//! Protecting what goes to the peer.

use super::cipher::SessionCipher;
use super::streams::Streams;
use super::{PacketIndex, SrtpMaster, SrtpProfile, clear_length, rtcp_sender, rtp_identity};
use crate::Error;
use crate::crypto::PacketKind;

/// How many streams one key may protect. None can be forgotten, because its nonces would be used again.
pub const OUTBOUND_STREAMS: usize = 16_384;

/// Protects the packets that go to one peer.
///
/// There must be one at most per key: another would use the same nonces. Each stream begins with rollover counter 0 at
/// the first number that is sealed, so begin it below 2^15: a receiver that misses a packet of the first period
/// could not know that it has passed.
#[derive(Debug)]
pub struct SrtpSealer {
    cipher: SessionCipher,
    streams: Streams,
    rtcp_packets: u32,
}

impl SrtpSealer {
    /// A sealer for a key that has sealed nothing yet.
    #[must_use]
    pub fn new(profile: SrtpProfile, master: &SrtpMaster) -> Self {
        Self {
            cipher: SessionCipher::new(profile, master),
            streams: Streams::new(OUTBOUND_STREAMS),
            rtcp_packets: 0,
        }
    }

    /// Protects the packet in the first `plain_length` bytes of `buffer`, which has room for
    /// [`SrtpProfile::overhead`] more, and returns the datagram's length.
    ///
    /// # Errors
    ///
    /// [`Error::BufferTooSmall`]; [`Error::Truncated`] or [`Error::Version`] for a packet without a whole header;
    /// [`Error::Replayed`] if the stream's sequence number was used within its window or lies before the window;
    /// [`Error::NoncesExhausted`].
    pub fn seal(&mut self, kind: PacketKind, buffer: &mut [u8], plain_length: usize) -> Result<usize, Error> {
        let length = plain_length + self.cipher.overhead(kind);
        Error::check_room(length, buffer.len())?;
        let clear = clear_length(kind, &buffer[..plain_length])?;
        let index = self.take_index(kind, &buffer[..clear])?;
        self.cipher.protect(kind, index, &mut buffer[..length], clear);
        Ok(length)
    }

    /// Protects `header ‖ body` into `out` and returns the datagram's length. `header` holds the whole RTP header with
    /// CSRCs and extensions, or the first 8 bytes of RTCP; what it holds beyond that is encrypted like the body.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    pub fn seal_parts(
        &mut self,
        kind: PacketKind,
        header: &[u8],
        body: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let plain_length = header.len() + body.len();
        let length = plain_length + self.cipher.overhead(kind);
        Error::check_room(length, out.len())?;
        let clear = clear_length(kind, header)?;
        let index = self.take_index(kind, &header[..clear])?;
        out[..header.len()].copy_from_slice(header);
        out[header.len()..plain_length].copy_from_slice(body);
        self.cipher.protect(kind, index, &mut out[..length], clear);
        Ok(length)
    }

    /// The index of the packet with this header, which from now on is used.
    fn take_index(&mut self, kind: PacketKind, header: &[u8]) -> Result<PacketIndex, Error> {
        match kind {
            PacketKind::Rtp => self.take_rtp_index(header),
            PacketKind::Rtcp => self.take_rtcp_index(header),
        }
    }

    fn take_rtp_index(&mut self, header: &[u8]) -> Result<PacketIndex, Error> {
        let (ssrc, sequence) = rtp_identity(header);
        let index = match self.streams.get(ssrc.0) {
            Some(window) => window
                .nearest(sequence)
                .filter(|index| window.is_unused(*index))
                .ok_or(Error::Replayed)?,
            None if self.streams.is_full() => return Err(Error::NoncesExhausted),
            None => u64::from(sequence.0),
        };
        if index >> 48 != 0 {
            return Err(Error::NoncesExhausted);
        }
        self.streams.record(ssrc.0, index);
        Ok(PacketIndex { ssrc: ssrc.0, index })
    }

    /// All senders' reports share one counter, so each sender's index rises as it must.
    fn take_rtcp_index(&mut self, header: &[u8]) -> Result<PacketIndex, Error> {
        if self.rtcp_packets >> 31 != 0 {
            return Err(Error::NoncesExhausted);
        }
        let index = u64::from(self.rtcp_packets);
        self.rtcp_packets += 1;
        let ssrc = rtcp_sender(header).0;
        Ok(PacketIndex { ssrc, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> SrtpSealer {
        let profile = SrtpProfile::AeadAes128Gcm;
        let master = SrtpMaster::new(profile, &[1; 16], &[2; 12]).expect("the lengths fit");
        SrtpSealer::new(profile, &master)
    }

    fn seal(sealer: &mut SrtpSealer, ssrc: u32, sequence: u16) -> Result<usize, Error> {
        let mut header = [0x80, 0x78, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header[2..4].copy_from_slice(&sequence.to_be_bytes());
        header[8..].copy_from_slice(&ssrc.to_be_bytes());
        sealer.seal_parts(PacketKind::Rtp, &header, b"voice", &mut [0; 64])
    }

    #[test]
    fn no_number_is_sealed_twice() {
        let mut sealer = sealer();
        assert_eq!(seal(&mut sealer, 1, 100), Ok(33));
        assert_eq!(seal(&mut sealer, 1, 100), Err(Error::Replayed));
        assert_eq!(seal(&mut sealer, 2, 100), Ok(33), "of another stream");
        assert_eq!(seal(&mut sealer, 1, 99), Ok(33), "late, but unused");
        assert_eq!(
            seal(&mut sealer, 1, 65_535),
            Err(Error::Replayed),
            "before the stream began"
        );
        assert_eq!(seal(&mut sealer, 1, 1_000), Ok(33));
        assert_eq!(seal(&mut sealer, 1, 300), Err(Error::Replayed), "too old to know");
    }

    #[test]
    fn a_key_ends_with_its_streams_and_its_reports() {
        let mut sealer = sealer();
        for ssrc in 0..OUTBOUND_STREAMS {
            let ssrc = u32::try_from(ssrc).expect("few");
            assert!(seal(&mut sealer, ssrc, 1).is_ok());
        }
        assert_eq!(seal(&mut sealer, u32::MAX, 1), Err(Error::NoncesExhausted));
        assert!(seal(&mut sealer, 0, 2).is_ok(), "streams that were there go on");

        sealer.rtcp_packets = (1 << 31) - 1;
        let report = [0x80, 201, 0, 1, 0, 0, 0, 1];
        let mut out = [0; 64];
        let length = sealer
            .seal_parts(PacketKind::Rtcp, &report, &[], &mut out)
            .expect("the last");
        assert_eq!(out[length - 4..length], [0xFF; 4]);
        let beyond = sealer.seal_parts(PacketKind::Rtcp, &report, &[], &mut out);
        assert_eq!(beyond, Err(Error::NoncesExhausted));
    }
}

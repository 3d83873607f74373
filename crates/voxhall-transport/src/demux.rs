//! What a datagram is, by its first bytes (`media-transport.md` section 2).

use voxhall_protocol::voice::Ssrc;

use crate::rtp::{FIXED_HEADER_LENGTH, VERSION};

const DISCOVERY_LENGTH: usize = 74;
/// Type 1, request, and the 70 bytes that follow.
const DISCOVERY_HEAD: [u8; 4] = [0x00, 0x01, 0x00, 0x46];
const LEGACY_DISCOVERY_LENGTH: usize = 70;
/// The first byte of a legacy request belongs to an SSRC below this in its top byte; STUN and DTLS lie around it.
const LEGACY_DISCOVERY_FIRST_BYTE: std::ops::Range<u8> = 0..20;
const KEEP_ALIVE_LENGTH: usize = 8;
/// The first half of a native client's ping.
const PING_MAGIC: [u8; 4] = [0x13, 0x37, 0xCA, 0xFE];
const STUN_HEADER_LENGTH: usize = 20;
const STUN_MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const STUN_FIRST_BYTE: std::ops::Range<u8> = 0..4;
const DTLS_FIRST_BYTE: std::ops::Range<u8> = 20..64;
/// RTCP packet types. No RTP packet has such a second byte, because payload types 64–95 are never used (RFC 5761).
const RTCP_PACKET_TYPES: std::ops::RangeInclusive<u8> = 192..=223;
/// The clear part of an RTCP packet.
const RTCP_HEADER_LENGTH: usize = 8;

/// A datagram's kind, with what is needed to find its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram {
    /// A discovery request in the current form; `voxhall-protocol` reads and answers it.
    Discovery,
    /// A discovery request in the legacy or the hybrid form, 70 bytes.
    LegacyDiscovery,
    /// A native client's ping with its sequence number, an opaque value to be sent back.
    Ping([u8; 4]),
    /// A library's keep-alive counter, to be sent back as it is.
    KeepAlive([u8; 8]),
    /// STUN of a WebRTC client.
    Stun,
    /// DTLS of a WebRTC client.
    Dtls,
    /// RTCP, sealed, from this sender.
    Rtcp(Ssrc),
    /// RTP, sealed, of this stream.
    Rtp(Ssrc),
    /// Some other keep-alive, or rubbish: count it and drop it.
    Noise,
}

/// Whether the 70-byte forms of discovery are understood. They need SSRCs below 2^28.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LegacyDiscovery {
    /// They are noise.
    #[default]
    Refused,
    /// They are answered.
    Accepted,
}

/// Tells what a datagram is. What it says about itself is not verified: only a packet that decrypts is genuine.
#[must_use]
pub fn classify(datagram: &[u8], legacy: LegacyDiscovery) -> Datagram {
    discovery(datagram, legacy)
        .or_else(|| keep_alive(datagram))
        .or_else(|| webrtc(datagram))
        .or_else(|| media(datagram))
        .unwrap_or(Datagram::Noise)
}

fn discovery(datagram: &[u8], legacy: LegacyDiscovery) -> Option<Datagram> {
    match datagram.len() {
        DISCOVERY_LENGTH if datagram.starts_with(&DISCOVERY_HEAD) && !has_stun_cookie(datagram) => {
            Some(Datagram::Discovery)
        }
        LEGACY_DISCOVERY_LENGTH
            if legacy == LegacyDiscovery::Accepted && LEGACY_DISCOVERY_FIRST_BYTE.contains(&datagram[0]) =>
        {
            Some(Datagram::LegacyDiscovery)
        }
        _ => None,
    }
}

fn keep_alive(datagram: &[u8]) -> Option<Datagram> {
    let bytes: [u8; KEEP_ALIVE_LENGTH] = datagram.try_into().ok()?;
    let (head, [a, b, c, d]) = (&bytes[..4], [bytes[4], bytes[5], bytes[6], bytes[7]]);
    Some(if head == PING_MAGIC {
        Datagram::Ping([a, b, c, d])
    } else {
        Datagram::KeepAlive(bytes)
    })
}

fn webrtc(datagram: &[u8]) -> Option<Datagram> {
    let first = datagram.first()?;
    if DTLS_FIRST_BYTE.contains(first) {
        return Some(Datagram::Dtls);
    }
    let is_stun =
        STUN_FIRST_BYTE.contains(first) && datagram.len() >= STUN_HEADER_LENGTH && has_stun_cookie(datagram);
    is_stun.then_some(Datagram::Stun)
}

fn media(datagram: &[u8]) -> Option<Datagram> {
    let [first, second] = *datagram.first_chunk()?;
    if first >> 6 != VERSION {
        return None;
    }
    if RTCP_PACKET_TYPES.contains(&second) {
        let header = datagram.first_chunk::<RTCP_HEADER_LENGTH>()?;
        return Some(Datagram::Rtcp(ssrc(*header.last_chunk()?)));
    }
    let header = datagram.first_chunk::<FIXED_HEADER_LENGTH>()?;
    Some(Datagram::Rtp(ssrc(*header.last_chunk()?)))
}

const fn ssrc(bytes: [u8; 4]) -> Ssrc {
    Ssrc(u32::from_be_bytes(bytes))
}

fn has_stun_cookie(datagram: &[u8]) -> bool {
    datagram.get(4..8) == Some(&STUN_MAGIC_COOKIE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modern(datagram: &[u8]) -> Datagram {
        classify(datagram, LegacyDiscovery::Refused)
    }

    #[test]
    fn a_legacy_request_needs_legacy_mode_and_a_small_ssrc() {
        let mut request = [0; 70];
        request[..4].copy_from_slice(&[0x00, 0x0A, 0xE4, 0x11]);
        assert_eq!(
            classify(&request, LegacyDiscovery::Accepted),
            Datagram::LegacyDiscovery
        );
        assert_eq!(modern(&request), Datagram::Noise);
        request[0] = 20;
        assert_eq!(classify(&request, LegacyDiscovery::Accepted), Datagram::Dtls);
    }

    #[test]
    fn a_stun_request_as_long_as_a_discovery_request_is_stun() {
        let mut request = [0; 74];
        request[..8].copy_from_slice(&[0x00, 0x01, 0x00, 0x46, 0x21, 0x12, 0xA4, 0x42]);
        assert_eq!(modern(&request), Datagram::Stun);
        request[4] = 0x22;
        assert_eq!(modern(&request), Datagram::Discovery);
    }

    #[test]
    fn eight_bytes_are_a_ping_or_a_keep_alive() {
        assert_eq!(
            modern(&[0x13, 0x37, 0xCA, 0xFE, 1, 0, 0, 0]),
            Datagram::Ping([1, 0, 0, 0])
        );
        assert_eq!(
            modern(&[7, 0, 0, 0, 0, 0, 0, 0]),
            Datagram::KeepAlive([7, 0, 0, 0, 0, 0, 0, 0])
        );
        assert_eq!(
            modern(&[0x80, 0xC8, 0, 0, 0, 0, 0, 1]),
            Datagram::KeepAlive([0x80, 0xC8, 0, 0, 0, 0, 0, 1])
        );
    }

    #[test]
    fn media_is_told_apart_by_its_second_byte() {
        let mut packet = [0; 32];
        packet[0] = 0x90;
        packet[4..12].copy_from_slice(&[0, 0, 0, 7, 0, 0, 0, 9]);
        for (second, expected) in [
            (120, Datagram::Rtp(Ssrc(9))),
            (0xF8, Datagram::Rtp(Ssrc(9))),
            (191, Datagram::Rtp(Ssrc(9))),
            (192, Datagram::Rtcp(Ssrc(7))),
            (206, Datagram::Rtcp(Ssrc(7))),
            (223, Datagram::Rtcp(Ssrc(7))),
            (224, Datagram::Rtp(Ssrc(9))),
        ] {
            packet[1] = second;
            assert_eq!(modern(&packet), expected, "second byte {second}");
        }
        assert_eq!(modern(&packet[..11]), Datagram::Noise);
    }

    #[test]
    fn other_keep_alives_and_rubbish_are_noise() {
        for noise in [
            &[][..],
            &[0x80],
            &[0, 0x0A, 0xE4, 0x11],
            &[0xC9, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x40; 30],
        ] {
            assert_eq!(modern(noise), Datagram::Noise, "{noise:?}");
        }
    }
}

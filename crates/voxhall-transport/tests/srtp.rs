//! SRTP against what others have published, and its two ends against each other.

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::crypto::TAG_LENGTH;
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::srtp::{
    DtlsRole, INBOUND_STREAMS, SRTP_MAX_OVERHEAD, SrtpKeys, SrtpMaster, SrtpOpener, SrtpProfile, SrtpSealer,
};
use voxhall_transport::{Error, PacketKind, PayloadType, SequenceNumber};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| digit.to_digit(16).expect("hexadecimal") as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

struct Vector {
    profile: SrtpProfile,
    key: &'static str,
    salt: &'static str,
    kind: PacketKind,
    /// Packets that are sealed before, for vectors whose index is not 0.
    before: usize,
    plain: &'static str,
    sealed: &'static str,
}

/// The reference packets that libsrtp checks itself with at every start, from master keys to the wire.
const VECTORS: [Vector; 4] = [
    Vector {
        profile: SrtpProfile::Aes128CmHmacSha1_80,
        key: "e1f97a0d3e018be0d64fa32c06de4139",
        salt: "0ec675ad498afeebb6960b3aabe6",
        kind: PacketKind::Rtp,
        before: 0,
        plain: "800f1234decafbadcafebabe abababababababababababababababab",
        sealed: "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
    },
    Vector {
        profile: SrtpProfile::Aes128CmHmacSha1_80,
        key: "e1f97a0d3e018be0d64fa32c06de4139",
        salt: "0ec675ad498afeebb6960b3aabe6",
        kind: PacketKind::Rtcp,
        before: 1,
        plain: "81c8000bcafebabe abababababababababababababababab",
        sealed: "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
    },
    Vector {
        profile: SrtpProfile::AeadAes128Gcm,
        key: "000102030405060708090a0b0c0d0e0f",
        salt: "a0a1a2a3a4a5a6a7a8a9aaab",
        kind: PacketKind::Rtp,
        before: 0,
        plain: "800f1234decafbadcafebabe abababababababababababababababab",
        sealed: "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
    },
    Vector {
        profile: SrtpProfile::AeadAes128Gcm,
        key: "000102030405060708090a0b0c0d0e0f",
        salt: "a0a1a2a3a4a5a6a7a8a9aaab",
        kind: PacketKind::Rtcp,
        before: 1,
        plain: "81c8000bcafebabe abababababababababababababababab",
        sealed: "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
    },
];

#[test]
fn published_packets_seal_and_open() {
    for vector in &VECTORS {
        let master = SrtpMaster::new(vector.profile, &hex(vector.key), &hex(vector.salt));
        let master = master.expect("the lengths fit");
        let plain = hex(vector.plain);
        let mut sealer = SrtpSealer::new(vector.profile, &master);
        let mut out = [0; 128];
        for _ in 0..vector.before {
            seal(&mut sealer, vector.kind, &plain, &mut out);
        }
        let length = seal(&mut sealer, vector.kind, &plain, &mut out);
        assert_eq!(
            out[..length],
            hex(vector.sealed),
            "{:?} {:?}",
            vector.profile,
            vector.kind
        );
        let mut opener = SrtpOpener::new(vector.profile, &master);
        let opened = opener
            .open(vector.kind, &mut out[..length])
            .expect("it is genuine");
        assert_eq!(*opened.packet, plain);
    }
}

fn seal(sealer: &mut SrtpSealer, kind: PacketKind, plain: &[u8], out: &mut [u8]) -> usize {
    out[..plain.len()].copy_from_slice(plain);
    sealer.seal(kind, out, plain.len()).expect("it fits")
}

/// Both ends of one association.
struct Pair {
    profile: SrtpProfile,
    sealer: SrtpSealer,
    opener: SrtpOpener,
}

impl Pair {
    fn new(profile: SrtpProfile) -> Self {
        let exported: Vec<u8> = (0_u8..).take(profile.keying_length()).collect();
        let server = SrtpKeys::from_exported(profile, &exported, DtlsRole::Server).expect("long enough");
        let client = SrtpKeys::from_exported(profile, &exported, DtlsRole::Client).expect("long enough");
        Self {
            profile,
            sealer: SrtpSealer::new(profile, &server.outbound),
            opener: SrtpOpener::new(profile, &client.inbound),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        SrtpProfile::ALL.into_iter().map(Self::new)
    }

    fn seal(&mut self, kind: PacketKind, header: &[u8], body: &[u8]) -> Vec<u8> {
        let mut out = vec![0; header.len() + body.len() + SRTP_MAX_OVERHEAD];
        let length = self
            .sealer
            .seal_parts(kind, header, body, &mut out)
            .expect("it fits");
        out.truncate(length);
        out
    }

    fn voice(&mut self, ssrc: u32, sequence: u16) -> Vec<u8> {
        self.seal(PacketKind::Rtp, &header(ssrc, sequence), b"voice")
    }

    fn open(&mut self, kind: PacketKind, datagram: &[u8]) -> Result<Vec<u8>, Error> {
        let mut datagram = datagram.to_vec();
        self.opener
            .open(kind, &mut datagram)
            .map(|opened| opened.packet.to_vec())
    }

    fn hears(&mut self, datagram: &[u8]) -> bool {
        self.open(PacketKind::Rtp, datagram).is_ok()
    }
}

fn header(ssrc: u32, sequence: u16) -> [u8; 12] {
    let mut out = [0; 12];
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(sequence),
        timestamp: 960 * u32::from(sequence),
        ssrc: Ssrc(ssrc),
    };
    header.write(&[], &mut out).expect("12 bytes");
    out
}

const WITH_CSRC_AND_EXTENSION: [u8; 24] = [
    0x91, 0x78, 0x00, 0x07, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9, 0xBE, 0xDE, 0, 1, 0x10, 0x9E, 0x90, 0x02,
];
const REPORT: [u8; 16] = [0x81, 201, 0, 3, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8];

#[test]
fn the_whole_header_stays_clear_and_nothing_else() {
    for mut pair in Pair::all() {
        let sealed = pair.seal(PacketKind::Rtp, &WITH_CSRC_AND_EXTENSION, &[0xAA; 40]);
        assert_eq!(sealed.len(), 64 + pair.profile.overhead(PacketKind::Rtp));
        assert_eq!(sealed[..24], WITH_CSRC_AND_EXTENSION);
        assert_ne!(sealed[24..28], [0xAA; 4]);
        let opened = pair.open(PacketKind::Rtp, &sealed).expect("genuine");
        assert_eq!(opened, [&WITH_CSRC_AND_EXTENSION[..], &[0xAA; 40]].concat());

        let sealed = pair.seal(PacketKind::Rtcp, &REPORT[..8], &REPORT[8..]);
        assert_eq!(sealed.len(), 16 + pair.profile.overhead(PacketKind::Rtcp));
        assert_eq!(sealed[..8], REPORT[..8]);
        assert_ne!(sealed[8..16], REPORT[8..]);
        assert_eq!(pair.open(PacketKind::Rtcp, &sealed).expect("genuine"), REPORT);
    }
}

#[test]
fn an_empty_payload_is_sealed_too() {
    for mut pair in Pair::all() {
        let sealed = pair.seal(PacketKind::Rtp, &header(1, 1), &[]);
        assert_eq!(
            pair.open(PacketKind::Rtp, &sealed).expect("genuine"),
            header(1, 1)
        );
        let sealed = pair.seal(PacketKind::Rtcp, &REPORT[..8], &[]);
        assert_eq!(
            pair.open(PacketKind::Rtcp, &sealed).expect("genuine"),
            REPORT[..8]
        );
    }
}

#[test]
fn sealing_in_place_and_from_parts_are_the_same() {
    for profile in SrtpProfile::ALL {
        for (kind, packet, clear) in [
            (PacketKind::Rtp, &WITH_CSRC_AND_EXTENSION, 24),
            (PacketKind::Rtcp, &WITH_CSRC_AND_EXTENSION, 8),
        ] {
            let whole = [&packet[..], &[0x33; 20]].concat();
            let parts = Pair::new(profile).seal(kind, &whole[..clear], &whole[clear..]);
            let more_in_front = Pair::new(profile).seal(kind, &whole[..clear + 5], &whole[clear + 5..]);
            let mut buffer = [whole.clone(), vec![0; SRTP_MAX_OVERHEAD]].concat();
            let mut sealer = Pair::new(profile).sealer;
            let length = sealer.seal(kind, &mut buffer, whole.len()).expect("it fits");
            assert_eq!(buffer[..length], parts);
            assert_eq!(more_in_front, parts);
        }
    }
}

#[test]
fn a_stream_goes_on_through_rollovers_with_loss_and_reordering() {
    for mut pair in Pair::all() {
        let mut held_back = Vec::new();
        for number in 0..200_000_u32 {
            let datagram = pair.voice(5, number as u16);
            match number % 1_000 {
                // Lost, some of them right at the rollover.
                3 | 535 | 536 => {}
                // Late by 300 packets: across the rollover too, since one comes every 1,000.
                700 => held_back.push((number + 300, datagram)),
                _ => assert!(pair.hears(&datagram), "{number}"),
            }
            if let Some((_, late)) = held_back.pop_if(|(due, _)| *due == number) {
                assert!(pair.hears(&late), "late at {number}");
                assert!(!pair.hears(&late), "a copy at {number}");
            }
        }
    }
}

#[test]
fn a_gap_of_thousands_across_the_rollover_is_bridged() {
    for mut pair in Pair::all() {
        let _ = (0..60_000)
            .map(|number| pair.voice(1, number))
            .last()
            .is_some_and(|last| pair.hears(&last));
        let late = pair.voice(1, 65_300);
        for lost in 65_301..=u16::MAX {
            pair.voice(1, lost);
        }
        assert!(
            (0..20_000)
                .map(|number| pair.voice(1, number))
                .last()
                .is_some_and(|last| pair.hears(&last))
        );
        assert!(!pair.hears(&late), "older than the window");
    }
}

#[test]
fn streams_have_rollover_counters_of_their_own() {
    let mut pair = Pair::new(SrtpProfile::AeadAes128Gcm);
    for number in (0..=u16::MAX).chain(0..100) {
        let datagram = pair.voice(1, number);
        assert!(number % 8_000 != 0 || pair.hears(&datagram));
    }
    let other = pair.voice(2, 7);
    assert!(pair.hears(&other));
    let first = pair.voice(1, 100);
    assert!(pair.hears(&first));
}

#[test]
fn copies_are_refused() {
    for mut pair in Pair::all() {
        let voice = pair.voice(1, 1);
        let report = pair.seal(PacketKind::Rtcp, &REPORT[..8], &REPORT[8..]);
        let second = pair.seal(PacketKind::Rtcp, &REPORT[..8], &REPORT[8..]);
        assert_ne!(report, second, "each report has an index of its own");
        assert!(pair.hears(&voice));
        assert_eq!(pair.open(PacketKind::Rtp, &voice), Err(Error::Replayed));
        assert!(pair.open(PacketKind::Rtcp, &second).is_ok());
        assert!(pair.open(PacketKind::Rtcp, &report).is_ok(), "out of order");
        for copy in [&report, &second] {
            assert_eq!(pair.open(PacketKind::Rtcp, copy), Err(Error::Replayed));
        }
    }
}

#[test]
fn what_was_changed_or_cut_does_not_open_and_leaves_no_trace() {
    for mut pair in Pair::all() {
        let rtp = pair.seal(PacketKind::Rtp, &WITH_CSRC_AND_EXTENSION, &[0x55; 30]);
        let rtcp = pair.seal(PacketKind::Rtcp, &REPORT[..8], &REPORT[8..]);
        for (kind, sealed) in [(PacketKind::Rtp, &rtp), (PacketKind::Rtcp, &rtcp)] {
            for bit in 0..8 * sealed.len() {
                let mut changed = sealed.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(pair.open(kind, &changed).is_err(), "{kind:?}, bit {bit}");
            }
            for length in 0..sealed.len() {
                assert!(
                    pair.open(kind, &sealed[..length]).is_err(),
                    "{kind:?}, {length} bytes"
                );
            }
            let longer = [&sealed[..], &[0]].concat();
            assert!(pair.open(kind, &longer).is_err());
        }
        assert!(
            pair.open(PacketKind::Rtp, &rtp).is_ok(),
            "no forgery was taken for a packet"
        );
        assert!(pair.open(PacketKind::Rtcp, &rtcp).is_ok());
    }
}

#[test]
fn unencrypted_rtcp_and_rtcp_as_rtp_are_refused() {
    for mut pair in Pair::all() {
        let sealed = pair.seal(PacketKind::Rtcp, &REPORT[..8], &REPORT[8..]);
        assert!(pair.open(PacketKind::Rtp, &sealed).is_err());
        let mut clear = sealed;
        let word = clear.len()
            - if pair.profile.overhead(PacketKind::Rtp) == TAG_LENGTH {
                4
            } else {
                14
            };
        assert_eq!(clear[word] & 0x80, 0x80, "the E bit");
        clear[word] &= 0x7F;
        assert_eq!(pair.open(PacketKind::Rtcp, &clear), Err(Error::Authentication));
    }
}

#[test]
fn forged_streams_take_no_memory_and_genuine_ones_a_bounded_one() {
    let mut pair = Pair::new(SrtpProfile::AeadAes128Gcm);
    let genuine = pair.voice(7, 1);
    assert!(pair.hears(&genuine));
    for ssrc in 0..2 * INBOUND_STREAMS {
        let mut forged = genuine.clone();
        forged[8..12].copy_from_slice(&u32::try_from(1_000 + ssrc).expect("few").to_be_bytes());
        assert!(!pair.hears(&forged));
    }
    assert!(!pair.hears(&genuine), "its window is still there");
    for ssrc in 0..INBOUND_STREAMS {
        let datagram = pair.voice(u32::try_from(1_000 + ssrc).expect("few"), 1);
        assert!(pair.hears(&datagram));
    }
    assert!(pair.hears(&genuine), "the quietest was forgotten");
}

#[test]
fn another_key_or_profile_opens_nothing() {
    for mut pair in Pair::all() {
        let voice = pair.voice(1, 1);
        for profile in SrtpProfile::ALL {
            let exported: Vec<u8> = (0_u8..).take(profile.keying_length()).collect();
            let keys = SrtpKeys::from_exported(profile, &exported, DtlsRole::Client).expect("long enough");
            let mut own_direction = SrtpOpener::new(profile, &keys.outbound);
            assert!(own_direction.open(PacketKind::Rtp, &mut voice.clone()).is_err());
            if profile != pair.profile {
                let mut other = SrtpOpener::new(profile, &keys.inbound);
                assert!(other.open(PacketKind::Rtp, &mut voice.clone()).is_err());
            }
        }
    }
}

#[test]
fn what_cannot_be_sealed_is_refused_and_uses_no_number() {
    for mut pair in Pair::all() {
        let needed = 12 + 5 + pair.profile.overhead(PacketKind::Rtp);
        let available = needed - 1;
        let mut short = vec![0; available];
        assert_eq!(
            pair.sealer
                .seal_parts(PacketKind::Rtp, &header(1, 1), b"voice", &mut short),
            Err(Error::BufferTooSmall { needed, available })
        );
        let mut out = [0; 64];
        for (kind, header) in [
            (PacketKind::Rtp, &WITH_CSRC_AND_EXTENSION[..23]),
            (PacketKind::Rtp, &WITH_CSRC_AND_EXTENSION[..11]),
            (PacketKind::Rtcp, &REPORT[..7]),
        ] {
            assert_eq!(
                pair.sealer.seal_parts(kind, header, b"x", &mut out),
                Err(Error::Truncated)
            );
            out[..header.len()].copy_from_slice(header);
            assert_eq!(
                pair.sealer.seal(kind, &mut out, header.len()),
                Err(Error::Truncated)
            );
        }
        let mut version = header(1, 1);
        version[0] = 0x40;
        assert_eq!(
            pair.sealer
                .seal_parts(PacketKind::Rtp, &version, b"voice", &mut out),
            Err(Error::Version)
        );
        assert!(
            pair.sealer
                .seal_parts(PacketKind::Rtp, &header(1, 1), b"voice", &mut out)
                .is_ok()
        );
    }
}

//! Every encryption vector, in both directions, and the mutated packets that must not open.

mod common;

use common::{Hex, section};
use serde::Deserialize;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_transport::crypto::{ClientNonces, ServerNonces, TAG_LENGTH, clear_length, overhead};
use voxhall_transport::{Cipher, Error, NonceSuffix, PacketKind, TransportKey};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", remote = "PacketKind")]
enum Kind {
    Rtp,
    Rtcp,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    mode: EncryptionMode,
    #[serde(with = "Kind")]
    kind: PacketKind,
    key: Hex,
    plain_packet: Hex,
    clear_length: usize,
    nonce_suffix: Hex,
    plaintext: Hex,
    ciphertext: Hex,
    packet: Hex,
}

#[derive(Deserialize)]
struct Mutated {
    id: String,
    mode: EncryptionMode,
    #[serde(with = "Kind")]
    kind: PacketKind,
    key: Hex,
    packet: Hex,
    must_fail: bool,
}

fn cipher(mode: EncryptionMode, key: &Hex) -> Cipher {
    // `plain` has no key, and its cipher ignores what it is given.
    let bytes = if key.is_empty() {
        [0; 32]
    } else {
        key.0.clone().try_into().expect("a key has 32 bytes")
    };
    Cipher::new(mode, &TransportKey::from(bytes))
}

fn suffix(bytes: &[u8]) -> NonceSuffix {
    match bytes.len() {
        0 => NonceSuffix::None,
        4 => NonceSuffix::Counter(bytes.try_into().expect("four bytes")),
        _ => NonceSuffix::Whole(bytes.try_into().expect("a whole nonce")),
    }
}

fn vectors() -> Vec<Vector> {
    section("transport", 81)
}

#[test]
fn every_mode_and_the_captured_packet_are_there() {
    let vectors = vectors();
    for mode in EncryptionMode::ALL {
        assert!(
            vectors.iter().filter(|vector| vector.mode == mode).count() >= 10,
            "{mode}"
        );
    }
    assert!(
        vectors
            .iter()
            .any(|vector| vector.id == "captured/aead_aes256_gcm_rtpsize/rtcp-sr-sdes")
    );
}

#[test]
fn sealing_in_place_gives_the_datagram() {
    for vector in vectors() {
        let mut buffer = vector.plain_packet.0.clone();
        buffer.resize(vector.packet.len() + 7, 0xEE);
        let sealed = cipher(vector.mode, &vector.key)
            .seal(
                vector.kind,
                &mut buffer,
                vector.plain_packet.len(),
                &suffix(&vector.nonce_suffix),
            )
            .expect("the buffer is long enough");
        assert_eq!(buffer[..sealed], *vector.packet, "{}", vector.id);
        assert_eq!(buffer[sealed..], [0xEE; 7], "{} wrote behind its end", vector.id);
    }
}

#[test]
fn sealing_from_parts_gives_the_datagram_wherever_the_cut_is() {
    for vector in vectors() {
        let cipher = cipher(vector.mode, &vector.key);
        let first_cut = if vector.mode == EncryptionMode::Plain {
            0
        } else {
            vector.clear_length
        };
        for cut in first_cut..=vector.plain_packet.len() {
            let (header, body) = vector.plain_packet.split_at(cut);
            let mut out = vec![0xEE; vector.packet.len()];
            let sealed =
                cipher.seal_parts(vector.kind, header, body, &mut out, &suffix(&vector.nonce_suffix));
            assert_eq!(sealed, Ok(vector.packet.len()), "{} cut at {cut}", vector.id);
            assert_eq!(out, vector.packet.0, "{} cut at {cut}", vector.id);
        }
    }
}

#[test]
fn opening_gives_the_packet() {
    for vector in vectors() {
        let mut datagram = vector.packet.0.clone();
        let opened = cipher(vector.mode, &vector.key).open(vector.kind, &mut datagram);
        assert_eq!(
            *opened.expect(&vector.id).packet,
            *vector.plain_packet,
            "{}",
            vector.id
        );
    }
}

#[test]
fn lengths_are_those_of_the_file() {
    for vector in vectors() {
        assert_eq!(
            vector.packet.len() - vector.plain_packet.len(),
            overhead(vector.mode),
            "{}",
            vector.id
        );
        let clear = clear_length(vector.mode, vector.kind, &vector.packet).expect("a whole packet");
        assert_eq!(clear, vector.clear_length, "{}", vector.id);
        assert_eq!(vector.plaintext.len(), vector.ciphertext.len(), "{}", vector.id);
        assert_eq!(vector.plain_packet[clear..], *vector.plaintext, "{}", vector.id);
    }
}

#[test]
fn a_datagram_cut_anywhere_does_not_open() {
    for vector in vectors()
        .into_iter()
        .filter(|vector| vector.mode != EncryptionMode::Plain)
    {
        let cipher = cipher(vector.mode, &vector.key);
        for length in 0..vector.packet.len() {
            let error = cipher
                .open(vector.kind, &mut vector.packet[..length].to_vec())
                .map(drop)
                .unwrap_err();
            let too_short = length < vector.clear_length + overhead(vector.mode);
            let expected = if too_short {
                Error::Truncated
            } else {
                Error::Authentication
            };
            assert_eq!(error, expected, "{} cut at {length}", vector.id);
        }
    }
}

#[test]
fn another_key_does_not_open() {
    for vector in vectors()
        .into_iter()
        .filter(|vector| vector.mode != EncryptionMode::Plain)
    {
        let mut key = vector.key.clone();
        key.0[31] ^= 1;
        let opened = cipher(vector.mode, &key)
            .open(vector.kind, &mut vector.packet.0.clone())
            .map(drop);
        assert_eq!(opened, Err(Error::Authentication), "{}", vector.id);
    }
}

#[test]
fn mutated_packets_fail_where_the_mode_authenticates() {
    for mutated in section::<Mutated>("transport_negative", 27) {
        let mut datagram = mutated.packet.0.clone();
        let opened = cipher(mutated.mode, &mutated.key).open(mutated.kind, &mut datagram);
        assert_eq!(opened.is_err(), mutated.must_fail, "{}", mutated.id);
        if let Ok(opened) = opened {
            assert_eq!(
                opened.packet[..12],
                mutated.packet[..12],
                "{}: the changed header shows",
                mutated.id
            );
        }
    }
}

#[test]
fn a_suffix_of_another_mode_is_refused() {
    let key = TransportKey::from([7; 32]);
    for mode in EncryptionMode::ALL {
        let right = NonceSuffix::zeroed(mode).as_bytes().len();
        for wrong in [
            NonceSuffix::None,
            NonceSuffix::Counter([0; 4]),
            NonceSuffix::Whole([0; 24]),
        ] {
            let given = wrong.as_bytes().len();
            if given == right {
                continue;
            }
            let sealed = Cipher::new(mode, &key).seal(PacketKind::Rtp, &mut [0x80; 100], 20, &wrong);
            assert_eq!(
                sealed,
                Err(Error::NonceSuffix {
                    expected: right,
                    given
                }),
                "{mode}"
            );
        }
    }
}

#[test]
fn a_buffer_without_room_for_the_overhead_is_refused() {
    let key = TransportKey::from([7; 32]);
    for mode in EncryptionMode::ALL
        .into_iter()
        .filter(|mode| *mode != EncryptionMode::Plain)
    {
        let cipher = Cipher::new(mode, &key);
        let suffix = NonceSuffix::zeroed(mode);
        let needed = 20 + overhead(mode);
        assert!(needed > 20 + TAG_LENGTH - 1);
        let mut buffer = vec![0x80; needed - 1];
        let expected = Err(Error::BufferTooSmall {
            needed,
            available: needed - 1,
        });
        assert_eq!(
            cipher.seal(PacketKind::Rtp, &mut buffer, 20, &suffix),
            expected,
            "{mode}"
        );
        assert_eq!(
            cipher.seal_parts(PacketKind::Rtp, &[0x80; 12], &[0; 8], &mut buffer, &suffix),
            expected,
            "{mode}"
        );
    }
}

#[test]
fn suffixes_follow_the_rules_of_both_sides() {
    #[derive(Deserialize)]
    struct Entry {
        counter: u32,
        suffix: Hex,
    }
    #[derive(Deserialize)]
    struct Rules {
        nonce_suffix: ByRule,
    }
    #[derive(Deserialize)]
    struct ByRule {
        server_rule: Vec<Entry>,
        client_rule: Vec<Entry>,
    }
    let file = include_str!("data/transport-vectors.json");
    let Rules { nonce_suffix: rules } = serde_json::from_str(file).expect("the documented shape");
    assert_eq!((rules.server_rule.len(), rules.client_rule.len()), (9, 5));
    for Entry { counter, suffix } in rules.server_rule {
        let made = ServerNonces::starting_at(counter)
            .advance()
            .expect("within the range");
        assert_eq!(made[..], *suffix, "server counter {counter}");
    }
    for Entry { counter, suffix } in rules.client_rule {
        let made = ClientNonces::starting_at(counter)
            .advance()
            .expect("within the range");
        assert_eq!(made[..], *suffix, "client counter {counter}");
    }
}

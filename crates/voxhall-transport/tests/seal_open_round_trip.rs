//! What one side seals, the other opens: every mode, packets of every shape.

use proptest::collection::vec;
use proptest::prelude::*;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_transport::crypto::overhead;
use voxhall_transport::{Cipher, PacketKind, RtpPacket, Sealer, TransportKey};

/// RTP packets with CSRCs, extensions, payload and padding, each of which may be absent.
fn rtp_packets() -> impl Strategy<Value = Vec<u8>> {
    let csrcs = vec(any::<u32>(), 0..=15);
    let extension = proptest::option::of((any::<u16>(), vec(any::<u32>(), 0..8)));
    let parts = (
        any::<[u8; 11]>(),
        csrcs,
        extension,
        vec(any::<u8>(), 0..300),
        proptest::option::of(1..=40_u8),
    );
    parts.prop_map(|(head, csrcs, extension, payload, padding)| {
        let bits = |present: bool, bit: u8| if present { bit } else { 0 };
        let count = u8::try_from(csrcs.len()).expect("at most 15");
        let mut packet = vec![0x80 | bits(padding.is_some(), 0x20) | bits(extension.is_some(), 0x10) | count];
        packet.extend(head);
        packet.extend(csrcs.into_iter().flat_map(u32::to_be_bytes));
        if let Some((profile, words)) = extension {
            packet.extend(profile.to_be_bytes());
            packet.extend(u16::try_from(words.len()).expect("few").to_be_bytes());
            packet.extend(words.into_iter().flat_map(u32::to_be_bytes));
        }
        packet.extend(payload);
        packet.extend(
            padding
                .into_iter()
                .flat_map(|count| vec![count; usize::from(count)]),
        );
        packet
    })
}

/// RTCP needs no inner structure here: eight bytes stay clear, whatever follows is sealed.
fn rtcp_packets() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 8..300)
}

fn check(kind: PacketKind, plain: &[u8], key: [u8; 32], mode: EncryptionMode) -> Result<(), TestCaseError> {
    let cipher = || Cipher::new(mode, &TransportKey::from(key));
    let (mut server, mut client) = (
        Sealer::server(cipher(), 5, [1; 24]),
        Sealer::client(cipher(), [2; 24]),
    );
    let mut datagrams = Vec::new();
    for sealer in [&mut server, &mut client] {
        let mut buffer = plain.to_vec();
        buffer.resize(plain.len() + overhead(mode), 0);
        let length = sealer
            .seal(kind, &mut buffer, plain.len())
            .expect("the buffer has room");
        prop_assert_eq!(length, buffer.len());
        let mut opened = buffer.clone();
        prop_assert_eq!(
            &*cipher().open(kind, &mut opened).expect("own packet").packet,
            plain
        );
        datagrams.push(buffer);
    }
    let has_suffix = !matches!(mode, EncryptionMode::Plain | EncryptionMode::Xsalsa20Poly1305);
    prop_assert_eq!(
        datagrams[0] != datagrams[1],
        has_suffix,
        "the directions share no nonce"
    );
    Ok(())
}

proptest! {
    #[test]
    fn rtp_survives(plain in rtp_packets(), key: [u8; 32]) {
        prop_assert!(RtpPacket::parse(&plain).is_ok());
        for mode in EncryptionMode::ALL {
            check(PacketKind::Rtp, &plain, key, mode)?;
        }
    }

    #[test]
    fn rtcp_survives(plain in rtcp_packets(), key: [u8; 32]) {
        for mode in EncryptionMode::ALL {
            check(PacketKind::Rtcp, &plain, key, mode)?;
        }
    }

    /// Only what is authenticated counts: everything in the AEAD modes, in secretbox all but the clear header.
    #[test]
    fn a_changed_bit_is_noticed(plain in rtp_packets(), at: prop::sample::Index, bit in 0..8_u8) {
        for mode in [EncryptionMode::AeadAes256GcmRtpsize, EncryptionMode::AeadXchacha20Poly1305Rtpsize,
            EncryptionMode::AeadAes256Gcm]
        {
            let cipher = Cipher::new(mode, &TransportKey::from([3; 32]));
            let mut sealer = Sealer::server(Cipher::new(mode, &TransportKey::from([3; 32])), 0, [0; 24]);
            let mut buffer = plain.clone();
            buffer.resize(plain.len() + overhead(mode), 0);
            sealer.seal(PacketKind::Rtp, &mut buffer, plain.len()).expect("the buffer has room");
            let at = at.index(buffer.len());
            buffer[at] ^= 1 << bit;
            prop_assert!(cipher.open(PacketKind::Rtp, &mut buffer).is_err(), "{mode}: bit {bit} of byte {at}");
        }
    }
}

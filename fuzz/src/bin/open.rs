//! Opening datagrams in each of the eight modes: what was sealed opens to itself, what was changed or made up does
//! not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_transport::crypto::{MAX_OVERHEAD, PacketKind, TransportKey, clear_length};
use voxhall_transport::{Cipher, NonceSuffix};

/// In these modes the clear header is authenticated too.
fn authenticates_header(mode: EncryptionMode) -> bool {
    matches!(
        mode,
        EncryptionMode::AeadAes256Gcm
            | EncryptionMode::AeadAes256GcmRtpsize
            | EncryptionMode::AeadXchacha20Poly1305Rtpsize
    )
}

fuzz_target!(|input: &[u8]| {
    let &[choice, place_high, place_low, ref packet @ ..] = input else {
        return;
    };
    let mode = EncryptionMode::ALL[usize::from(choice) % EncryptionMode::ALL.len()];
    let kind = if choice & 0x80 == 0 {
        PacketKind::Rtp
    } else {
        PacketKind::Rtcp
    };
    let cipher = Cipher::new(mode, &TransportKey::from([0x42; 32]));

    // As a datagram that somebody made up.
    let opened = cipher
        .open(kind, &mut packet.to_vec())
        .map(|opened| opened.packet.len());
    assert!(
        mode == EncryptionMode::Plain || opened.is_err(),
        "{mode} opened what nobody sealed"
    );

    // As a packet that is sealed, changed and opened.
    let mut sealed = vec![0; packet.len() + MAX_OVERHEAD];
    sealed[..packet.len()].copy_from_slice(packet);
    let clear = clear_length(mode, kind, packet);
    let Ok(length) = cipher.seal(kind, &mut sealed, packet.len(), &NonceSuffix::zeroed(mode)) else {
        assert!(clear.is_err(), "{mode} refused a packet with a whole header");
        return;
    };
    sealed.truncate(length);
    assert_eq!(
        cipher
            .open(kind, &mut sealed.clone())
            .expect("the own packet opens")
            .packet,
        packet
    );
    if mode == EncryptionMode::Plain {
        return;
    }
    let place = usize::from(u16::from_be_bytes([place_high, place_low])) % length;
    if authenticates_header(mode) || place >= clear.expect("it was sealed") {
        sealed[place] ^= 1 << (place_low % 8);
        assert!(
            cipher.open(kind, &mut sealed).is_err(),
            "{mode} opened a packet changed at {place}"
        );
    }
});

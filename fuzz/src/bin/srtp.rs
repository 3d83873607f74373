//! SRTP and SRTCP in each profile: what was sealed opens to itself, and only once; what was changed or made up does not
//! open.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_transport::PacketKind;
use voxhall_transport::srtp::{DtlsRole, SRTP_MAX_OVERHEAD, SrtpKeys, SrtpOpener, SrtpProfile, SrtpSealer};

fuzz_target!(|input: &[u8]| {
    let &[choice, place_high, place_low, ref packet @ ..] = input else {
        return;
    };
    let profile = SrtpProfile::ALL[usize::from(choice) % SrtpProfile::ALL.len()];
    let kind = if choice & 0x80 == 0 {
        PacketKind::Rtp
    } else {
        PacketKind::Rtcp
    };
    let exported: Vec<u8> = (0_u8..).take(profile.keying_length()).collect();
    let keys = SrtpKeys::from_exported(profile, &exported, DtlsRole::Server).expect("as long as it says");
    let mut sealer = SrtpSealer::new(profile, &keys.outbound);
    let mut opener = SrtpOpener::new(profile, &keys.outbound);

    // As a datagram that somebody made up.
    let made_up = opener.open(kind, &mut packet.to_vec()).is_ok();
    assert!(!made_up, "{profile:?} opened what nobody sealed");

    // As a packet that is sealed, changed and opened.
    let mut sealed = vec![0; packet.len() + SRTP_MAX_OVERHEAD];
    sealed[..packet.len()].copy_from_slice(packet);
    let Ok(length) = sealer.seal(kind, &mut sealed, packet.len()) else {
        return;
    };
    sealed.truncate(length);
    let mut changed = sealed.clone();
    changed[usize::from(u16::from_be_bytes([place_high, place_low])) % length] ^= 1 << (place_low % 8);
    assert!(
        opener.open(kind, &mut changed).is_err(),
        "{profile:?} opened a changed packet"
    );
    let mut copy = sealed.clone();
    let opened = opener.open(kind, &mut sealed).expect("the own packet opens");
    assert_eq!(*opened.packet, *packet);
    assert!(opener.open(kind, &mut copy).is_err(), "{profile:?} opened a copy");
});

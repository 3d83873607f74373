//! Opus packets: what is taken lasts between 2.5 and 120 ms.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_media::opus::PacketInfo;

fuzz_target!(|packet: &[u8]| {
    let Ok(info) = PacketInfo::parse(packet) else {
        return;
    };
    assert!(
        (120..=5760).contains(&info.samples()),
        "{} samples",
        info.samples()
    );
    assert_eq!(
        info.samples(),
        info.samples_per_frame() * u32::from(info.frames())
    );
    assert!(matches!(info.channels().count(), 1 | 2));
});

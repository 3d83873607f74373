//! Ogg Opus files: reading ends, every packet is one, and what is written again reads back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_media::ogg::{OggReader, OggWriter};

fuzz_target!(|input: &[u8]| {
    let Ok(mut reader) = OggReader::new(input) else {
        return;
    };
    let (head, tags) = (*reader.head(), reader.tags().clone());
    let mut packets = Vec::new();
    while let Ok(Some(frame)) = reader.next_packet() {
        assert!((120..=5760).contains(&frame.samples()));
        packets.push(frame.packet().clone());
        assert!(packets.len() <= input.len(), "a packet takes at least a byte");
    }
    let mut writer = OggWriter::new(Vec::new(), head, &tags, 7).expect("memory takes everything");
    for packet in &packets {
        writer.write_packet(packet).expect("a packet that was read");
    }
    let file = writer.finish().expect("memory takes everything");
    let mut again = OggReader::new(&file[..]).expect("the own file");
    for packet in &packets {
        let frame = again
            .next_packet()
            .expect("the own file")
            .expect("as many packets");
        assert_eq!(frame.packet(), packet);
    }
    assert!(again.next_packet().expect("the own file").is_none());
});

//! Opened RTP packets: the parts add up to the packet, and what is rewritten reads back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::rtx::RtxPayload;
use voxhall_transport::{PayloadType, RtpPacket, RtpPacketMut, SequenceNumber};

fuzz_target!(|input: &[u8]| {
    let Ok(packet) = RtpPacket::parse(input) else {
        assert!(
            RtpPacketMut::parse(&mut input.to_vec()).is_err(),
            "both parsers take the same packets"
        );
        return;
    };
    let parts = packet.header().len() + packet.payload().len() + packet.padding_length();
    assert_eq!(parts, input.len());
    if let Some(block) = packet.extensions() {
        let length: usize = block.elements().map(|element| element.value.len()).sum();
        assert!(length <= input.len());
    }
    assert!(packet.contributing_sources().len() <= 15);
    let _ = RtxPayload::parse(packet.payload());

    let mut copy = input.to_vec();
    let mut rewritten = RtpPacketMut::parse(&mut copy).expect("it was parsed before");
    rewritten.set_marker(!packet.marker());
    rewritten.set_payload_type(PayloadType::OPUS);
    rewritten.set_sequence_number(SequenceNumber(1));
    rewritten.set_timestamp(2);
    rewritten.set_ssrc(Ssrc(3));
    rewritten.strip_padding();
    let rewritten = RtpPacket::parse(rewritten.into_bytes()).expect("still a packet");
    assert_eq!(rewritten.marker(), !packet.marker());
    assert_eq!(rewritten.payload_type(), PayloadType::OPUS);
    assert_eq!(
        (rewritten.sequence_number(), rewritten.timestamp()),
        (SequenceNumber(1), 2)
    );
    assert_eq!(rewritten.ssrc(), Ssrc(3));
    assert_eq!(rewritten.padding_length(), 0);
    assert_eq!(rewritten.payload(), packet.payload());
});

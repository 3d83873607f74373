//! Opened RTCP compounds: every list in them ends, and is no longer than the datagram can hold.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_transport::rtcp::{RtcpPacket, packets};

/// Each pair of a NACK names up to 17 packets in four bytes; a status chunk of transport feedback up to 8191 in two.
const MOST_PER_BYTE: usize = 4_096;

fn items(packet: &RtcpPacket<'_>) -> usize {
    match packet {
        RtcpPacket::SenderReport(report) => report.blocks().count(),
        RtcpPacket::ReceiverReport(report) => report.blocks().count(),
        RtcpPacket::SourceDescription(description) => description
            .chunks()
            .map(|chunk| 1 + chunk.items().count() + usize::from(chunk.cname().is_some()))
            .sum(),
        RtcpPacket::Goodbye(goodbye) => goodbye.sources().count(),
        RtcpPacket::Nack(nack) => nack.sequence_numbers().count(),
        RtcpPacket::FullIntraRequest(request) => request.entries().count(),
        RtcpPacket::ReceiverEstimatedBitrate(estimate) => estimate.media().count(),
        RtcpPacket::TransportFeedback(feedback) => feedback.arrivals().count(),
        _ => 0,
    }
}

fuzz_target!(|input: &[u8]| {
    let mut failed = false;
    let mut count = 0;
    for packet in packets(input) {
        assert!(!failed, "nothing comes after an error");
        count += 1;
        match packet {
            Ok(packet) => assert!(items(&packet) <= input.len() * MOST_PER_BYTE),
            Err(_) => failed = true,
        }
    }
    assert!(count <= input.len() / 4 + 1, "every packet has a header");
});

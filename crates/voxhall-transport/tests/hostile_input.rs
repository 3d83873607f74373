//! Bytes from the network cannot make anything here panic, whatever they are. Every parser reads noise, and the
//! vectors with bytes changed, cut off and put in front; whatever it returns is walked to its end.

mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{Hex, section};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_transport::demux::{LegacyDiscovery, classify};
use voxhall_transport::extension::{
    AbsoluteSendTime, AudioLevel, ExtensionForm, ExtensionMap, ExtensionWriter, PlayoutDelay,
    VideoOrientation, speaking_flags, stream_name, transport_sequence,
};
use voxhall_transport::replay::ReplayWindow;
use voxhall_transport::rtcp::{RtcpPacket, packets};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::rtx::{RtxPayload, write_retransmission};
use voxhall_transport::srtp::{SrtpMaster, SrtpOpener, SrtpProfile};
use voxhall_transport::stun::{BindingRequest, BindingResponse, ErrorCode, TransactionId};
use voxhall_transport::{
    Cipher, PacketKind, PayloadType, RtpPacket, RtpPacketMut, SequenceNumber, TransportKey,
};

fn read_everything(bytes: &[u8]) {
    black_box(classify(bytes, LegacyDiscovery::Accepted));
    black_box(classify(bytes, LegacyDiscovery::Refused));
    open_in_every_mode(bytes);
    open_in_every_profile(bytes);
    read_stun(bytes);
    if let Ok(packet) = RtpPacket::parse(bytes) {
        read_rtp(&packet);
    }
    if let Ok(mut packet) = RtpPacketMut::parse(&mut bytes.to_vec()) {
        packet.strip_padding();
        packet.set_payload_type(PayloadType::OPUS);
        assert_eq!(packet.as_packet().padding_length(), 0);
        assert!(
            RtpPacket::parse(packet.into_bytes()).is_ok(),
            "a rewritten packet is well-formed"
        );
    }
    packets(bytes).flatten().for_each(read_rtcp);
}

fn open_in_every_mode(bytes: &[u8]) {
    for mode in EncryptionMode::ALL {
        let cipher = Cipher::new(mode, &TransportKey::from([9; 32]));
        for kind in [PacketKind::Rtp, PacketKind::Rtcp] {
            let opened = cipher.open(kind, &mut bytes.to_vec()).is_ok();
            assert!(
                !opened || mode == EncryptionMode::Plain,
                "{mode} opened what nobody sealed"
            );
        }
    }
}

fn open_in_every_profile(bytes: &[u8]) {
    for profile in SrtpProfile::ALL {
        let master = SrtpMaster::new(
            profile,
            &[9; 32][..profile.key_length()],
            &[9; 14][..profile.salt_length()],
        );
        let mut opener = SrtpOpener::new(profile, &master.expect("the lengths fit"));
        for kind in [PacketKind::Rtp, PacketKind::Rtcp] {
            let opened = opener.open(kind, &mut bytes.to_vec()).is_ok();
            assert!(!opened, "{profile:?} opened what nobody sealed");
        }
    }
}

fn read_stun(bytes: &[u8]) {
    if let Ok(request) = BindingRequest::parse(bytes) {
        assert_ne!(
            request.check("made up"),
            Ok(()),
            "who does not know the password is not believed"
        );
        let mut out = [0; 2_000];
        for code in [
            ErrorCode::BadRequest,
            ErrorCode::Unauthorized,
            ErrorCode::UnknownAttribute,
        ] {
            let length = request.write_error(code, "made up", &mut out).expect("it fits");
            let response = BindingResponse::parse(&out[..length], request.transaction(), "made up");
            assert_eq!(response, Ok(BindingResponse::Refused(code.number())));
        }
    }
    let transaction = bytes.get(8..20).and_then(|id| id.try_into().ok());
    let transaction = TransactionId(transaction.unwrap_or_default());
    let response = BindingResponse::parse(bytes, transaction, "made up");
    assert!(!matches!(response, Ok(BindingResponse::Success(_))));
}

fn read_rtp(packet: &RtpPacket<'_>) {
    assert_eq!(
        packet.header().len() + packet.payload().len() + packet.padding_length(),
        packet.as_bytes().len()
    );
    walk(packet.contributing_sources());
    let Some(block) = packet.extensions() else { return };
    for element in block.elements() {
        black_box(AudioLevel::from_bytes(element.value));
        black_box(AbsoluteSendTime::from_bytes(element.value));
        black_box(transport_sequence(element.value));
        black_box(PlayoutDelay::from_bytes(element.value));
        black_box(VideoOrientation::from_bytes(element.value));
        black_box(stream_name(element.value));
        black_box(speaking_flags(Some(element.value), false));
    }
    let map = ExtensionMap::NATIVE;
    let mut buffer = [0; 64];
    let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
    let _ = black_box(writer.push_translated(block, &map, &map, |_| true));
    let _ = black_box(writer.finish());
    retransmit(packet);
}

fn retransmit(packet: &RtpPacket<'_>) {
    let _ = black_box(RtxPayload::parse(packet.payload()));
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(0),
        timestamp: 0,
        ssrc: packet.ssrc(),
    };
    let mut buffer = vec![0; packet.as_bytes().len() + 8];
    if let Ok(length) = write_retransmission(packet, header, &ExtensionMap::NATIVE, &mut buffer) {
        let written = RtpPacket::parse(&buffer[..length]).expect("own packets are well-formed");
        let payload = RtxPayload::parse(written.payload()).expect("a sequence number");
        assert_eq!(payload.original_payload, packet.payload());
    }
}

fn read_rtcp(packet: RtcpPacket<'_>) {
    match packet {
        RtcpPacket::SenderReport(report) => walk(report.blocks()),
        RtcpPacket::ReceiverReport(report) => walk(report.blocks()),
        RtcpPacket::SourceDescription(description) => {
            description.chunks().for_each(|chunk| walk(chunk.items()));
        }
        RtcpPacket::Goodbye(goodbye) => walk(goodbye.sources()),
        RtcpPacket::Nack(nack) => walk(nack.sequence_numbers()),
        RtcpPacket::TransportFeedback(feedback) => {
            assert!(feedback.arrivals().count() <= usize::from(feedback.status_count));
        }
        RtcpPacket::FullIntraRequest(request) => walk(request.entries()),
        RtcpPacket::ReceiverEstimatedBitrate(estimate) => walk(estimate.media()),
        _ => {}
    }
}

/// Takes every item that an iterator has.
fn walk(items: impl Iterator) {
    black_box(items.count());
}

/// Everything in the vector file that is a datagram, sealed or not.
fn corpus() -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    for (name, count) in [
        ("transport", 81),
        ("rtcp", 8),
        ("ip_discovery", 7),
        ("udp_ping", 6),
        ("stun", 2),
    ] {
        for entry in section::<Value>(name, count) {
            for field in ["packet", "plain_packet", "bytes"] {
                let bytes = serde_json::from_value::<Hex>(entry[field].clone());
                datagrams.extend(bytes.map(|hex| hex.0));
            }
        }
    }
    assert_eq!(datagrams.len(), 2 * 81 + 8 + 7 + 6 + 2);
    datagrams
}

#[test]
fn every_prefix_of_every_vector_is_read() {
    for datagram in corpus() {
        for length in 0..datagram.len() {
            read_everything(&datagram[..length]);
        }
    }
}

#[test]
fn every_byte_of_every_plain_packet_takes_every_extreme() {
    for datagram in corpus() {
        for at in 0..datagram.len() {
            for value in [0x00, 0x01, 0x0F, 0x7F, 0x80, 0xFF] {
                let mut mutated = datagram.clone();
                mutated[at] = value;
                if let Ok(packet) = RtpPacket::parse(&mutated) {
                    read_rtp(&packet);
                }
                packets(&mutated).flatten().for_each(read_rtcp);
                read_stun(&mutated);
            }
        }
    }
}

proptest! {
    #[test]
    fn noise_is_read(bytes in vec(any::<u8>(), 0..400)) {
        read_everything(&bytes);
    }

    #[test]
    fn noise_that_begins_like_media_is_read(second in any::<u8>(), flags in 0x80..0xC0_u8,
        bytes in vec(any::<u8>(), 0..400))
    {
        let mut datagram = vec![flags, second];
        datagram.extend(bytes);
        read_everything(&datagram);
    }

    #[test]
    fn noise_under_an_rtcp_header_is_read(count in 0..32_u8, packet_type in 200..208_u8,
        words in vec(any::<[u8; 4]>(), 0..60))
    {
        let length = u16::try_from(words.len()).expect("few").to_be_bytes();
        let mut datagram = vec![0x80 | count, packet_type, length[0], length[1]];
        datagram.extend(words.into_iter().flatten());
        packets(&datagram).flatten().for_each(read_rtcp);
    }

    #[test]
    fn attributes_of_any_kind_and_length_are_read(
        attributes in vec((any::<u16>(), 0..40_u16, vec(any::<u8>(), 0..40)), 0..8), known in any::<bool>(),
    ) {
        let mut datagram = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        datagram.extend([7; 12]);
        for (kind, length, value) in attributes {
            let kind = if known { [0x0006, 0x0008, 0x0024, 0x0025, 0x8028, 0x802A][usize::from(kind % 6)] } else { kind };
            datagram.extend(kind.to_be_bytes());
            datagram.extend(length.to_be_bytes());
            datagram.extend(value);
        }
        datagram.resize(datagram.len().next_multiple_of(4), 0);
        let length = u16::try_from(datagram.len() - 20).expect("short");
        datagram[2..4].copy_from_slice(&length.to_be_bytes());
        read_stun(&datagram);
    }

    #[test]
    fn a_replay_window_takes_any_numbers(
        arrivals in vec((any::<u16>(), 0..4_u64, 0..200_u64), 0..200),
    ) {
        let mut window = ReplayWindow::new();
        let mut now = Instant::now();
        for (sequence, fingerprint, pause) in arrivals {
            now += std::time::Duration::from_millis(pause);
            let fingerprint = voxhall_transport::crypto::PacketFingerprint(fingerprint);
            if window.accept(now, SequenceNumber(sequence), fingerprint).is_ok() {
                let copy = window.accept(now, SequenceNumber(sequence), fingerprint);
                prop_assert!(copy.is_err(), "a copy right behind its original");
            }
        }
    }
}

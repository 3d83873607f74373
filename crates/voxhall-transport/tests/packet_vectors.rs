//! The vectors of header extensions, RTCP, retransmissions, silence, and of what shares the port with media.

mod common;

use std::time::Duration;

use common::{Hex, section};
use serde_json::{Value, json};
use voxhall_protocol::voice::{SpeakingFlags, Ssrc};
use voxhall_transport::demux::{Datagram, LegacyDiscovery, classify};
use voxhall_transport::extension::{
    AbsoluteSendTime, AudioLevel, ExtensionBlock, ExtensionForm, ExtensionKind, ExtensionMap,
    ExtensionWriter, PlayoutDelay, VideoOrientation, speaker_byte, speaking_flags, stream_name,
    transport_sequence, transport_sequence_bytes,
};
use voxhall_transport::rtcp::{
    FeedbackHeader, FirEntry, NtpTimestamp, ReportBlock, RtcpPacket, RtcpWriter, SenderInfo, packets,
};
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::rtx::{RtxPayload, write_retransmission};
use voxhall_transport::silence::{OPUS_SILENCE, SILENCE_FRAMES};
use voxhall_transport::{PayloadType, RtpPacket, SequenceNumber};

fn hex(value: &Value) -> Vec<u8> {
    serde_json::from_value::<Hex>(value.clone())
        .expect("hexadecimal")
        .0
}

fn named(entries: &[Value], id: &str) -> Value {
    entries
        .iter()
        .find(|entry| entry["id"] == id)
        .unwrap_or_else(|| panic!("there is a vector {id}"))
        .clone()
}

fn number(value: &Value) -> u32 {
    value
        .as_u64()
        .and_then(|value| value.try_into().ok())
        .expect("a number of 32 bits")
}

/// The element of a vector: checks that reading it as a block finds the native id, and writes it again.
fn element_value(entry: &Value, kind: ExtensionKind) -> Vec<u8> {
    let element = hex(&entry["element"]);
    assert_eq!(entry["native_id"], kind.native_id().number());
    let value = ExtensionBlock::new(0xBEDE, &element)
        .find(kind.native_id())
        .expect("the element is read")
        .to_vec();
    let mut buffer = [0; 32];
    let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
    writer
        .push_kind(&ExtensionMap::NATIVE, kind, &value)
        .expect("it fits");
    assert!(
        writer.finish().expect("it fits")[4..].starts_with(&element),
        "{kind:?}"
    );
    value
}

#[test]
fn extension_elements_say_what_the_file_says() {
    let entries: Vec<Value> = section("rtp_header_extensions", 12);
    for (id, voice, minus_dbov) in [("audio-level", true, 30), ("audio-level-silent", false, 127)] {
        let value = element_value(&named(&entries, id), ExtensionKind::AudioLevel);
        let level = AudioLevel { voice, minus_dbov };
        assert_eq!(AudioLevel::from_bytes(&value), Some(level));
        assert_eq!(level.to_bytes()[..], value);
    }

    let entry = named(&entries, "abs-send-time");
    let value = element_value(&entry, ExtensionKind::AbsoluteSendTime);
    let time = AbsoluteSendTime::from_bytes(&value).expect("three bytes");
    assert_eq!(Some(time.as_seconds()), entry["seconds"].as_f64());
    assert_eq!(time.to_bytes()[..], value);

    let value = element_value(&named(&entries, "transport-cc"), ExtensionKind::TransportSequence);
    assert_eq!(transport_sequence(&value), Some(SequenceNumber(513)));
    assert_eq!(transport_sequence_bytes(SequenceNumber(513))[..], value);

    let immediate = PlayoutDelay::IMMEDIATE;
    let long = PlayoutDelay {
        min: Duration::from_millis(100),
        max: Duration::from_millis(2_000),
    };
    for (id, delay) in [("playout-delay-0-0", immediate), ("playout-delay-100-2000", long)] {
        let value = element_value(&named(&entries, id), ExtensionKind::PlayoutDelay);
        assert_eq!(PlayoutDelay::from_bytes(&value), Some(delay));
        assert_eq!(delay.to_bytes()[..], value);
    }

    let value = element_value(&named(&entries, "rid-100"), ExtensionKind::StreamId);
    assert_eq!(stream_name(&value), Some("100"));
    let value = element_value(
        &named(&entries, "repaired-rid-50"),
        ExtensionKind::RepairedStreamId,
    );
    assert_eq!(stream_name(&value), Some("50"));
    let value = element_value(
        &named(&entries, "video-orientation-0"),
        ExtensionKind::VideoOrientation,
    );
    assert_eq!(
        VideoOrientation::from_bytes(&value),
        Some(VideoOrientation::default())
    );
}

#[test]
fn the_speaker_byte_follows_its_table() {
    let entry = named(&section("rtp_header_extensions", 12), "speaker-table");
    assert_eq!(entry["uri"], ExtensionKind::Speaker.uri());
    let table = entry["table"].as_array().expect("a table");
    assert_eq!(table.len(), 8);
    for row in table {
        let flags = SpeakingFlags::from_bits(number(&row["speaking_flags"]));
        let byte = hex(&row["extension_byte"]);
        assert_eq!(speaker_byte(flags)[..], byte);
        let implied = if flags.is_empty() || flags.contains(SpeakingFlags::PRIORITY) {
            SpeakingFlags::VOICE
        } else {
            SpeakingFlags::NONE
        };
        assert_eq!(speaking_flags(Some(&byte), false), flags | implied);
    }
}

#[test]
fn extension_blocks_are_read_and_written_byte_for_byte() {
    let entries: Vec<Value> = section("rtp_header_extensions", 12);
    for id in ["audio-block", "video-block"] {
        let entry = named(&entries, id);
        let bytes = hex(&entry["block"]);
        let block = ExtensionBlock::new(0xBEDE, &bytes[4..]);
        let expected: Vec<_> = entry["elements"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|element| (number(&element["id"]), hex(&element["value"])))
            .collect();
        let read: Vec<_> = block
            .elements()
            .map(|element| (element.id.number().into(), element.value.to_vec()))
            .collect();
        assert_eq!(read, expected, "{id}");

        let mut buffer = [0; 64];
        let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut buffer);
        let map = ExtensionMap::NATIVE;
        writer
            .push_translated(block, &map, &map, |_| true)
            .expect("it fits");
        assert_eq!(writer.finish().expect("it fits"), bytes, "{id}");
    }
}

/// A packet in the words of the vector file.
fn describe(packet: &RtcpPacket<'_>) -> Value {
    match packet {
        RtcpPacket::SenderReport(report) => json!({
            "sender_ssrc": report.sender.0,
            "ntp_seconds": report.info.ntp.seconds, "ntp_fraction": report.info.ntp.fraction,
            "rtp_timestamp": report.info.rtp_timestamp,
            "packet_count": report.info.packet_count, "octet_count": report.info.octet_count,
        }),
        RtcpPacket::ReceiverReport(report) => {
            let block = report.blocks().next().expect("one block");
            json!({
                "reporter_ssrc": report.sender.0, "source_ssrc": block.source.0,
                "fraction_lost": block.fraction_lost, "cumulative_lost": block.cumulative_lost,
                "extended_highest_seq": block.extended_highest_sequence, "jitter": block.jitter,
                "lsr": block.last_sender_report, "dlsr": block.delay_since_last_sender_report,
            })
        }
        RtcpPacket::SourceDescription(description) => {
            let chunk = description.chunks().next().expect("one chunk");
            let cname = chunk.cname().and_then(|name| str::from_utf8(name).ok());
            json!({"ssrc": chunk.source.0, "cname": cname})
        }
        RtcpPacket::Nack(nack) => json!({
            "sender_ssrc": nack.sender.0, "media_ssrc": nack.media.0,
            "sequences": nack.sequence_numbers().map(|sequence| sequence.0).collect::<Vec<_>>(),
        }),
        RtcpPacket::PictureLossIndication(pli) => {
            json!({"sender_ssrc": pli.sender.0, "media_ssrc": pli.media.0})
        }
        RtcpPacket::FullIntraRequest(fir) => json!({
            "sender_ssrc": fir.sender.0,
            "entries": fir.entries().map(|entry| json!({"ssrc": entry.media.0, "seq": entry.command}))
                .collect::<Vec<_>>(),
        }),
        RtcpPacket::ReceiverEstimatedBitrate(remb) => json!({
            "sender_ssrc": remb.sender.0, "bitrate_bps": remb.bitrate,
            "ssrcs": remb.media().map(|media| media.0).collect::<Vec<_>>(),
        }),
        RtcpPacket::TransportFeedback(feedback) => json!({
            "sender_ssrc": feedback.header.sender.0, "media_ssrc": feedback.header.media.0,
            "base_sequence": feedback.header.base_sequence.0, "packet_status_count": feedback.status_count,
            "reference_time_64ms": feedback.header.reference_time,
            "feedback_packet_count": feedback.header.feedback_count,
            "received": feedback.arrivals().map(|arrival| arrival.sequence.0).collect::<Vec<_>>(),
            "delta_250us": feedback.arrivals().map(|arrival| arrival.delta).collect::<Vec<_>>(),
        }),
        other => panic!("no vector is {other:?}"),
    }
}

#[test]
fn rtcp_packets_say_what_the_file_says() {
    let entries: Vec<Value> = section("rtcp", 8);
    for entry in &entries {
        let bytes = hex(&entry["bytes"]);
        let read: Vec<_> = packets(&bytes).collect::<Result<_, _>>().expect("well-formed");
        let [packet] = &read[..] else {
            panic!("{} is one packet", entry["id"])
        };
        assert_eq!(describe(packet), entry["decoded"], "{}", entry["id"]);
    }
}

#[test]
fn rtcp_packets_are_written_byte_for_byte() {
    let entries: Vec<Value> = section("rtcp", 8);
    let (server, audio, video) = (Ssrc(1), Ssrc(713_745), Ssrc(713_746));
    let info = SenderInfo {
        ntp: NtpTimestamp {
            seconds: 0xEB1F_2A3C,
            fraction: 0x4000_0000,
        },
        rtp_timestamp: 76_800,
        packet_count: 4,
        octet_count: 72,
    };
    let block = ReportBlock {
        source: audio,
        fraction_lost: 26,
        cumulative_lost: 3,
        extended_highest_sequence: 72_239,
        jitter: 17,
        last_sender_report: 0x2A3C_4000,
        delay_since_last_sender_report: 0x8000,
    };
    let feedback = FeedbackHeader {
        sender: server,
        media: video,
        base_sequence: SequenceNumber(513),
        reference_time: 43_981,
        feedback_count: 3,
    };
    let mut buffer = [0; 256];
    let mut writer = RtcpWriter::new(&mut buffer);
    writer.sender_report(audio, info, &[]).expect("it fits");
    writer.source_description(audio, "").expect("it fits");
    writer.receiver_report(server, &[block]).expect("it fits");
    writer
        .nack(server, video, [0x2001, 0x2002, 0x2004].map(SequenceNumber))
        .expect("it fits");
    writer.picture_loss_indication(server, video).expect("it fits");
    writer
        .full_intra_request(
            server,
            &[FirEntry {
                media: video,
                command: 7,
            }],
        )
        .expect("it fits");
    writer
        .receiver_estimated_bitrate(server, 2_500_000, &[video])
        .expect("it fits");
    writer
        .transport_feedback(&feedback, &[4, 8, 8, 4, 40].map(Some))
        .expect("it fits");
    let in_file_order: Vec<u8> = entries.iter().flat_map(|entry| hex(&entry["bytes"])).collect();
    assert_eq!(writer.finish(), in_file_order);
}

#[test]
fn a_retransmission_carries_the_original() {
    let entry = named(&section("packetization", 7), "rtx");
    let payload = hex(&entry["rtx_payload"]);
    let read = RtxPayload::parse(&payload).expect("a sequence number");
    assert_eq!(
        u32::from(read.original_sequence.0),
        number(&entry["original_sequence"])
    );
    assert_eq!(read.original_payload, hex(&entry["original_payload"]));
    assert!(!read.is_probe());
}

#[test]
fn a_retransmission_is_written_with_the_rid_as_repaired_rid() {
    let transport: Vec<Value> = section("transport", 81);
    let original = hex(&named(&transport, "plain/video-h264-fua")["plain_packet"]);
    let mut expected = hex(&named(&transport, "plain/video-rtx")["plain_packet"]);
    // The file's retransmission was sent later: send time and transport sequence are its own.
    expected[16..23].copy_from_slice(&original[16..23]);

    let template = RtpPacket::parse(&expected).expect("well-formed");
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::new(106).expect("seven bits"),
        sequence_number: template.sequence_number(),
        timestamp: 0,
        ssrc: template.ssrc(),
    };
    let original = RtpPacket::parse(&original).expect("well-formed");
    let mut buffer = [0; 256];
    let length =
        write_retransmission(&original, header, &ExtensionMap::NATIVE, &mut buffer).expect("it fits");
    assert_eq!(buffer[..length], expected);
}

#[test]
fn silence_is_the_frame_of_the_file() {
    let entry = named(&section("packetization", 7), "opus-silence");
    assert_eq!(hex(&entry["payload"]), OPUS_SILENCE);
    assert_eq!(entry["repeat"], SILENCE_FRAMES);
}

#[test]
fn everything_on_the_port_is_told_apart() {
    let accepted = |bytes: &[u8]| classify(bytes, LegacyDiscovery::Accepted);
    for entry in section::<Value>("ip_discovery", 7) {
        let bytes = hex(&entry["bytes"]);
        let expected = match (entry["form"].as_str(), entry["direction"].as_str()) {
            (Some("current74"), Some("client_to_server")) => Datagram::Discovery,
            // Nobody sends the server an answer; it is no request in any case.
            (Some("current74"), _) => Datagram::Noise,
            _ => Datagram::LegacyDiscovery,
        };
        assert_eq!(accepted(&bytes), expected, "{}", entry["id"]);
    }
    for entry in section::<Value>("stun", 2) {
        assert_eq!(accepted(&hex(&entry["bytes"])), Datagram::Stun, "{}", entry["id"]);
    }
    for entry in section::<Value>("transport", 81) {
        let packet = hex(&entry["packet"]);
        let ssrc = |at: usize| {
            Ssrc(u32::from_be_bytes([
                packet[at],
                packet[at + 1],
                packet[at + 2],
                packet[at + 3],
            ]))
        };
        let expected = if entry["kind"] == "rtcp" {
            Datagram::Rtcp(ssrc(4))
        } else {
            Datagram::Rtp(ssrc(8))
        };
        assert_eq!(accepted(&packet), expected, "{}", entry["id"]);
    }
    for entry in section::<Value>("udp_ping", 6) {
        let bytes = hex(&entry["bytes"]);
        let expected = match bytes[..] {
            [0x13, 0x37, 0xCA, 0xFE, ..] => Datagram::Ping(bytes[4..].try_into().expect("eight bytes")),
            _ => bytes[..].try_into().map_or(Datagram::Noise, Datagram::KeepAlive),
        };
        assert_eq!(accepted(&bytes), expected, "{}", entry["id"]);
    }
}

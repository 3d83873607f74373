//! Nothing on the way of a packet takes memory from the allocator.
//!
//! Counted is what Rust code allocates. aws-lc takes the context of each packet's key in
//! `aead_xchacha20_poly1305_rtpsize` from C's allocator, which is not seen here.

use std::time::Instant;

use allocation_counter::measure;
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_transport::crypto::{MAX_OVERHEAD, PacketFingerprint};
use voxhall_transport::extension::{ExtensionForm, ExtensionMap, ExtensionWriter};
use voxhall_transport::replay::ReplayWindow;
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::srtp::{DtlsRole, SRTP_MAX_OVERHEAD, SrtpKeys, SrtpOpener, SrtpProfile, SrtpSealer};
use voxhall_transport::stun::{
    BindingRequest, BindingResponse, ConnectivityCheck, ErrorCode, IceRole, TransactionId, write_success,
};
use voxhall_transport::{Cipher, PacketKind, RtpPacket, Sealer, TransportKey};

const PACKET: [u8; 40] = {
    let mut packet = [0x55; 40];
    let header = [0x90, 0x78, 0x1A, 0x2B, 0, 1, 0x2C, 0, 0, 0x0A, 0xE4, 0x11];
    let block = [0xBE, 0xDE, 0, 1, 0x10, 0x9E, 0x90, 0x02];
    let mut index = 0;
    while index < header.len() {
        packet[index] = header[index];
        index += 1;
    }
    while index < header.len() + block.len() {
        packet[index] = block[index - header.len()];
        index += 1;
    }
    packet
};

fn allocations(run: impl FnOnce()) -> u64 {
    measure(run).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8]))), 1);
}

#[test]
fn sealing_and_opening_do_not_allocate() {
    for mode in EncryptionMode::ALL {
        let mut sealer = Sealer::server(Cipher::new(mode, &TransportKey::from([1; 32])), 0, [2; 24]);
        let mut buffer = [0; PACKET.len() + MAX_OVERHEAD];
        let count = allocations(|| {
            let (header, body) = PACKET.split_at(20);
            let length = sealer
                .seal_parts(PacketKind::Rtp, header, body, &mut buffer)
                .expect("it fits");
            let opened = sealer
                .cipher()
                .open(PacketKind::Rtp, &mut buffer[..length])
                .expect("own packet");
            assert_eq!(*opened.packet, PACKET);

            buffer[..PACKET.len()].copy_from_slice(&PACKET);
            let length = sealer
                .seal(PacketKind::Rtp, &mut buffer, PACKET.len())
                .expect("it fits");
            sealer
                .cipher()
                .open(PacketKind::Rtp, &mut buffer[..length])
                .expect("own packet");
        });
        assert_eq!(count, 0, "{mode}");
    }
}

#[test]
fn srtp_does_not_allocate_once_a_stream_is_known() {
    for profile in SrtpProfile::ALL {
        let exported = vec![3; profile.keying_length()];
        let keys = SrtpKeys::from_exported(profile, &exported, DtlsRole::Server).expect("long enough");
        let mut sealer = SrtpSealer::new(profile, &keys.outbound);
        let mut opener = SrtpOpener::new(profile, &keys.outbound);
        let mut buffer = [0; PACKET.len() + SRTP_MAX_OVERHEAD];
        let mut exchange = |sequence: u16| {
            let mut packet = PACKET;
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            for kind in [PacketKind::Rtp, PacketKind::Rtcp] {
                let length = sealer
                    .seal_parts(kind, &packet[..20], &packet[20..], &mut buffer)
                    .expect("it fits");
                let opened = opener.open(kind, &mut buffer[..length]).expect("own packet");
                assert_eq!(*opened.packet, packet);
            }
        };
        exchange(1);
        let count = allocations(|| (2..2_000).for_each(exchange));
        assert_eq!(count, 0, "{profile:?}");
    }
}

#[test]
fn connectivity_checks_do_not_allocate() {
    let check = ConnectivityCheck {
        transaction: TransactionId([4; 12]),
        receiver_ufrag: "tK/L",
        sender_ufrag: "6nHO",
        priority: 1,
        use_candidate: true,
        role: IceRole::Controlling(5),
    };
    let source = "203.0.113.7:50123".parse().expect("an address");
    let (mut request, mut response) = ([0; 200], [0; 200]);
    let count = allocations(|| {
        let length = check.write("password", &mut request).expect("it fits");
        let read = BindingRequest::parse(&request[..length]).expect("well-formed");
        assert_eq!(read.check("password"), Ok(()));
        let length = write_success(read.transaction(), source, "password", &mut response).expect("it fits");
        let answer = BindingResponse::parse(&response[..length], check.transaction, "password");
        assert_eq!(answer, Ok(BindingResponse::Success(source)));
        let refused = read.write_error(ErrorCode::UnknownAttribute, "password", &mut response);
        refused.expect("it fits");
    });
    assert_eq!(count, 0);
}

#[test]
fn reading_checking_and_rewriting_do_not_allocate() {
    let mut window = ReplayWindow::new();
    let (mut block, mut header) = ([0; 32], [0; 64]);
    let count = allocations(|| {
        let packet = RtpPacket::parse(&PACKET).expect("well-formed");
        let accepted = window.accept(Instant::now(), packet.sequence_number(), PacketFingerprint(7));
        accepted.expect("the first packet is new");
        let mut writer = ExtensionWriter::new(ExtensionForm::OneByte, &mut block);
        let (map, extensions) = (ExtensionMap::NATIVE, packet.extensions().expect("X is set"));
        writer
            .push_translated(extensions, &map, &map, |_| true)
            .expect("it fits");
        let own = RtpHeader {
            marker: packet.marker(),
            payload_type: packet.payload_type(),
            sequence_number: packet.sequence_number(),
            timestamp: packet.timestamp(),
            ssrc: Ssrc(1),
        };
        own.write(writer.finish().expect("it fits"), &mut header)
            .expect("it fits");
    });
    assert_eq!(count, 0);
}

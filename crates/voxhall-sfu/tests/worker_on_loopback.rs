//! A worker with real sockets: commands, media both ways, counters, and its end.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use voxhall_protocol::discovery::Request;
use voxhall_protocol::voice::{EncryptionMode, Ssrc};
use voxhall_sfu::impairment::{Direction, Impairment, LinkConditions};
use voxhall_sfu::{
    Command, Error, Event, MemberId, MemberSsrcs, PayloadTypes, RoomId, Transport, TransportKey,
    UdpTransport, Worker, WorkerConfig, WorkerFailure, WorkerHandle,
};
use voxhall_sim::Conditions;
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::{Cipher, PacketKind, PayloadType, RtpPacket, Sealer, SequenceNumber};

const MODE: EncryptionMode = EncryptionMode::AeadXchacha20Poly1305Rtpsize;
const PATIENCE: Duration = Duration::from_secs(10);

struct Member {
    socket: UdpSocket,
    ssrc: Ssrc,
    sealer: Sealer,
}

fn start(bind: &str) -> (WorkerHandle, mpsc::Receiver<Event>) {
    let (events, queue) = mpsc::channel();
    let config = WorkerConfig::new(bind.parse().unwrap());
    let worker = Worker::spawn(config, move |event| drop(events.send(event))).unwrap();
    (worker, queue)
}

fn join(worker: &WorkerHandle, number: u8) -> Member {
    let member = MemberId(u64::from(number));
    let ssrc = Ssrc(u32::from(number));
    let key = TransportKey::from([number; 32]);
    let sealer = Sealer::client(Cipher::new(MODE, &key), [0; 24]);
    let ssrcs = MemberSsrcs {
        audio: ssrc,
        streams: Vec::new(),
    };
    worker
        .send(Command::AddMember {
            member,
            room: RoomId(1),
            ssrcs,
        })
        .unwrap();
    let transport = Transport::Udp(UdpTransport {
        mode: MODE,
        key,
        hint: None,
        first_nonce: 0,
        known: None,
    });
    let payload_types = PayloadTypes::default();
    worker
        .send(Command::Connect {
            member,
            transport,
            payload_types,
            dave: false,
        })
        .unwrap();
    let socket = UdpSocket::bind(SocketAddr::new(worker.local_addr().ip(), 0)).unwrap();
    socket.connect(worker.local_addr()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // The commands were queued before, so the worker carries them out before it reads this or at the same wake-up;
    // ask again if it did not, as clients do.
    let mut reply = [0; 100];
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let answered = (0..100).any(|_| {
        socket.send(&Request::new(ssrc).encode()).unwrap();
        socket.recv(&mut reply).is_ok_and(|length| length == 74)
    });
    assert!(answered, "discovery is answered");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Member { socket, ssrc, sealer }
}

fn speak(member: &mut Member, sequence: u16, payload: &[u8]) {
    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(sequence),
        timestamp: u32::from(sequence) * 960,
        ssrc: member.ssrc,
    };
    let mut buffer = [0; 300];
    let length = header.write(&[], &mut buffer).unwrap();
    buffer[length..length + payload.len()].copy_from_slice(payload);
    let length = member
        .sealer
        .seal(PacketKind::Rtp, &mut buffer, length + payload.len())
        .unwrap();
    member.socket.send(&buffer[..length]).unwrap();
}

fn hear(member: &Member) -> (Ssrc, u16, Vec<u8>) {
    let mut buffer = [0; 2000];
    loop {
        let length = member.socket.recv(&mut buffer).expect("something is said");
        let datagram = &mut buffer[..length];
        // Reports come in between.
        if datagram[1] == 120 {
            let opened = member.sealer.cipher().open(PacketKind::Rtp, datagram).unwrap();
            let packet = RtpPacket::parse(opened.packet).unwrap();
            return (
                packet.ssrc(),
                packet.sequence_number().0,
                packet.payload().to_vec(),
            );
        }
    }
}

fn talk(bind: &str) {
    let (worker, events) = start(bind);
    let mut members = [join(&worker, 1), join(&worker, 2), join(&worker, 3)];
    for sequence in 0..50 {
        speak(&mut members[0], sequence, &sequence.to_be_bytes());
    }
    for member in &members[1..] {
        for sequence in 0..50_u16 {
            assert_eq!(hear(member), (Ssrc(1), sequence, sequence.to_be_bytes().to_vec()));
        }
    }
    let address = members[0].socket.local_addr().unwrap();
    assert_eq!(
        events.recv_timeout(PATIENCE),
        Ok(Event::MediaConnected {
            member: MemberId(1),
            address
        })
    );
    let spoke = Event::Spoke { member: MemberId(1) };
    assert_eq!(events.recv_timeout(PATIENCE), Ok(spoke));
    worker.shutdown();
    worker.join();
    assert!(!worker.is_running());
    let stats = worker.stats();
    assert_eq!(stats.media, 50);
    assert!(stats.sent >= 103, "{stats:?}");
    assert_eq!(stats.send_failed, 0);
    let Ok(Event::WorkerStopped {
        failure: None,
        positions,
    }) = events.recv_timeout(PATIENCE)
    else {
        panic!("the last event");
    };
    assert!(
        positions
            .iter()
            .any(|position| position.member == MemberId(2) && position.next_nonce == 50),
        "{positions:?}"
    );
    assert!(matches!(
        worker.send(Command::RemoveMember { member: MemberId(1) }),
        Err(Error::Stopped)
    ));
}

#[test]
fn members_hear_each_other_over_ipv4() {
    talk("127.0.0.1:0");
}

#[test]
fn members_hear_each_other_over_ipv6() {
    if UdpSocket::bind("[::1]:0").is_ok() {
        talk("[::1]:0");
    }
}

#[test]
fn a_worker_ends_with_its_last_handle() {
    let (worker, events) = start("127.0.0.1:0");
    drop(worker);
    assert!(matches!(
        events.recv_timeout(PATIENCE),
        Ok(Event::WorkerStopped { failure: None, .. })
    ));
}

#[test]
fn a_port_in_use_is_one_clear_error() {
    let (worker, _events) = start("127.0.0.1:0");
    let error = Worker::spawn(WorkerConfig::new(worker.local_addr()), |_| {}).unwrap_err();
    assert!(
        error.to_string().contains(&worker.local_addr().to_string()),
        "{error}"
    );
}

#[test]
fn a_panic_is_reported_and_ends_the_worker_alone() {
    let (events, queue) = mpsc::channel();
    let config = WorkerConfig::new("127.0.0.1:0".parse().unwrap());
    let worker = Worker::spawn(config, move |event| {
        // What a bug in the core would do: the callback runs on the worker's thread, within the same guard.
        assert!(!matches!(event, Event::MediaConnected { .. }), "a bug");
        drop(events.send(event));
    })
    .unwrap();
    let mut member = join(&worker, 1);
    speak(&mut member, 1, b"words");
    match queue.recv_timeout(PATIENCE) {
        Ok(Event::WorkerStopped {
            failure: Some(voxhall_sfu::WorkerFailure::Panic(message)),
            ..
        }) => {
            assert!(message.contains("a bug"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    worker.join();
    assert!(!worker.is_running());
}

fn impair(worker: &WorkerHandle, member: u64, direction: Direction, conditions: Option<Conditions>) {
    let impairment = Impairment {
        member: MemberId(member),
        direction,
        link: conditions.map(|conditions| LinkConditions { conditions, seed: 5 }),
    };
    worker.impair(impairment).unwrap();
}

#[test]
fn a_fault_hits_the_member_and_the_way_it_was_set_for_until_it_ends() {
    let (worker, _events) = start("127.0.0.1:0");
    let [mut speaker, mut victim, other] = [join(&worker, 1), join(&worker, 2), join(&worker, 3)];
    let everything = Conditions {
        loss: 1.0,
        ..Conditions::PERFECT
    };
    impair(&worker, 2, Direction::Down, Some(everything));
    speak(&mut speaker, 0, b"not for the second");
    assert_eq!(hear(&other).1, 0);
    speak(&mut victim, 0, b"its own way up is clear");
    assert_eq!(hear(&other).0, Ssrc(2));
    impair(&worker, 2, Direction::Down, None);
    impair(&worker, 2, Direction::Up, Some(everything));
    speak(&mut victim, 1, b"lost on its way up");
    speak(&mut speaker, 1, b"for all");
    assert_eq!(hear(&other).0, Ssrc(1));
    assert_eq!(hear(&victim).1, 1, "the first never came");
    impair(&worker, 2, Direction::Up, None);
    speak(&mut victim, 2, b"heard again");
    assert_eq!(hear(&other), (Ssrc(2), 2, b"heard again".to_vec()));
}

#[test]
fn what_is_delayed_and_damaged_arrives_late_and_is_refused() {
    let (worker, _events) = start("127.0.0.1:0");
    let [mut speaker, listener, mut other] = [join(&worker, 1), join(&worker, 2), join(&worker, 3)];
    let late = Duration::from_millis(120);
    let delayed = Conditions {
        latency: late,
        ..Conditions::PERFECT
    };
    impair(&worker, 1, Direction::Up, Some(delayed));
    let sent = Instant::now();
    speak(&mut speaker, 0, b"late");
    assert_eq!(hear(&listener).1, 0);
    assert!(sent.elapsed() >= late, "{:?}", sent.elapsed());
    let damaged = Conditions {
        corruption: 1.0,
        ..Conditions::PERFECT
    };
    impair(&worker, 1, Direction::Up, Some(damaged));
    speak(&mut speaker, 1, b"damaged");
    speak(&mut other, 0, b"whatever was said before has been dealt with");
    assert_eq!(hear(&listener).0, Ssrc(3));
    impair(&worker, 1, Direction::Up, None);
    speak(&mut speaker, 2, b"whole");
    assert_eq!(hear(&listener).1, 2, "nobody hears what was changed on the way");
}

#[test]
fn a_worker_that_is_told_to_crash_says_how_far_it_had_come_with_its_members() {
    let (worker, events) = start("127.0.0.1:0");
    let [mut speaker, listener] = [join(&worker, 1), join(&worker, 2)];
    speak(&mut speaker, 0, b"one");
    hear(&listener);
    worker.crash().unwrap();
    worker.join();
    let stopped = std::iter::from_fn(|| events.recv_timeout(PATIENCE).ok()).last();
    let Some(Event::WorkerStopped { failure, positions }) = stopped else {
        panic!("{stopped:?}");
    };
    assert!(matches!(failure, Some(WorkerFailure::Panic(_))), "{failure:?}");
    let position = positions.iter().find(|position| position.member == MemberId(2));
    let position = position.unwrap();
    assert!(position.next_nonce > 0, "{positions:?}");
    assert_eq!(position.address, Some(listener.socket.local_addr().unwrap()));
}

//! WebRTC over TCP with a real worker: for networks that let no UDP through.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use str0m::crypto::Fingerprint as ClientFingerprint;
use str0m::ice::IceCreds;
use str0m::media::MediaKind;
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event as ClientEvent, Input, Output, Rtc};
use voxhall_protocol::Secret;
use voxhall_protocol::discovery::Request;
use voxhall_protocol::voice::{Codec, EncryptionMode, Ssrc};
use voxhall_sfu::{
    Command, DtlsIdentity, Error, Event, HeaderExtensions, MemberId, MemberSsrcs, PayloadTypes, RoomId,
    Transport, TransportKey, UdpTransport, WebRtcTransport, Worker, WorkerConfig, WorkerHandle,
};
use voxhall_transport::rtcp::RtcpWriter;
use voxhall_transport::rtp::RtpHeader;
use voxhall_transport::stun::{BindingResponse, ConnectivityCheck, IceRole, TransactionId};
use voxhall_transport::{Cipher, PacketKind, PayloadType, RtpPacket, Sealer, SequenceNumber};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const PATIENCE: Duration = Duration::from_secs(10);
const BROWSER: Ssrc = Ssrc(2000);
const NATIVE: Ssrc = Ssrc(1000);
const UFRAG: &str = "srvr";
const PASSWORD: &str = "0123456789012345678901";

struct House {
    worker: WorkerHandle,
    events: mpsc::Receiver<Event>,
    identity: DtlsIdentity,
}

fn house() -> House {
    let (events, queue) = mpsc::channel();
    let identity = DtlsIdentity::generate().unwrap();
    let config = WorkerConfig {
        identity: Some(identity.clone()),
        tcp: true,
        ..WorkerConfig::new("127.0.0.1:0".parse().unwrap())
    };
    let worker = Worker::spawn(config, move |event| drop(events.send(event))).unwrap();
    House {
        worker,
        events: queue,
        identity,
    }
}

impl House {
    fn add(&self, member: u64, ssrc: Ssrc) {
        let ssrcs = MemberSsrcs {
            audio: ssrc,
            streams: Vec::new(),
        };
        let add = Command::AddMember {
            member: MemberId(member),
            room: RoomId(1),
            ssrcs,
        };
        self.worker.send(add).unwrap();
    }

    /// A UDP client whose address is known.
    fn native(&self) -> (UdpSocket, Sealer) {
        self.add(1, NATIVE);
        let key = TransportKey::from([1; 32]);
        let connect = Command::Connect {
            member: MemberId(1),
            transport: Transport::Udp(UdpTransport {
                mode: MODE,
                key: key.clone(),
                hint: None,
                first_nonce: 0,
                known: None,
            }),
            payload_types: PayloadTypes::default(),
            dave: false,
        };
        self.worker.send(connect).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.worker.local_addr()).unwrap();
        socket.send(&Request::new(NATIVE).encode()).unwrap();
        socket.recv(&mut [0; 100]).unwrap();
        (socket, Sealer::client(Cipher::new(MODE, &key), [0; 24]))
    }

    /// Tells the worker of a browser with this name for its side of ICE.
    fn expect_browser(&self, ufrag: &str) {
        self.add(2, BROWSER);
        let transport = WebRtcTransport {
            local_ufrag: UFRAG.to_owned(),
            local_pwd: Secret::from(PASSWORD),
            remote_ufrag: ufrag.to_owned(),
            fingerprint: None,
            extensions: HeaderExtensions::from_offer(&[]),
            rids: Vec::new(),
        };
        let opus = Codec {
            payload_type: 111,
            ..Codec::opus()
        };
        let connect = Command::Connect {
            member: MemberId(2),
            transport: Transport::WebRtc(Box::new(transport)),
            payload_types: PayloadTypes::from_codecs(&[opus]),
            dave: false,
        };
        self.worker.send(connect).unwrap();
    }

    fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(self.worker.local_addr()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

/// A browser that has TCP alone.
struct Browser {
    rtc: Rtc,
    stream: TcpStream,
    local: SocketAddr,
    server: SocketAddr,
    input: Vec<u8>,
    connected: bool,
    heard: Vec<Vec<u8>>,
}

impl Browser {
    fn new(house: &House) -> Self {
        let stream = house.dial();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let (local, server) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, "tcp").unwrap());
        rtc.add_remote_candidate(Candidate::host(server, "tcp").unwrap());
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(true);
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: UFRAG.to_owned(),
            pass: PASSWORD.to_owned(),
        });
        direct.set_remote_fingerprint(ClientFingerprint {
            hash_func: "sha-256".to_owned(),
            bytes: house.identity.fingerprint().0.to_vec(),
        });
        direct.start_dtls(true).unwrap();
        direct.declare_media("a".into(), MediaKind::Audio);
        direct.declare_stream_tx(77.into(), None, "a".into(), None);
        direct.declare_media("b".into(), MediaKind::Audio);
        direct.expect_stream_rx(NATIVE.0.into(), None, "b".into(), None);
        house.expect_browser(&direct.local_ice_credentials().ufrag);
        Self {
            rtc,
            stream,
            local,
            server,
            input: Vec::new(),
            connected: false,
            heard: Vec::new(),
        }
    }

    /// Lives until `done`.
    fn live(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < end, "{what}");
            self.speak();
            self.listen();
            self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
        }
    }

    fn speak(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(datagram) => {
                    let length = u16::try_from(datagram.contents.len()).unwrap();
                    self.stream.write_all(&length.to_be_bytes()).unwrap();
                    self.stream.write_all(&datagram.contents).unwrap();
                }
                Output::Event(ClientEvent::Connected) => self.connected = true,
                Output::Event(ClientEvent::RtpPacket(packet)) => self.heard.push(packet.payload.to_vec()),
                Output::Event(_) => {}
            }
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(length) => self.input.extend_from_slice(&buffer[..length]),
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                "{error}"
            ),
        }
        while let Some(datagram) = take_datagram(&mut self.input) {
            let received = Receive::new(Protocol::Tcp, self.server, self.local, &datagram).unwrap();
            self.rtc
                .handle_input(Input::Receive(Instant::now(), received))
                .unwrap();
            self.speak();
        }
    }
}

fn take_datagram(input: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let datagram = rest.get(..length)?.to_vec();
    input.drain(..2 + length);
    Some(datagram)
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    let length = u16::try_from(datagram.len()).unwrap();
    [&length.to_be_bytes(), datagram].concat()
}

fn check(transaction: u8) -> Vec<u8> {
    let mut out = vec![0; 300];
    let check = ConnectivityCheck {
        transaction: TransactionId([transaction; 12]),
        receiver_ufrag: UFRAG,
        sender_ufrag: "client",
        priority: 1,
        use_candidate: true,
        role: IceRole::Controlling(1),
    };
    let length = check.write(PASSWORD, &mut out).unwrap();
    out.truncate(length);
    out
}

/// Reads until the server closes; what it said is thrown away.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
            Err(_) => return false,
        }
    }
}

#[test]
fn a_browser_without_udp_hears_and_is_heard() {
    let house = house();
    let (socket, mut sealer) = house.native();
    let mut browser = Browser::new(&house);
    browser.live("ICE and DTLS succeed", |browser| browser.connected);
    let connected = house.events.recv_timeout(PATIENCE).unwrap();
    let (member, address) = (MemberId(2), browser.local);
    assert_eq!(connected, Event::MediaConnected { member, address });

    let now = Instant::now();
    let packet = RtpWrite::new(111.into(), SeqNo::from(5), 960, now, &b"over TCP"[..]);
    let mut direct = browser.rtc.direct_api();
    direct.stream_tx(&77.into()).unwrap().write_rtp(packet);
    browser.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
    browser.speak();
    let mut buffer = [0; 1500];
    let heard = loop {
        let length = socket.recv(&mut buffer).unwrap();
        if let Ok(opened) = sealer.cipher().open(PacketKind::Rtp, &mut buffer[..length])
            && let Ok(packet) = RtpPacket::parse(opened.packet)
        {
            break (packet.ssrc(), packet.payload().to_vec());
        }
    };
    assert_eq!(heard, (BROWSER, b"over TCP".to_vec()));

    let header = RtpHeader {
        marker: false,
        payload_type: PayloadType::OPUS,
        sequence_number: SequenceNumber(9),
        timestamp: 960,
        ssrc: NATIVE,
    };
    let mut packet = [0; 200];
    let length = sealer
        .seal_parts(PacketKind::Rtp, &header.to_bytes(false), b"over UDP", &mut packet)
        .unwrap();
    socket.send(&packet[..length]).unwrap();
    browser.live("it hears the UDP client", |browser| !browser.heard.is_empty());
    assert_eq!(browser.heard, [b"over UDP".to_vec()]);
    house.worker.shutdown();
}

#[test]
fn a_check_is_answered_with_the_clients_own_address() {
    let house = house();
    house.expect_browser("client");
    let mut stream = house.dial();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // In pieces, as TCP likes to bring them.
    for piece in framed(&check(3)).chunks(7) {
        stream.write_all(piece).unwrap();
    }
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut response = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut response).unwrap();
    let answer = BindingResponse::parse(&response, TransactionId([3; 12]), PASSWORD).unwrap();
    assert_eq!(answer, BindingResponse::Success(stream.local_addr().unwrap()));
}

#[test]
fn only_an_authentic_check_is_answered() {
    let house = house();
    let (_socket, mut sealer) = house.native();
    house.expect_browser("client");
    let mut stream = house.dial();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut report = vec![0; 100];
    RtcpWriter::new(&mut report).receiver_report(NATIVE, &[]).unwrap();
    let length = sealer.seal(PacketKind::Rtcp, &mut report, 8).unwrap();
    let ping = [&[0x13, 0x37, 0xca, 0xfe][..], &5_u32.to_le_bytes()].concat();
    let counter = 7_u64.to_le_bytes();
    let discovery = Request::new(NATIVE).encode();
    for stranger in [&ping[..], &counter, &discovery, &report[..length], &check(4)] {
        stream.write_all(&framed(stranger)).unwrap();
    }
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut response = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut response).unwrap();
    let answer = BindingResponse::parse(&response, TransactionId([4; 12]), PASSWORD).unwrap();
    assert_eq!(
        answer,
        BindingResponse::Success(stream.local_addr().unwrap()),
        "the first answer"
    );
    // Nor has the UDP client moved there.
    assert_eq!(house.worker.stats().discovery, 1);
}

#[test]
fn who_sends_without_end_takes_no_time_of_others() {
    let house = house();
    house.expect_browser("client");
    let mut flood = house.dial();
    let dead = flood.try_clone().unwrap();
    let flooding = std::thread::spawn(move || {
        let datagrams = framed(&[1; 1000]).repeat(1000);
        while flood.write_all(&datagrams).is_ok() {}
    });
    for transaction in 1..20 {
        let mut stream = house.dial();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&framed(&check(transaction))).unwrap();
        assert!(stream.read(&mut [0; 100]).unwrap() > 0, "it was answered");
    }
    dead.shutdown(Shutdown::Both).unwrap();
    flooding.join().unwrap();
}

#[test]
fn what_is_no_datagram_ends_the_connection_and_no_other() {
    let house = house();
    house.expect_browser("client");
    let mut good = house.dial();
    good.write_all(&framed(&check(1))).unwrap();
    let mut too_long = house.dial();
    too_long.write_all(&[0xff, 0xff, 1, 2, 3]).unwrap();
    assert!(is_closed(&mut too_long));
    let mut half = house.dial();
    half.write_all(&[0, 100, 1]).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    assert!(is_closed(&mut half));
    good.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(good.read(&mut [0; 100]).unwrap() > 0, "it was answered");
}

#[test]
fn the_port_is_free_when_the_worker_has_ended() {
    let house = house();
    let address = house.worker.local_addr();
    let taken = WorkerConfig {
        tcp: true,
        ..WorkerConfig::new("127.0.0.1:0".parse().unwrap())
    };
    house.worker.shutdown();
    house.worker.join();
    let again = WorkerConfig {
        bind: address,
        ..taken
    };
    let worker = Worker::spawn(again.clone(), |_| {}).unwrap();
    let refused = Worker::spawn(again, |_| {}).unwrap_err();
    assert!(matches!(refused, Error::Bind { .. }), "{refused}");
    worker.shutdown();
    worker.join();
    let listener = std::net::TcpListener::bind(address).unwrap();
    let with_tcp = WorkerConfig {
        tcp: true,
        ..WorkerConfig::new(address)
    };
    let refused = Worker::spawn(with_tcp, |_| {}).unwrap_err();
    assert!(refused.to_string().contains("TCP port"), "{refused}");
    drop(listener);
}

//! A WebRTC client in virtual time: str0m, which shares no code with the server but DTLS. It judges what the server
//! sends: ICE, DTLS and SRTP have to be right for anything to come out of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::bwe::{Bitrate, BweKind};
use str0m::crypto::Fingerprint as ClientFingerprint;
use str0m::ice::IceCreds;
use str0m::media::{KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpPacket, RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use voxhall_protocol::Secret;
use voxhall_protocol::sdp::{self, ExtensionScope, Fingerprint};
use voxhall_protocol::voice::{Codec, CodecName, Ssrc};
use voxhall_sfu::{
    ClientSources, Command, CoreConfig, DtlsIdentity, HeaderExtensions, LayerSources, MemberId, MemberSsrcs,
    PayloadTypes, PublishedLayer, PublishedVideo, StreamSsrcs, Transport, WebRtcTransport,
};
use voxhall_sim::{Conditions, Network};
use voxhall_transport::demux::{self, Datagram, LegacyDiscovery};

use crate::common::{ROOM, World, codec};

/// What browsers call the codecs.
pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const VP8_RTX: u8 = 97;

/// The first packet of a VP8 keyframe, and of another frame.
pub const KEYFRAME: &[u8] = &[0x90, 0x80, 0x01, 0x10, 0x02];
pub const DELTA: &[u8] = &[0x90, 0x80, 0x02, 0x11, 0x02];

/// What browsers call header extensions.
const EXTENSIONS: [(u8, Extension, &str); 5] = [
    (
        1,
        Extension::AudioLevel,
        "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    ),
    (
        3,
        Extension::TransportSequenceNumber,
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ),
    (4, Extension::RtpMid, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    (13, Extension::VideoOrientation, "urn:3gpp:video-orientation"),
    (
        12,
        Extension::PlayoutDelay,
        "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    ),
];

/// How a browser joins, where it differs from most.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// It tells the server this instead of its certificate's fingerprint.
    pub fingerprint: Option<Fingerprint>,
    /// It tells nothing of its certificate.
    pub silent_about_fingerprint: bool,
    /// It estimates how much it may send.
    pub estimates: bool,
}

pub struct Browser {
    pub id: MemberId,
    pub address: SocketAddr,
    pub server: SocketAddr,
    pub rtc: Rtc,
    /// What Ready gave it.
    pub allocated: MemberSsrcs,
    /// What it calls its streams itself.
    pub audio: Ssrc,
    pub video: Ssrc,
    pub rtx: Ssrc,
    pub due: Instant,
    pub connected: bool,
    pub packets: Vec<(Instant, RtpPacket)>,
    /// How often it was asked for a keyframe.
    pub keyframe_requests: usize,
    /// Bits per second it believes to have, if it estimates.
    pub estimates: Vec<u64>,
    /// Nothing that it sends gets anywhere.
    pub mute_network: bool,
    /// So many RTP packets to it get lost next.
    pub lose_next: u32,
    /// No DTLS reaches it.
    pub deaf_to_dtls: bool,
    candidate: Candidate,
    sequence: u64,
    frame: u64,
    mids: usize,
}

impl Browser {
    /// What it got of one stream.
    pub fn received(&self, ssrc: Ssrc) -> Vec<&RtpPacket> {
        self.packets
            .iter()
            .map(|(_, packet)| packet)
            .filter(|packet| *packet.header.ssrc == ssrc.0)
            .collect()
    }

    /// The payloads it got of one stream.
    pub fn payloads(&self, ssrc: Ssrc) -> Vec<Vec<u8>> {
        self.received(ssrc)
            .iter()
            .map(|packet| packet.payload.to_vec())
            .collect()
    }

    /// Prepares for a stream that the server announced.
    pub fn expect(&mut self, kind: MediaKind, ssrc: Ssrc) {
        let mid = self.next_mid();
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid, kind);
        let rtx = matches!(kind, MediaKind::Video).then_some((ssrc.0 + 1).into());
        direct.expect_stream_rx(ssrc.0.into(), rtx, mid, None);
    }

    /// Asks for a keyframe of a stream.
    pub fn request_keyframe(&mut self, ssrc: Ssrc, kind: KeyframeRequestKind) {
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_rx(&ssrc.0.into()).expect("it is expected");
        stream.request_keyframe(kind);
    }

    /// What it is called in connectivity checks.
    pub fn ufrag(&mut self) -> String {
        self.rtc.direct_api().local_ice_credentials().ufrag
    }

    pub fn take(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let kind = demux::classify(datagram, LegacyDiscovery::Refused);
        if matches!(kind, Datagram::Rtp(_)) && self.lose_next > 0 {
            self.lose_next -= 1;
            return;
        }
        if kind == Datagram::Dtls && self.deaf_to_dtls {
            return;
        }
        if datagram.starts_with(&[0, 2, 0, 70]) {
            // The answer to a discovery request, which somebody else sent in its name.
            return;
        }
        let received = Receive::new(Protocol::Udp, from, self.address, datagram);
        let received = received.expect("the server sends nothing but WebRTC");
        self.rtc
            .handle_input(Input::Receive(now, received))
            .expect("the server breaks no rule");
        self.due = now;
    }

    pub fn wake(&mut self, now: Instant) {
        if self.due <= now {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
        }
    }

    /// Sends what it wants to send, and takes note of what happened to it.
    pub fn flush(&mut self, now: Instant, network: &mut Network) {
        loop {
            let output = match self.rtc.poll_output() {
                Ok(output) => output,
                // It hears no DTLS, and gives up.
                Err(_) if self.deaf_to_dtls => {
                    self.mute_network = true;
                    self.due = now + Duration::from_secs(3600);
                    return;
                }
                Err(error) => panic!("the server breaks a rule: {error}"),
            };
            match output {
                Output::Timeout(at) => {
                    self.due = at.max(now + Duration::from_micros(1));
                    return;
                }
                Output::Transmit(_) if self.mute_network => {}
                Output::Transmit(datagram) => {
                    network.send(
                        now,
                        self.address,
                        datagram.destination,
                        datagram.contents.to_vec(),
                    );
                }
                Output::Event(event) => self.note(now, event),
            }
        }
    }

    fn note(&mut self, now: Instant, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::RtpPacket(packet) => self.packets.push((now, packet)),
            Event::KeyframeRequest(_) => self.keyframe_requests += 1,
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                self.estimates.push(estimate.as_u64())
            }
            _ => {}
        }
    }

    fn next_mid(&mut self) -> Mid {
        self.mids += 1;
        Mid::from(format!("m{}", self.mids).as_str())
    }
}

impl World {
    /// A server that takes WebRTC clients.
    pub fn for_browsers() -> Self {
        Self::for_browsers_with(1, Conditions::PERFECT)
    }

    pub fn for_browsers_with(seed: u64, conditions: Conditions) -> Self {
        Self::with(browser_config(), seed, conditions)
    }

    /// A browser that has connected.
    pub fn browse(&mut self) -> usize {
        let browser = self.browse_with(&Manners::default());
        self.run(Duration::from_secs(2));
        assert!(self.browsers[browser].connected, "ICE and DTLS succeed");
        browser
    }

    /// A browser that has connected, and estimates how much it may send.
    pub fn browse_estimating(&mut self) -> usize {
        let manners = Manners {
            estimates: true,
            ..Manners::default()
        };
        let browser = self.browse_with(&manners);
        self.run(Duration::from_secs(2));
        self.browsers[browser]
            .rtc
            .bwe()
            .set_bitrate(Bitrate::kbps(100), Bitrate::mbps(3));
        browser
    }

    /// A browser that begins to connect.
    pub fn browse_with(&mut self, manners: &Manners) -> usize {
        let number = u32::try_from(self.browsers.len()).unwrap();
        let base = 100_000 + 16 * number;
        let allocated = MemberSsrcs {
            audio: Ssrc(base),
            streams: vec![StreamSsrcs {
                ssrc: Ssrc(base + 1),
                rtx: Ssrc(base + 2),
            }],
        };
        let id = MemberId(1000 + u64::from(number));
        self.command(Command::AddMember {
            member: id,
            room: ROOM,
            ssrcs: allocated.clone(),
        });
        self.select(id, allocated, manners)
    }

    /// The browser of a member that sends op 1 once more, for a peer connection of its own.
    pub fn reconnect(&mut self, browser: usize) -> usize {
        let (id, allocated) = (
            self.browsers[browser].id,
            self.browsers[browser].allocated.clone(),
        );
        self.browsers[browser].mute_network = true;
        self.select(id, allocated, &Manners::default())
    }

    /// A browser's network becomes another one.
    pub fn roam(&mut self, browser: usize) {
        let browser = &mut self.browsers[browser];
        browser.address.set_port(browser.address.port() + 1000);
        let candidate = Candidate::host(browser.address, "udp").unwrap();
        browser.rtc.direct_api().invalidate_candidate(&browser.candidate);
        browser.rtc.add_local_candidate(candidate.clone());
        browser.candidate = candidate;
        browser.due = self.now;
    }

    fn select(&mut self, id: MemberId, allocated: MemberSsrcs, manners: &Manners) -> usize {
        let number = u32::try_from(self.browsers.len()).unwrap();
        let address = SocketAddr::from(([10, 0, 0, 2], 6000 + number as u16));
        let mut browser = Browser {
            id,
            address,
            server: self.server,
            rtc: config(manners).build(self.now),
            allocated,
            audio: Ssrc(3_000_000_000 + 10 * number),
            video: Ssrc(3_000_000_001 + 10 * number),
            rtx: Ssrc(3_000_000_007 + 10 * number),
            due: self.now,
            connected: false,
            packets: Vec::new(),
            keyframe_requests: 0,
            estimates: Vec::new(),
            mute_network: false,
            lose_next: 0,
            deaf_to_dtls: false,
            candidate: Candidate::host(address, "udp").unwrap(),
            sequence: 100,
            frame: 0,
            mids: 0,
        };
        let transport = browser.dial(number, manners);
        self.browsers.push(browser);
        self.command(Command::Connect {
            member: id,
            transport: Transport::WebRtc(Box::new(transport)),
            payload_types: PayloadTypes::from_codecs(&codecs()),
            dave: false,
        });
        self.browsers.len() - 1
    }

    /// What op 5 and op 12 make of a browser that has its camera on.
    pub fn announce(&mut self, browser: usize) {
        let Browser {
            id: member,
            audio,
            video,
            rtx,
            ref allocated,
            ..
        } = self.browsers[browser];
        let ssrc = allocated.streams[0].ssrc;
        self.command(Command::SetSources {
            member,
            sources: ClientSources {
                audio: Some(audio),
                layers: vec![LayerSources {
                    media: Some(video),
                    rtx: Some(rtx),
                }],
            },
        });
        let layer = PublishedLayer {
            ssrc,
            active: true,
            quality: 100,
            pixels: None,
        };
        self.command(Command::Publish {
            member,
            video: PublishedVideo { layers: vec![layer] },
        });
        self.settle();
    }

    /// Sends the next audio packet of a browser.
    pub fn say(&mut self, browser: usize, payload: &[u8]) {
        let now = self.now;
        let browser = &mut self.browsers[browser];
        browser.sequence += 1;
        let (sequence, ssrc) = (browser.sequence, browser.audio);
        let level = ExtensionValues {
            audio_level: Some(-30),
            voice_activity: Some(true),
            ..ExtensionValues::default()
        };
        let packet = RtpWrite::new(
            OPUS.into(),
            SeqNo::from(sequence),
            sequence as u32 * 960,
            now,
            payload,
        );
        let mut direct = browser.rtc.direct_api();
        direct
            .stream_tx(&ssrc.0.into())
            .unwrap()
            .write_rtp(packet.ext_vals(level));
        browser.due = now;
    }

    /// Sends the next packet of a browser's camera, a frame of its own.
    pub fn show(&mut self, browser: usize, payload: &[u8]) {
        let now = self.now;
        let browser = &mut self.browsers[browser];
        browser.frame += 1;
        let (frame, ssrc) = (browser.frame, browser.video);
        let packet = RtpWrite::new(VP8.into(), SeqNo::from(frame), frame as u32 * 3000, now, payload)
            .marker(true)
            .nackable(true);
        let mut direct = browser.rtc.direct_api();
        direct.stream_tx(&ssrc.0.into()).unwrap().write_rtp(packet);
        browser.due = now;
    }
}

impl Browser {
    /// Sets up its end, and returns what the server is told of both.
    fn dial(&mut self, number: u32, manners: &Manners) -> WebRtcTransport {
        let remote = Candidate::host(self.server, "udp").unwrap();
        self.rtc.add_local_candidate(self.candidate.clone());
        self.rtc.add_remote_candidate(remote);
        let server = IceCreds {
            ufrag: format!("srv{number}"),
            pass: format!("{number:022}"),
        };
        let (audio_mid, video_mid) = (self.next_mid(), self.next_mid());
        let mut direct = self.rtc.direct_api();
        let client = direct.local_ice_credentials();
        let own = direct.local_dtls_fingerprint().clone();
        direct.set_ice_controlling(true);
        direct.set_remote_ice_credentials(server.clone());
        direct.set_remote_fingerprint(ClientFingerprint {
            hash_func: "sha-256".to_owned(),
            bytes: identity().fingerprint().0.to_vec(),
        });
        direct.start_dtls(true).unwrap();
        // As `transport-cc` in an answer does.
        direct.enable_twcc_feedback();
        direct.declare_media(audio_mid, MediaKind::Audio);
        direct.declare_stream_tx(self.audio.0.into(), None, audio_mid, None);
        direct.declare_media(video_mid, MediaKind::Video);
        direct.declare_stream_tx(self.video.0.into(), Some(self.rtx.0.into()), video_mid, None);
        let own = Fingerprint(own.bytes.try_into().unwrap());
        let told = manners.fingerprint.unwrap_or(own);
        WebRtcTransport {
            local_ufrag: server.ufrag,
            local_pwd: Secret::new(server.pass),
            remote_ufrag: client.ufrag,
            fingerprint: (!manners.silent_about_fingerprint).then_some(told),
            extensions: HeaderExtensions::from_offer(&extension_lines()),
            rids: vec![Some("100".to_owned())],
        }
    }
}

/// What browsers list in op 1.
pub fn codecs() -> Vec<Codec> {
    vec![
        codec(CodecName::Opus, OPUS, None),
        codec(CodecName::Vp8, VP8, Some(VP8_RTX)),
    ]
}

/// The settings of a core that takes WebRTC clients.
pub fn browser_config() -> CoreConfig {
    CoreConfig {
        identity: Some(identity()),
        ..CoreConfig::default()
    }
}

/// One certificate for all tests, as for all workers of a process.
pub fn identity() -> DtlsIdentity {
    use std::sync::OnceLock;
    static IDENTITY: OnceLock<DtlsIdentity> = OnceLock::new();
    IDENTITY.get_or_init(|| DtlsIdentity::generate().unwrap()).clone()
}

fn extension_lines() -> Vec<sdp::ExtensionMap> {
    let line = |&(id, _, uri): &(u8, Extension, &str)| sdp::ExtensionMap {
        id,
        scope: ExtensionScope::SendRecv,
        uri: uri.to_owned(),
        parameters: String::new(),
    };
    EXTENSIONS.iter().map(line).collect()
}

fn config(manners: &Manners) -> RtcConfig {
    let start = manners.estimates.then(|| Bitrate::kbps(300));
    let config = Rtc::builder()
        .enable_bwe(start)
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_opus(true, false)
        .enable_vp8(true)
        .clear_extension_map();
    EXTENSIONS.iter().fold(config, |config, (id, extension, _)| {
        config.set_extension(*id, extension.clone())
    })
}

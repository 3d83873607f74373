use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use voxhall_media::assembly::VideoPacket;
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::{ExtensionKind, transport_sequence};
use voxhall_transport::replay::ReplayWindow;
use voxhall_transport::rtcp::{self, RtcpPacket, SenderReport};
use voxhall_transport::rtx::RtxPayload;
use voxhall_transport::silence::{SILENCE_FRAMES, is_silence};
use voxhall_transport::{Cipher, PacketKind, RtpPacket, SequenceNumber};

use super::waiting::{Held, Waiting};
use super::{Audiences, OpusPacket, SpeakingChange, Voices};
use crate::connection::{RosterChange, SourceKind};
use crate::engine::{LinkCounters, LinkShared, PacingLink, count};
use crate::video::codecs;
use crate::video::receiver::VideoReceiver;
use crate::video::shared::VideoShared;
use crate::video::stream::SourceClock;

/// A speaker of whom nothing comes for so long has stopped, with or without silence frames.
const SPEECH_TIMEOUT: Duration = Duration::from_millis(300);

/// The receiving half of one session, without its socket: datagrams in, events to the listeners out.
#[derive(Debug)]
pub(crate) struct VoiceReceiver {
    voices: Arc<Voices>,
    counters: Arc<LinkCounters>,
    cipher: Option<Cipher>,
    sources: HashMap<Ssrc, Source>,
    users: BTreeMap<UserId, Speaker>,
    waiting: Waiting,
    video: VideoReceiver,
    video_shared: Arc<VideoShared>,
    /// Where feedback goes, and what the server says about our packets.
    pacing: Option<PacingLink>,
    /// The own audio source.
    own: Ssrc,
    /// Ticks so far.
    tick: u64,
}

/// What is known of one source.
#[derive(Debug)]
struct Source {
    user: UserId,
    kind: SourceKind,
    /// Refuses packets that come twice; made when the first one is wanted.
    window: Option<ReplayWindow>,
    /// How its clock stands by the sender's, for sound.
    clock: Option<SourceClock>,
}

/// What is known of one user.
#[derive(Debug, Default)]
struct Speaker {
    /// Set while the user speaks: when the last packet came.
    last_packet: Option<Instant>,
    /// Silence frames in a row.
    silence: u8,
    #[cfg(feature = "opus-codec")]
    playback: Option<Box<voxhall_media::jitter::Playback>>,
}

impl VoiceReceiver {
    pub(crate) fn new(shared: &LinkShared, pacing: Option<PacingLink>, now: Instant) -> Self {
        Self {
            voices: Arc::clone(&shared.voices),
            counters: Arc::clone(&shared.counters),
            video: VideoReceiver::new(Arc::clone(&shared.video), now),
            video_shared: Arc::clone(&shared.video),
            pacing,
            own: Ssrc::NONE,
            cipher: None,
            sources: HashMap::new(),
            users: BTreeMap::new(),
            waiting: Waiting::default(),
            tick: 0,
        }
    }

    /// Packets can be opened from now on. `own` is our audio source, in whose name feedback is sent.
    pub(crate) fn start(&mut self, cipher: Cipher, own: Ssrc) {
        self.cipher = Some(cipher);
        self.own = own;
    }

    /// Whether [`VoiceReceiver::tick`] should be called every 20 ms.
    pub(crate) fn wants_ticks(&self) -> bool {
        let heard = self.voices.is_heard() && self.voices.change(|audiences| audiences.want_ticks());
        let watched = self.video.is_watched() && self.video.wants_ticks();
        heard || watched
    }

    /// Takes in who is in the room and whose a source is.
    pub(crate) fn roster(&mut self, now: Instant, change: RosterChange) {
        match change {
            RosterChange::Joined(user) => {
                self.users.entry(user).or_default();
            }
            RosterChange::Left(user) => {
                self.sources.retain(|_, source| source.user != user);
                self.video.forget(Some(user));
                self.stopped(user);
                self.users.remove(&user);
            }
            RosterChange::Source { ssrc, user, kind } => {
                self.users.entry(user).or_default();
                self.claim(ssrc, user, kind);
                for held in self.waiting.claim(now, ssrc) {
                    self.packet(ssrc, held);
                }
            }
            RosterChange::Cleared => {
                for user in self.users.keys().copied().collect::<Vec<_>>() {
                    self.stopped(user);
                }
                self.sources.clear();
                self.video.forget(None);
                self.users.clear();
                self.waiting.clear();
            }
        }
    }

    /// Takes in a datagram that looks like RTP or RTCP. If nobody listens it is counted and not even opened.
    pub(crate) fn datagram(&mut self, now: Instant, kind: PacketKind, datagram: &mut [u8]) {
        count(&self.counters.packets_received);
        let watched = self.video.is_watched();
        let listens = watched || self.voices.is_heard();
        // What the server says about our pictures matters as long as we show some.
        let matters = listens || kind == PacketKind::Rtcp && self.video_shared.is_showing();
        let (true, Some(cipher)) = (matters, &self.cipher) else {
            return;
        };
        let Ok(opened) = cipher.open(kind, datagram) else {
            return count(&self.counters.packets_refused);
        };
        if kind == PacketKind::Rtcp {
            let compound = opened.packet;
            return self.control(now, compound);
        }
        let Ok(packet) = RtpPacket::parse(opened.packet) else {
            return count(&self.counters.packets_refused);
        };
        let held = Held {
            sequence: packet.sequence_number().0,
            timestamp: packet.timestamp(),
            payload_type: packet.payload_type(),
            marker: packet.marker(),
            payload: Bytes::copy_from_slice(packet.payload()),
            fingerprint: opened.fingerprint,
            arrived: now,
        };
        let number = packet
            .extensions()
            .and_then(|block| block.find(ExtensionKind::TransportSequence.native_id()))
            .and_then(transport_sequence)
            .filter(|_| watched);
        let ssrc = packet.ssrc();
        if let Some(number) = number {
            self.video.numbered(now, number);
        }
        if self.sources.contains_key(&ssrc) {
            self.packet(ssrc, held);
        } else if !self.waiting.keep(now, ssrc, held) {
            count(&self.counters.packets_unclaimed);
        }
    }

    /// Takes in what the server says: how the clocks of others stand, and how our packets arrived.
    fn control(&mut self, now: Instant, compound: &[u8]) {
        let mut concerns_us = false;
        for packet in rtcp::packets(compound).map_while(Result::ok) {
            match packet {
                RtcpPacket::SenderReport(report) => self.sender_report(now, &report),
                RtcpPacket::SourceDescription(_) | RtcpPacket::Goodbye(_) | RtcpPacket::Unknown(_) => {}
                _ => concerns_us = true,
            }
        }
        if concerns_us
            && self.video_shared.is_showing()
            && let Some(pacing) = &self.pacing
        {
            pacing.control(compound.to_vec());
        }
    }

    fn sender_report(&mut self, now: Instant, report: &SenderReport<'_>) {
        let Some(source) = self.sources.get_mut(&report.sender) else {
            return;
        };
        match source.kind {
            SourceKind::Audio => {
                source.clock = Some(SourceClock::new(&report.info, voxhall_media::SAMPLE_RATE))
            }
            SourceKind::Video => self
                .video
                .sender_report(now, report.sender, source.user, &report.info),
            SourceKind::Retransmission { .. } => {}
        }
    }

    /// Notes whose a source is. What is repeated changes nothing; another owner begins anew.
    fn claim(&mut self, ssrc: Ssrc, user: UserId, kind: SourceKind) {
        let known = self.sources.get(&ssrc);
        if known.is_none_or(|source| (source.user, source.kind) != (user, kind)) {
            let source = Source {
                user,
                kind,
                window: None,
                clock: None,
            };
            self.sources.insert(ssrc, source);
        }
    }

    /// Hands a packet to everyone who wants it.
    fn packet(&mut self, ssrc: Ssrc, held: Held) {
        let Some(source) = self.sources.get_mut(&ssrc) else {
            return;
        };
        let is_wanted = match source.kind {
            SourceKind::Audio => !held.payload.is_empty(),
            SourceKind::Video | SourceKind::Retransmission { .. } => self.video.is_watched(),
        };
        if !is_wanted {
            return;
        }
        let user = source.user;
        let window = source.window.get_or_insert_with(ReplayWindow::new);
        if window
            .accept(held.arrived, SequenceNumber(held.sequence), held.fingerprint)
            .is_err()
        {
            return count(&self.counters.packets_duplicate);
        }
        let (kind, clock) = (source.kind, source.clock);
        if kind != SourceKind::Audio {
            return self.video_packet(ssrc, user, kind, held);
        }
        let speaker = self.users.entry(user).or_default();
        let change = speaker.heard(user, held.arrived, is_silence(&held.payload));
        self.voices.change(|audiences| {
            if let Some(change) = change {
                audiences.speaking.publish(&change);
            }
            #[cfg(feature = "opus-codec")]
            if !audiences.pcm.is_empty() {
                let playback = speaker.playback.get_or_insert_with(|| {
                    Box::new(voxhall_media::jitter::Playback::new(Default::default()))
                });
                playback.insert(held.sequence, held.timestamp, held.payload.clone(), held.arrived);
            }
            if !audiences.packets.is_empty() {
                audiences.packets.publish(&OpusPacket {
                    user,
                    ssrc,
                    sequence: held.sequence,
                    timestamp: held.timestamp,
                    payload: held.payload,
                    arrived: held.arrived,
                    captured: clock.and_then(|clock| clock.captured(held.timestamp)),
                });
            }
        });
    }

    /// Hands a packet of video on, as what it was before it was lost.
    fn video_packet(&mut self, ssrc: Ssrc, user: UserId, kind: SourceKind, held: Held) {
        let Some(meaning) = codecs::meaning(held.payload_type) else {
            return count(&self.counters.packets_refused);
        };
        let mut packet = VideoPacket {
            sequence: held.sequence,
            timestamp: held.timestamp,
            marker: held.marker,
            codec: meaning.codec,
            payload: held.payload,
        };
        match kind {
            SourceKind::Retransmission { of } if meaning.is_retransmission => {
                let Ok(repaired) = RtxPayload::parse(&packet.payload) else {
                    return;
                };
                if repaired.is_probe() {
                    return;
                }
                packet.sequence = repaired.original_sequence.0;
                packet.payload = packet.payload.slice_ref(repaired.original_payload);
                self.video.packet(held.arrived, of, user, packet, true);
            }
            SourceKind::Video if !meaning.is_retransmission => {
                self.video.packet(held.arrived, ssrc, user, packet, false);
            }
            _ => count(&self.counters.packets_refused),
        }
    }

    fn stopped(&mut self, user: UserId) {
        if let Some(change) = self.users.get_mut(&user).and_then(|speaker| speaker.stop(user)) {
            self.voices
                .change(|audiences| audiences.speaking.publish(&change));
        }
    }

    /// 20 ms have passed: notices who fell silent, and plays what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        for (user, speaker) in &mut self.users {
            let quiet = |last: Instant| now.saturating_duration_since(last) >= SPEECH_TIMEOUT;
            if speaker.last_packet.is_some_and(quiet)
                && let Some(change) = speaker.stop(*user)
            {
                self.voices
                    .change(|audiences| audiences.speaking.publish(&change));
            }
        }
        if self.video.is_watched() {
            let pacing = &self.pacing;
            self.video.tick(now, self.own, &mut |compound| {
                if let Some(pacing) = pacing {
                    pacing.feedback(compound);
                }
            });
        }
        #[cfg(feature = "opus-codec")]
        self.play();
        self.tick += 1;
    }

    /// Decodes 20 ms of everyone, outside of any lock, and hands it over as one event.
    #[cfg(feature = "opus-codec")]
    fn play(&mut self) {
        if self.voices.change(|audiences| audiences.pcm.is_empty()) {
            for speaker in self.users.values_mut() {
                speaker.playback = None;
            }
            return;
        }
        let mut tick = super::VoiceTick {
            number: self.tick,
            speaking: Vec::new(),
            silent: Vec::new(),
        };
        for (user, speaker) in &mut self.users {
            match speaker.decode() {
                Some(pcm) => tick.speaking.push(super::SpeakerPcm { user: *user, pcm }),
                None => tick.silent.push(*user),
            }
        }
        self.voices.change(|audiences| audiences.pcm.publish(&tick));
    }
}

impl Audiences {
    /// Whether somebody listens to what only time can tell. Those who stopped listening are forgotten.
    fn want_ticks(&mut self) -> bool {
        self.packets.prune();
        self.speaking.prune();
        #[cfg(feature = "opus-codec")]
        {
            self.pcm.prune();
            if !self.pcm.is_empty() {
                return true;
            }
        }
        !self.speaking.is_empty()
    }
}

impl Speaker {
    /// A packet came; says whether that begins or ends a talk spurt.
    fn heard(&mut self, user: UserId, now: Instant, silence: bool) -> Option<SpeakingChange> {
        if !silence {
            self.silence = 0;
            let before = self.last_packet.replace(now);
            return before.is_none().then_some(SpeakingChange::Started(user));
        }
        self.silence = self.silence.saturating_add(1);
        if self.silence >= SILENCE_FRAMES {
            self.stop(user)
        } else {
            None
        }
    }

    fn stop(&mut self, user: UserId) -> Option<SpeakingChange> {
        self.last_packet.take().map(|_| SpeakingChange::Stopped(user))
    }

    /// The next 20 ms, if there is anything to hear.
    #[cfg(feature = "opus-codec")]
    fn decode(&mut self) -> Option<Arc<[f32]>> {
        use voxhall_media::jitter::Heard;
        let playback = self.playback.as_mut()?;
        let mut pcm = [0.0; voxhall_media::FRAME_LEN];
        match playback.next_frame(&mut pcm) {
            Ok(Heard::Voice | Heard::Concealed) => Some(Arc::from(pcm.as_slice())),
            Ok(Heard::Silence) => None,
            Err(error) => {
                tracing::warn!(%error, "a voice cannot be decoded");
                self.playback = None;
                None
            }
        }
    }
}

#[cfg(test)]
mod together;

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::EncryptionMode;
    use voxhall_transport::rtp::RtpHeader;
    use voxhall_transport::silence::OPUS_SILENCE;
    use voxhall_transport::{PayloadType, Sealer, TransportKey};

    use super::*;
    use crate::subscription::{Subscription, channel};

    const ALICE: UserId = UserId(2);
    const SSRC: Ssrc = Ssrc(77);
    const VOICE: &[u8] = &[0x78, 1, 2, 3];

    /// A receiver, and the other end of the wire.
    struct Wire {
        receiver: VoiceReceiver,
        sealer: Sealer,
        sequence: u16,
        now: Instant,
    }

    impl Wire {
        fn new() -> Self {
            let cipher = || Cipher::new(EncryptionMode::AeadAes256GcmRtpsize, &TransportKey::from([7; 32]));
            let mut receiver = VoiceReceiver::new(&LinkShared::default(), None, Instant::now());
            receiver.start(cipher(), Ssrc(1));
            Self {
                receiver,
                sealer: Sealer::server(cipher(), 0, [0; 24]),
                sequence: 0,
                now: Instant::now(),
            }
        }

        fn packets(&self) -> Subscription<OpusPacket> {
            let (publisher, subscription) = channel(64);
            self.receiver.voices.listen_to_packets(publisher);
            subscription
        }

        fn speaking(&self) -> Subscription<SpeakingChange> {
            let (publisher, subscription) = channel(64);
            self.receiver.voices.listen_to_speaking(publisher);
            subscription
        }

        fn send(&mut self, payload: &[u8]) {
            let mut datagram = self.seal(payload);
            self.now += super::super::TICK;
            self.receiver.datagram(self.now, PacketKind::Rtp, &mut datagram);
        }

        fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
            let header = RtpHeader {
                marker: false,
                payload_type: PayloadType::OPUS,
                sequence_number: SequenceNumber(self.sequence),
                timestamp: u32::from(self.sequence) * 960,
                ssrc: SSRC,
            };
            self.sequence += 1;
            let mut datagram = [0; 1500];
            let length = self
                .sealer
                .seal_parts(PacketKind::Rtp, &header.to_bytes(false), payload, &mut datagram)
                .unwrap();
            datagram[..length].to_vec()
        }

        fn announce(&mut self) {
            let source = RosterChange::Source {
                ssrc: SSRC,
                user: ALICE,
                kind: SourceKind::Audio,
            };
            self.receiver.roster(self.now, source);
        }
    }

    #[test]
    fn packets_before_their_announcement_are_kept_for_it() {
        let mut wire = Wire::new();
        let mut packets = wire.packets();
        wire.send(VOICE);
        wire.send(VOICE);
        assert!(packets.try_recv().is_none());
        wire.announce();
        let sequences: Vec<_> = std::iter::from_fn(|| packets.try_recv())
            .map(|packet| packet.sequence)
            .collect();
        assert_eq!(sequences, [0, 1]);
        wire.send(VOICE);
        let packet = packets.try_recv().unwrap();
        assert_eq!(
            (packet.user, packet.timestamp, &packet.payload[..]),
            (ALICE, 1920, VOICE)
        );
    }

    #[test]
    fn a_packet_that_comes_twice_is_heard_once() {
        let mut wire = Wire::new();
        let mut packets = wire.packets();
        wire.announce();
        let datagram = wire.seal(VOICE);
        for _ in 0..3 {
            wire.receiver
                .datagram(wire.now, PacketKind::Rtp, &mut datagram.clone());
        }
        assert!(packets.try_recv().is_some() && packets.try_recv().is_none());
        assert_eq!(wire.receiver.counters.read().packets_duplicate, 2);
    }

    #[test]
    fn speech_begins_with_a_packet_and_ends_with_five_silences() {
        let mut wire = Wire::new();
        let mut speaking = wire.speaking();
        wire.announce();
        wire.send(VOICE);
        assert_eq!(speaking.try_recv(), Some(SpeakingChange::Started(ALICE)));
        for _ in 0..4 {
            wire.send(&OPUS_SILENCE);
        }
        assert_eq!(speaking.try_recv(), None);
        wire.send(&OPUS_SILENCE);
        assert_eq!(speaking.try_recv(), Some(SpeakingChange::Stopped(ALICE)));
        wire.send(VOICE);
        assert_eq!(speaking.try_recv(), Some(SpeakingChange::Started(ALICE)));
    }

    #[test]
    fn speech_ends_without_silences_too() {
        let mut wire = Wire::new();
        let mut speaking = wire.speaking();
        wire.announce();
        wire.send(VOICE);
        wire.receiver.tick(wire.now + SPEECH_TIMEOUT / 2);
        assert_eq!(speaking.try_recv(), Some(SpeakingChange::Started(ALICE)));
        assert_eq!(speaking.try_recv(), None);
        wire.receiver.tick(wire.now + SPEECH_TIMEOUT);
        assert_eq!(speaking.try_recv(), Some(SpeakingChange::Stopped(ALICE)));
        wire.send(VOICE);
        wire.receiver.roster(wire.now, RosterChange::Left(ALICE));
        assert_eq!(speaking.try_recv(), Some(SpeakingChange::Started(ALICE)));
        assert_eq!(speaking.try_recv(), Some(SpeakingChange::Stopped(ALICE)));
    }

    #[test]
    fn nothing_is_opened_while_nobody_listens() {
        let mut wire = Wire::new();
        wire.announce();
        wire.receiver.datagram(wire.now, PacketKind::Rtp, &mut [0x80; 60]);
        let unheard = wire.receiver.counters.read();
        assert_eq!((unheard.packets_received, unheard.packets_refused), (1, 0));
        let packets = wire.packets();
        wire.receiver.datagram(wire.now, PacketKind::Rtp, &mut [0x80; 60]);
        assert_eq!(wire.receiver.counters.read().packets_refused, 1);
        drop(packets);
        assert!(!wire.receiver.wants_ticks());
        assert!(
            !wire.receiver.voices.is_heard(),
            "listeners that left are forgotten"
        );
    }

    #[cfg(feature = "opus-codec")]
    #[test]
    fn a_tick_names_who_spoke_and_who_did_not() {
        let mut wire = Wire::new();
        let (publisher, mut pcm) = channel(64);
        wire.receiver.voices.listen_to_pcm(publisher);
        wire.announce();
        wire.receiver.roster(wire.now, RosterChange::Joined(UserId(3)));
        let config = voxhall_media::opus::EncoderConfig::default();
        let mut encoder = voxhall_media::opus::Encoder::new(config).unwrap();
        let mut heard = 0;
        for _ in 0..20 {
            let tone: Vec<f32> = (0..1920).map(|at| (at as f32 * 0.03).sin() * 0.5).collect();
            wire.send(&encoder.encode(&tone).unwrap());
            wire.receiver.tick(wire.now);
            let tick = pcm.try_recv().unwrap();
            assert!(tick.silent.contains(&UserId(3)));
            heard += tick
                .speaking
                .iter()
                .filter(|speaker| speaker.user == ALICE && speaker.pcm.len() == 1920)
                .count();
        }
        assert!(heard >= 15, "heard in {heard} of 20 ticks");
    }
}

//! The fan-out of audio: the path that nearly every packet takes.

use std::time::Instant;

use voxhall_protocol::voice::Ssrc;
use voxhall_transport::extension::{ExtensionForm, ExtensionKind};
use voxhall_transport::rtp::ExtendedSequence;
use voxhall_transport::silence::is_silence;
use voxhall_transport::{RtpPacket, RtpPacketMut};

use super::Core;
use super::ingress::seat;
use super::outbox::Outbox;
use super::protection::Protection;
use super::rewrite::{self, ends_encrypted_frame};
use super::room::Room;
use super::translation::Translation;
use crate::payload_types::{MediaCodec, PayloadKind};
use crate::{Event, WorkerStats};

/// The rate of Opus timestamps (RFC 7587).
const OPUS_CLOCK_RATE: u64 = 48_000;

/// The marker bit, in the byte that it shares with the payload type.
const MARKER_BIT: u8 = 0x80;

impl Core {
    /// Forwards an audio packet of `index`, whose padding is gone.
    pub(super) fn handle_audio(
        &mut self,
        now: Instant,
        index: usize,
        place: ExtendedSequence,
        packet: RtpPacketMut<'_>,
        out: &mut impl Outbox,
    ) {
        let arrival = self.arrival(now, OPUS_CLOCK_RATE);
        self.record_arrival(now, index, &packet.as_packet());
        let Some((member, room)) = seat(&mut self.members, &mut self.rooms, index) else {
            return;
        };
        if !member.limit.allow(now) {
            self.stats.dropped_rate_limited += 1;
            return;
        }
        let view = packet.as_packet();
        member.audio.heard = true;
        member
            .audio
            .reception
            .record(view.sequence_number().0, view.timestamp(), arrival);
        let (speaker, owes_report) = (member.listener, !member.report_due);
        let Some(own) = room.listeners.get(speaker) else {
            return;
        };
        let kind = own.payload_types.incoming(view.payload_type().number());
        if kind != Some(PayloadKind::Media(MediaCodec::Opus)) {
            self.stats.dropped_unknown_payload_type += 1;
        } else if !own.permissions.speak {
            self.stats.dropped_not_permitted += 1;
        } else if view.payload().is_empty() {
            self.stats.probes += 1;
        } else {
            self.stats.media += 1;
            if !is_silence(view.payload()) && member.note_speech(now, self.config.timing.speech_noted_every) {
                self.events.push_back(Event::Spoke { member: member.id });
            }
            let speech = Speech {
                speaker,
                ssrc: member.audio.ssrc,
                place,
                encrypted: own.dave && ends_encrypted_frame(view.payload()),
            };
            self.translation.begin();
            let translation = &mut self.translation;
            if member.webrtc.is_none() && passes_as_it_is(&view) {
                let payload_start = view.header().len();
                let packet = packet.into_bytes();
                speech.fan_out(room, packet, payload_start, translation, out, &mut self.stats);
            } else if let Some(rewritten) = rewrite::audio(&view, member.extensions(), &mut self.scratch[..])
            {
                let packet = &mut self.scratch[..rewritten.length];
                let start = rewritten.payload_start;
                speech.fan_out(room, packet, start, translation, out, &mut self.stats);
            }
        }
        if owes_report {
            self.owe_report(now, index);
        }
    }

    /// The time of arrival in units of a stream's clock; wraps as RTP timestamps do.
    pub(super) fn arrival(&self, now: Instant, clock_rate: u64) -> u32 {
        let elapsed = now.saturating_duration_since(self.origin);
        let ticks =
            elapsed.as_secs() * clock_rate + u64::from(elapsed.subsec_nanos()) * clock_rate / 1_000_000_000;
        ticks as u32
    }
}

/// Whether an audio packet's extensions suit every UDP client: their numbers are the same for all of them, but the
/// number on the transport is the publisher's own affair.
fn passes_as_it_is(packet: &RtpPacket<'_>) -> bool {
    packet.extensions().is_none_or(|block| {
        block.form() == Some(ExtensionForm::OneByte)
            && block.find(ExtensionKind::TransportSequence.native_id()).is_none()
    })
}

/// What the fan-out knows of a packet.
struct Speech {
    /// The speaker's place among the listeners.
    speaker: usize,
    ssrc: Ssrc,
    place: ExtendedSequence,
    encrypted: bool,
}

impl Speech {
    /// Sends the packet to everybody else in the room who takes it. What differs between UDP clients is the payload type
    /// alone, so it is put into the packet itself; WebRTC clients get numbers of their own too.
    fn fan_out(
        &self,
        room: &mut Room,
        packet: &mut [u8],
        payload_start: usize,
        translation: &mut Translation,
        out: &mut impl Outbox,
        stats: &mut WorkerStats,
    ) {
        let marker = packet[1] & MARKER_BIT;
        let own_number = self.place.sequence().0;
        for (place, listener) in room.listeners.iter_mut().enumerate() {
            if !listener.hears(self.ssrc) || place == self.speaker || (self.encrypted && !listener.dave) {
                continue;
            }
            let number = match &mut listener.protection {
                Some(Protection::Srtp(sending)) => sending.number(self.ssrc, self.place),
                _ => Some(own_number),
            };
            let Some(number) = number else { continue };
            packet[1] = marker | listener.opus;
            packet[2..4].copy_from_slice(&number.to_be_bytes());
            listener.send_media(packet, payload_start, translation, out, stats);
        }
    }
}

//! From messages to frames, for each version.

use serde::Serialize;

use super::heartbeat::ObjectForm;
use super::{Identify, Message, Nonce, Resume, Speaking, SpeakingFlags, Ssrc, VoiceOpcode, VoiceVersion};
use crate::Extra;
use crate::ids::UserId;

/// A message as one WebSocket frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireFrame {
    /// For a text frame.
    Text(String),
    /// For a binary frame.
    Binary(Vec<u8>),
}

/// Writes a message that a client sends.
#[must_use]
pub fn encode_client(version: VoiceVersion, message: &Message) -> WireFrame {
    binary(message, None).map_or_else(
        || WireFrame::Text(text(version, message, Side::Client, None)),
        WireFrame::Binary,
    )
}

/// Writes a message that a server sends. `seq` is dropped below version 8.
///
/// Binary messages carry a sequence number at version 8 and above in any case; without one they say 0.
#[must_use]
pub fn encode_server(version: VoiceVersion, message: &Message, seq: Option<u16>) -> WireFrame {
    let seq = seq.filter(|_| version.has_seq());
    let prefix = version.has_seq().then(|| seq.unwrap_or(0));
    binary(message, prefix).map_or_else(
        || WireFrame::Text(text(version, message, Side::Server, seq)),
        WireFrame::Binary,
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

fn binary(message: &Message, prefix: Option<u16>) -> Option<Vec<u8>> {
    let (transition, payload) = match message {
        Message::MlsExternalSender(payload)
        | Message::MlsKeyPackage(payload)
        | Message::MlsProposals(payload)
        | Message::MlsCommitWelcome(payload)
        | Message::UnknownBinary { payload, .. } => (None, payload),
        Message::MlsAnnounceCommitTransition(transition) | Message::MlsWelcome(transition) => {
            (Some(transition.transition_id), &transition.message)
        }
        _ => return None,
    };
    let op = match message {
        Message::UnknownBinary { op, .. } => *op,
        known => known.opcode()?.number(),
    };
    let mut frame = Vec::with_capacity(payload.len() + 5);
    frame.extend(prefix.into_iter().flat_map(u16::to_be_bytes));
    frame.push(op);
    frame.extend(transition.into_iter().flat_map(u16::to_be_bytes));
    frame.extend_from_slice(payload);
    Some(frame)
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    op: u64,
    d: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u16>,
}

struct Writer {
    op: u64,
    seq: Option<u16>,
}

impl Writer {
    fn write<T: Serialize>(&self, d: &T) -> String {
        json(&Envelope {
            op: self.op,
            d,
            seq: self.seq,
        })
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the keys of every message are strings or integers")
}

fn text(version: VoiceVersion, message: &Message, side: Side, seq: Option<u16>) -> String {
    let op = match message {
        // Only servers echo: what a client sends as an acknowledgement, which is no business of its, stays one.
        Message::HeartbeatAck(_) if version.echoes_heartbeat() && side == Side::Server => {
            u64::from(VoiceOpcode::Heartbeat.number())
        }
        Message::Unknown { op, .. } => *op,
        known => known.opcode().map_or(0, |opcode| u64::from(opcode.number())),
    };
    let writer = Writer { op, seq };
    match message {
        Message::Identify(identify) => writer.write(&Identify {
            channel_id: identify.channel_id.filter(|_| version.has_channel_id()),
            ..identify.as_ref().clone()
        }),
        Message::Resume(resume) => writer.write(&Resume {
            channel_id: resume.channel_id.filter(|_| version.has_channel_id()),
            seq_ack: resume.seq_ack.filter(|_| version.has_seq()),
            ..resume.clone()
        }),
        Message::Heartbeat(beat) => {
            let seq_ack = beat.seq_ack.filter(|_| side == Side::Client);
            heartbeat(version, &writer, &beat.nonce, seq_ack, &beat.extra)
        }
        Message::HeartbeatAck(ack) => heartbeat(version, &writer, &ack.nonce, None, &ack.extra),
        Message::Hello(hello) if version.flat_hello() => json(hello),
        Message::Speaking(speaking) if version.boolean_speaking() => {
            writer.write(&BooleanSpeaking::from(speaking))
        }
        other => plain(&writer, other),
    }
}

/// The messages that are alike in all versions.
fn plain(writer: &Writer, message: &Message) -> String {
    match message {
        Message::Identify(payload) => writer.write(payload),
        Message::SelectProtocol(payload) => writer.write(payload),
        Message::Ready(payload) => writer.write(payload),
        Message::SessionDescription(payload) => writer.write(payload),
        Message::Speaking(payload) => writer.write(payload),
        Message::Resume(payload) => writer.write(payload),
        Message::Hello(payload) => writer.write(payload),
        Message::ClientsConnect(payload) => writer.write(payload),
        Message::Video(payload) => writer.write(payload),
        Message::ClientDisconnect(payload) => writer.write(payload),
        Message::SessionUpdate(payload) => writer.write(payload),
        Message::MediaSinkWants(payload) => writer.write(payload),
        Message::BackendVersion(payload) => writer.write(payload),
        Message::ClientFlags(payload) => writer.write(payload),
        Message::ClientPlatform(payload) => writer.write(payload),
        Message::DavePrepareTransition(payload) => writer.write(payload),
        Message::DavePrepareEpoch(payload) => writer.write(payload),
        Message::DaveExecuteTransition(payload)
        | Message::DaveTransitionReady(payload)
        | Message::MlsInvalidCommitWelcome(payload) => writer.write(payload),
        Message::NoRoute(payload) => writer.write(payload),
        Message::Signal(data)
        | Message::ChannelOptionsUpdate(data)
        | Message::SpeedTest(data)
        | Message::Unknown { data, .. } => writer.write(data),
        // Heartbeats have their own way, binary messages do not come here; Resumed has nothing to say.
        _ => writer.write(&()),
    }
}

fn heartbeat(
    version: VoiceVersion,
    writer: &Writer,
    nonce: &Nonce,
    seq_ack: Option<u16>,
    extra: &Extra,
) -> String {
    if version.has_seq() {
        writer.write(&ObjectForm {
            t: nonce.raw(),
            seq_ack,
            extra: extra.clone(),
        })
    } else {
        writer.write(nonce)
    }
}

/// [`Speaking`] as versions 1–3 write it.
#[derive(Serialize)]
struct BooleanSpeaking<'a> {
    speaking: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssrc: Option<Ssrc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(flatten)]
    extra: &'a Extra,
}

impl<'a> From<&'a Speaking> for BooleanSpeaking<'a> {
    fn from(speaking: &'a Speaking) -> Self {
        Self {
            speaking: speaking.speaking != SpeakingFlags::NONE,
            delay: speaking.delay,
            ssrc: speaking.ssrc,
            user_id: speaking.user_id,
            extra: &speaking.extra,
        }
    }
}

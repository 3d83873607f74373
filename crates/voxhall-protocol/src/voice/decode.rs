//! From frames to messages, for each version.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::heartbeat::ObjectForm;
use super::{
    Frame, Heartbeat, HeartbeatAck, Message, MlsTransition, Nonce, VoiceCloseCode, VoiceOpcode, VoiceVersion,
};
use crate::Extra;

/// The most bytes a server takes in one frame (voice-gateway protocol, section 13).
pub const MAX_CLIENT_FRAME: usize = 64 * 1024;

/// Why a frame is no message. [`DecodeError::close_code`] says how a server answers.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The frame is longer than [`MAX_CLIENT_FRAME`]; send less.
    #[error("a frame of {length} bytes is longer than {MAX_CLIENT_FRAME}")]
    TooLong {
        /// Bytes in the frame.
        length: usize,
    },
    /// The text is not JSON.
    #[error("the frame is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The JSON is not an object with an opcode in `op`.
    #[error("the frame has no opcode: {0}")]
    NoOpcode(String),
    /// A known message whose fields are wrong.
    #[error("the payload of {op} is malformed: {source}")]
    Payload {
        /// The message.
        op: VoiceOpcode,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Version 9 requires `channel_id`.
    #[error("{op} lacks channel_id, which version 9 requires")]
    NoChannel {
        /// Identify or Resume.
        op: VoiceOpcode,
    },
    /// JSON in a binary frame; send it as text.
    #[error("JSON came in a binary frame")]
    JsonInBinary,
    /// A binary message in a text frame; send it as binary.
    #[error("{op} came in a text frame but is a binary message")]
    BinaryInText {
        /// The message.
        op: VoiceOpcode,
    },
    /// A binary frame with an opcode that is not binary, or not this side's to send.
    #[error("opcode {op} does not belong into a binary frame from this side")]
    NotBinary {
        /// The opcode.
        op: u8,
    },
    /// A binary frame that ends before its fixed fields.
    #[error("a binary frame of {length} bytes is too short")]
    Truncated {
        /// Bytes in the frame.
        length: usize,
    },
}

impl DecodeError {
    /// The code with which a server closes after this error.
    #[must_use]
    pub const fn close_code(&self) -> VoiceCloseCode {
        match self {
            Self::Payload {
                op: VoiceOpcode::Identify,
                ..
            }
            | Self::TooLong { .. }
            | Self::NotJson(_)
            | Self::NoOpcode(_)
            | Self::JsonInBinary
            | Self::BinaryInText { .. }
            | Self::NotBinary { .. }
            | Self::Truncated { .. } => VoiceCloseCode::DecodeFailed,
            Self::Payload { .. } | Self::NoChannel { .. } => VoiceCloseCode::BadRequest,
        }
    }
}

/// Reads a text frame that a client sent.
///
/// # Errors
///
/// [`DecodeError`], with the code to close with. An unknown opcode is no error but [`Message::Unknown`].
pub fn decode_client_text(version: VoiceVersion, text: &str) -> Result<Frame, DecodeError> {
    check_length(text.len())?;
    let envelope = Envelope::parse(text)?;
    let op = envelope
        .op
        .ok_or_else(|| DecodeError::NoOpcode("op is missing".to_owned()))?;
    let message = payload(op, envelope.d.unwrap_or(RawValue::NULL))?;
    if version.has_channel_id() {
        match &message {
            Message::Identify(identify) if identify.channel_id.is_none() => {
                return Err(DecodeError::NoChannel {
                    op: VoiceOpcode::Identify,
                });
            }
            Message::Resume(resume) if resume.channel_id.is_none() => {
                return Err(DecodeError::NoChannel {
                    op: VoiceOpcode::Resume,
                });
            }
            _ => {}
        }
    }
    Ok(Frame { message, seq: None })
}

/// Reads a text frame that a server sent.
///
/// # Errors
///
/// [`DecodeError`]; a client may log it and go on. An unknown opcode is no error but [`Message::Unknown`].
pub fn decode_server_text(version: VoiceVersion, text: &str) -> Result<Frame, DecodeError> {
    let envelope = Envelope::parse(text)?;
    let data = envelope.d.unwrap_or(RawValue::NULL);
    let message = match envelope.op {
        None if version.flat_hello() => Message::Hello(typed(VoiceOpcode::Hello, text)?),
        None => return Err(DecodeError::NoOpcode("op is missing".to_owned())),
        Some(op) if version.echoes_heartbeat() && op == u64::from(VoiceOpcode::Heartbeat.number()) => {
            Message::HeartbeatAck(heartbeat_ack(VoiceOpcode::Heartbeat, data)?)
        }
        Some(op) => payload(op, data)?,
    };
    Ok(Frame {
        message,
        seq: envelope.seq,
    })
}

/// Reads a binary frame that a client sent; all versions are alike.
///
/// # Errors
///
/// [`DecodeError`], with the code to close with.
pub fn decode_client_binary(bytes: &[u8]) -> Result<Frame, DecodeError> {
    check_length(bytes.len())?;
    let (&op, payload) = bytes.split_first().ok_or(DecodeError::Truncated { length: 0 })?;
    let message = match VoiceOpcode::from_number(u64::from(op)) {
        Some(VoiceOpcode::MlsKeyPackage) => Message::MlsKeyPackage(payload.to_vec()),
        Some(VoiceOpcode::MlsCommitWelcome) => Message::MlsCommitWelcome(payload.to_vec()),
        _ if op == b'{' => return Err(DecodeError::JsonInBinary),
        _ => return Err(DecodeError::NotBinary { op }),
    };
    Ok(Frame { message, seq: None })
}

/// Reads a binary frame that a server sent.
///
/// # Errors
///
/// [`DecodeError`]; a client may log it and go on. An unknown opcode is no error but [`Message::UnknownBinary`].
pub fn decode_server_binary(version: VoiceVersion, bytes: &[u8]) -> Result<Frame, DecodeError> {
    let truncated = DecodeError::Truncated { length: bytes.len() };
    let (seq, rest) = match bytes {
        [high, low, rest @ ..] if version.has_seq() => (Some(u16::from_be_bytes([*high, *low])), rest),
        _ if version.has_seq() => return Err(truncated),
        _ => (None, bytes),
    };
    let Some((&op, payload)) = rest.split_first() else {
        return Err(truncated);
    };
    let message = match VoiceOpcode::from_number(u64::from(op)) {
        Some(VoiceOpcode::MlsExternalSender) => Message::MlsExternalSender(payload.to_vec()),
        Some(VoiceOpcode::MlsProposals) => Message::MlsProposals(payload.to_vec()),
        Some(VoiceOpcode::MlsAnnounceCommitTransition) => {
            Message::MlsAnnounceCommitTransition(mls_transition(payload).ok_or(truncated)?)
        }
        Some(VoiceOpcode::MlsWelcome) => Message::MlsWelcome(mls_transition(payload).ok_or(truncated)?),
        Some(_) => return Err(DecodeError::NotBinary { op }),
        None => Message::UnknownBinary {
            op,
            payload: payload.to_vec(),
        },
    };
    Ok(Frame { message, seq })
}

#[derive(Deserialize)]
struct Envelope<'a> {
    op: Option<u64>,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    seq: Option<u16>,
}

impl<'a> Envelope<'a> {
    fn parse(text: &'a str) -> Result<Self, DecodeError> {
        serde_json::from_str(text).map_err(|error| {
            if error.is_data() {
                DecodeError::NoOpcode(error.to_string())
            } else {
                DecodeError::NotJson(error)
            }
        })
    }
}

const fn check_length(length: usize) -> Result<(), DecodeError> {
    if length > MAX_CLIENT_FRAME {
        Err(DecodeError::TooLong { length })
    } else {
        Ok(())
    }
}

fn typed<T: DeserializeOwned>(op: VoiceOpcode, json: &str) -> Result<T, DecodeError> {
    serde_json::from_str(json).map_err(|source| DecodeError::Payload { op, source })
}

/// Like [`typed`], for requests whose `{}` some clients write as null.
fn typed_or_null<T: DeserializeOwned + Default>(op: VoiceOpcode, json: &str) -> Result<T, DecodeError> {
    Ok(typed::<Option<T>>(op, json)?.unwrap_or_default())
}

fn mls_transition(payload: &[u8]) -> Option<MlsTransition> {
    let (id, message) = payload.split_first_chunk()?;
    Some(MlsTransition {
        transition_id: u16::from_be_bytes(*id),
        message: message.to_vec(),
    })
}

/// Takes the object of version 8 and the bare nonce of the versions before it, whatever the version: telling them
/// apart costs nothing, and some clients mix them.
fn heartbeat(op: VoiceOpcode, data: &RawValue) -> Result<Heartbeat, DecodeError> {
    let malformed = |source| DecodeError::Payload { op, source };
    let no_nonce = |error| malformed(<serde_json::Error as serde::de::Error>::custom(error));
    if data.get().starts_with('{') {
        let object: ObjectForm<'_> = serde_json::from_str(data.get()).map_err(malformed)?;
        let nonce = Nonce::from_raw(object.t).map_err(no_nonce)?;
        return Ok(Heartbeat {
            nonce,
            seq_ack: object.seq_ack,
            extra: object.extra,
        });
    }
    Ok(Heartbeat {
        nonce: Nonce::from_raw(data).map_err(no_nonce)?,
        seq_ack: None,
        extra: Extra::new(),
    })
}

fn heartbeat_ack(op: VoiceOpcode, data: &RawValue) -> Result<HeartbeatAck, DecodeError> {
    heartbeat(op, data).map(|beat| HeartbeatAck {
        nonce: beat.nonce,
        extra: beat.extra,
    })
}

fn payload(number: u64, data: &RawValue) -> Result<Message, DecodeError> {
    let json = data.get();
    let Some(op) = VoiceOpcode::from_number(number) else {
        let data = serde_json::from_str(json).map_err(DecodeError::NotJson)?;
        return Ok(Message::Unknown { op: number, data });
    };
    Ok(match op {
        VoiceOpcode::Identify => Message::Identify(typed(op, json)?),
        VoiceOpcode::SelectProtocol => Message::SelectProtocol(typed(op, json)?),
        VoiceOpcode::Ready => Message::Ready(typed(op, json)?),
        VoiceOpcode::Heartbeat => Message::Heartbeat(heartbeat(op, data)?),
        VoiceOpcode::SessionDescription => Message::SessionDescription(typed(op, json)?),
        VoiceOpcode::Speaking => Message::Speaking(typed(op, json)?),
        VoiceOpcode::HeartbeatAck => Message::HeartbeatAck(heartbeat_ack(op, data)?),
        VoiceOpcode::Resume => Message::Resume(typed(op, json)?),
        VoiceOpcode::Hello => Message::Hello(typed(op, json)?),
        VoiceOpcode::Resumed => Message::Resumed,
        VoiceOpcode::Signal => Message::Signal(typed(op, json)?),
        VoiceOpcode::ClientsConnect => Message::ClientsConnect(typed(op, json)?),
        VoiceOpcode::Video => Message::Video(typed(op, json)?),
        VoiceOpcode::ClientDisconnect => Message::ClientDisconnect(typed(op, json)?),
        VoiceOpcode::SessionUpdate => Message::SessionUpdate(typed(op, json)?),
        VoiceOpcode::MediaSinkWants => Message::MediaSinkWants(typed(op, json)?),
        VoiceOpcode::BackendVersion => Message::BackendVersion(typed_or_null(op, json)?),
        VoiceOpcode::ChannelOptionsUpdate => Message::ChannelOptionsUpdate(typed(op, json)?),
        VoiceOpcode::ClientFlags => Message::ClientFlags(typed(op, json)?),
        VoiceOpcode::SpeedTest => Message::SpeedTest(typed(op, json)?),
        VoiceOpcode::ClientPlatform => Message::ClientPlatform(typed(op, json)?),
        VoiceOpcode::DavePrepareTransition => Message::DavePrepareTransition(typed(op, json)?),
        VoiceOpcode::DaveExecuteTransition => Message::DaveExecuteTransition(typed(op, json)?),
        VoiceOpcode::DaveTransitionReady => Message::DaveTransitionReady(typed(op, json)?),
        VoiceOpcode::DavePrepareEpoch => Message::DavePrepareEpoch(typed(op, json)?),
        VoiceOpcode::MlsInvalidCommitWelcome => Message::MlsInvalidCommitWelcome(typed(op, json)?),
        VoiceOpcode::NoRoute => Message::NoRoute(typed_or_null(op, json)?),
        VoiceOpcode::MlsExternalSender
        | VoiceOpcode::MlsKeyPackage
        | VoiceOpcode::MlsProposals
        | VoiceOpcode::MlsCommitWelcome
        | VoiceOpcode::MlsAnnounceCommitTransition
        | VoiceOpcode::MlsWelcome => return Err(DecodeError::BinaryInText { op }),
    })
}

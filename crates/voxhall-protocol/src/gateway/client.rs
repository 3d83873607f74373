//! Every message a client of the main Gateway may send, as one type.

use serde_json::Value;

use super::envelope::{Envelope, MAX_CLIENT_MESSAGE, typed, wrap};
use super::{
    CallConnect, DecodeError, GatewayOpcode, GuildSubscriptions, GuildSubscriptionsBulk, Identify,
    PresenceUpdate, QosHeartbeat, RequestChannels, RequestGuildMembers, RequestSoundboardSounds, Resume,
    StreamCreate, StreamRef, StreamSetPaused, VoiceStateUpdate,
};

/// A message from a client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// Op 1, with the last `s` received.
    Heartbeat(Option<u64>),
    /// Op 2.
    Identify(Box<Identify>),
    /// Op 3.
    PresenceUpdate(PresenceUpdate),
    /// Op 4.
    VoiceStateUpdate(VoiceStateUpdate),
    /// Op 5.
    VoiceServerPing,
    /// Op 6.
    Resume(Resume),
    /// Op 8.
    RequestGuildMembers(RequestGuildMembers),
    /// Op 13.
    CallConnect(CallConnect),
    /// Op 14.
    GuildSubscriptions(GuildSubscriptions),
    /// Op 18.
    StreamCreate(StreamCreate),
    /// Op 19.
    StreamDelete(StreamRef),
    /// Op 20.
    StreamWatch(StreamRef),
    /// Op 21.
    StreamPing(StreamRef),
    /// Op 22.
    StreamSetPaused(StreamSetPaused),
    /// Op 31.
    RequestSoundboardSounds(RequestSoundboardSounds),
    /// Op 36.
    RequestChannelStatuses(RequestChannels),
    /// Op 37.
    GuildSubscriptionsBulk(GuildSubscriptionsBulk),
    /// Op 40.
    QosHeartbeat(QosHeartbeat),
    /// Op 43.
    RequestChannelInfo(RequestChannels),
    /// A known opcode without a type of its own: those a server takes and ignores, and those that only servers send.
    Other {
        /// The opcode; see [`GatewayOpcode::is_from_client`] and [`GatewayOpcode::need`].
        op: GatewayOpcode,
        /// The payload.
        data: Value,
    },
    /// An opcode the protocol does not have; a server closes with 4001.
    Unknown {
        /// The opcode.
        op: u64,
        /// The payload.
        data: Value,
    },
}

impl ClientMessage {
    /// Reads a message from a text or binary frame.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], with the code to close with. An unknown opcode is no error but [`Self::Unknown`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_CLIENT_MESSAGE {
            return Err(DecodeError::TooLong { length: bytes.len() });
        }
        let envelope = Envelope::parse(bytes)?;
        let data = envelope.data();
        let Some(op) = GatewayOpcode::from_number(envelope.op) else {
            let data = serde_json::from_str(data).map_err(DecodeError::NotJson)?;
            return Ok(Self::Unknown {
                op: envelope.op,
                data,
            });
        };
        Ok(match op {
            GatewayOpcode::Heartbeat => Self::Heartbeat(typed(op, data)?),
            GatewayOpcode::Identify => Self::Identify(typed(op, data)?),
            GatewayOpcode::PresenceUpdate => Self::PresenceUpdate(typed(op, data)?),
            GatewayOpcode::VoiceStateUpdate => Self::VoiceStateUpdate(typed(op, data)?),
            GatewayOpcode::VoiceServerPing => Self::VoiceServerPing,
            GatewayOpcode::Resume => Self::Resume(typed(op, data)?),
            GatewayOpcode::RequestGuildMembers => Self::RequestGuildMembers(typed(op, data)?),
            GatewayOpcode::CallConnect => Self::CallConnect(typed(op, data)?),
            GatewayOpcode::GuildSubscriptions => Self::GuildSubscriptions(typed(op, data)?),
            GatewayOpcode::StreamCreate => Self::StreamCreate(typed(op, data)?),
            GatewayOpcode::StreamDelete => Self::StreamDelete(typed(op, data)?),
            GatewayOpcode::StreamWatch => Self::StreamWatch(typed(op, data)?),
            GatewayOpcode::StreamPing => Self::StreamPing(typed(op, data)?),
            GatewayOpcode::StreamSetPaused => Self::StreamSetPaused(typed(op, data)?),
            GatewayOpcode::RequestSoundboardSounds => Self::RequestSoundboardSounds(typed(op, data)?),
            GatewayOpcode::RequestChannelStatuses => Self::RequestChannelStatuses(typed(op, data)?),
            GatewayOpcode::GuildSubscriptionsBulk => Self::GuildSubscriptionsBulk(typed(op, data)?),
            GatewayOpcode::QosHeartbeat => Self::QosHeartbeat(typed(op, data)?),
            GatewayOpcode::RequestChannelInfo => Self::RequestChannelInfo(typed(op, data)?),
            other => Self::Other {
                op: other,
                data: typed(op, data)?,
            },
        })
    }

    /// Writes the message for a text frame.
    #[must_use]
    pub fn encode(&self) -> String {
        let op = self.op_number();
        match self {
            Self::Heartbeat(seq) => wrap(op, seq),
            Self::Identify(payload) => wrap(op, payload),
            Self::PresenceUpdate(payload) => wrap(op, payload),
            Self::VoiceStateUpdate(payload) => wrap(op, payload),
            Self::VoiceServerPing => wrap(op, &()),
            Self::Resume(payload) => wrap(op, payload),
            Self::RequestGuildMembers(payload) => wrap(op, payload),
            Self::CallConnect(payload) => wrap(op, payload),
            Self::GuildSubscriptions(payload) => wrap(op, payload),
            Self::StreamCreate(payload) => wrap(op, payload),
            Self::StreamDelete(payload) | Self::StreamWatch(payload) | Self::StreamPing(payload) => {
                wrap(op, payload)
            }
            Self::StreamSetPaused(payload) => wrap(op, payload),
            Self::RequestSoundboardSounds(payload) => wrap(op, payload),
            Self::RequestChannelStatuses(payload) | Self::RequestChannelInfo(payload) => wrap(op, payload),
            Self::GuildSubscriptionsBulk(payload) => wrap(op, payload),
            Self::QosHeartbeat(payload) => wrap(op, payload),
            Self::Other { data, .. } | Self::Unknown { data, .. } => wrap(op, data),
        }
    }

    /// The opcode; `None` for an unknown one.
    #[must_use]
    pub const fn opcode(&self) -> Option<GatewayOpcode> {
        Some(match self {
            Self::Heartbeat(_) => GatewayOpcode::Heartbeat,
            Self::Identify(_) => GatewayOpcode::Identify,
            Self::PresenceUpdate(_) => GatewayOpcode::PresenceUpdate,
            Self::VoiceStateUpdate(_) => GatewayOpcode::VoiceStateUpdate,
            Self::VoiceServerPing => GatewayOpcode::VoiceServerPing,
            Self::Resume(_) => GatewayOpcode::Resume,
            Self::RequestGuildMembers(_) => GatewayOpcode::RequestGuildMembers,
            Self::CallConnect(_) => GatewayOpcode::CallConnect,
            Self::GuildSubscriptions(_) => GatewayOpcode::GuildSubscriptions,
            Self::StreamCreate(_) => GatewayOpcode::StreamCreate,
            Self::StreamDelete(_) => GatewayOpcode::StreamDelete,
            Self::StreamWatch(_) => GatewayOpcode::StreamWatch,
            Self::StreamPing(_) => GatewayOpcode::StreamPing,
            Self::StreamSetPaused(_) => GatewayOpcode::StreamSetPaused,
            Self::RequestSoundboardSounds(_) => GatewayOpcode::RequestSoundboardSounds,
            Self::RequestChannelStatuses(_) => GatewayOpcode::RequestChannelStatuses,
            Self::GuildSubscriptionsBulk(_) => GatewayOpcode::GuildSubscriptionsBulk,
            Self::QosHeartbeat(_) => GatewayOpcode::QosHeartbeat,
            Self::RequestChannelInfo(_) => GatewayOpcode::RequestChannelInfo,
            Self::Other { op, .. } => *op,
            Self::Unknown { .. } => return None,
        })
    }

    fn op_number(&self) -> u64 {
        match self {
            Self::Unknown { op, .. } => *op,
            known => known.opcode().map_or(0, |opcode| u64::from(opcode.number())),
        }
    }
}

//! The voice gateway: its messages as one type, and nine versions as dialects of it.
//!
//! [`Message`] is what is said; [`decode_client_text`], [`encode_server`] and their kin know how each
//! [`VoiceVersion`] writes it. Unknown fields and opcodes survive.

mod close;
mod codec;
mod dave;
mod decode;
mod describe;
mod encode;
mod flags;
mod handshake;
mod heartbeat;
mod message;
mod mode;
mod opcode;
mod roster;
mod version;
mod wants;

pub use close::{CloseAction, VoiceCloseCode};
pub use codec::{Codec, CodecName, MediaKind, Resolution, ResolutionKind, Ssrc, Stream, StreamKind};
pub use dave::{DavePrepareEpoch, DavePrepareTransition, DaveTransition, MlsTransition};
pub use decode::{
    DecodeError, MAX_CLIENT_FRAME, decode_client_binary, decode_client_text, decode_server_binary,
    decode_server_text,
};
pub use encode::{WireFrame, encode_client, encode_server};
pub use flags::{ClientFlags, Platform, SpeakingFlags};
pub use handshake::{
    Hello, Identify, ProtocolData, ProtocolName, Ready, Resume, SelectProtocol, SessionDescription,
    UdpSelection,
};
pub use heartbeat::{Heartbeat, HeartbeatAck, Nonce, NotANonce};
pub use message::{Frame, Message, is_newer};
pub use mode::{EncryptionMode, ModeName, UnknownMode};
pub use opcode::{Direction, VoiceOpcode};
pub use roster::{
    BackendVersion, ClientDisconnect, ClientFlagsUpdate, ClientsConnect, PlatformUpdate, SessionUpdate,
    Speaking, Video,
};
pub use version::{UnknownVersion, VoiceVersion};
pub use wants::{BEST_QUALITY, MediaSinkWants};

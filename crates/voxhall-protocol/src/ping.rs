//! UDP ping and the keep-alives of client libraries (media transport, section 4).

use crate::voice::Ssrc;

/// Bytes of a ping, of its answer, and of a counter.
pub const LENGTH: usize = 8;
const REQUEST_MAGIC: [u8; 4] = [0x13, 0x37, 0xca, 0xfe];
const RESPONSE_MAGIC: [u8; 4] = [0x13, 0x37, 0xf0, 0x0d];
const C9_KEEP_ALIVE: [u8; 9] = [0xc9, 0, 0, 0, 0, 0, 0, 0, 0];
const RTCP_LIKE_KEEP_ALIVE: [u8; 4] = [0x80, 0xc8, 0x00, 0x00];

/// A small datagram that only says "I am still here".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// The ping of official clients, with its sequence in an order of the client's own.
    Ping([u8; 4]),
    /// The answer to one.
    Pong([u8; 4]),
    /// Eight bytes that libraries count in; answered by the same bytes.
    Counter([u8; 8]),
    /// Four bytes with the client's source; not answered.
    Ssrc(Ssrc),
    /// One of the fixed patterns of some libraries; not answered.
    Pattern,
}

impl KeepAlive {
    /// Tells a keep-alive by its length and first bytes; `None` is something else.
    #[must_use]
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; LENGTH]>::try_from(datagram) {
            let [a, b, c, d, sequence @ ..] = bytes;
            return Some(match [a, b, c, d] {
                REQUEST_MAGIC => Self::Ping(sequence),
                RESPONSE_MAGIC => Self::Pong(sequence),
                _ => Self::Counter(bytes),
            });
        }
        if datagram == C9_KEEP_ALIVE || datagram == RTCP_LIKE_KEEP_ALIVE {
            return Some(Self::Pattern);
        }
        <[u8; 4]>::try_from(datagram)
            .ok()
            .map(|bytes| Self::Ssrc(Ssrc(u32::from_be_bytes(bytes))))
    }

    /// What a server sends back, if anything.
    #[must_use]
    pub const fn reply(self) -> Option<[u8; LENGTH]> {
        match self {
            Self::Ping(sequence) => Some(response(sequence)),
            Self::Counter(bytes) => Some(bytes),
            Self::Pong(_) | Self::Ssrc(_) | Self::Pattern => None,
        }
    }
}

/// The ping with this sequence.
#[must_use]
pub const fn request(sequence: [u8; 4]) -> [u8; LENGTH] {
    join(REQUEST_MAGIC, sequence)
}

/// The answer to the ping with this sequence.
#[must_use]
pub const fn response(sequence: [u8; 4]) -> [u8; LENGTH] {
    join(RESPONSE_MAGIC, sequence)
}

const fn join([a, b, c, d]: [u8; 4], [e, f, g, h]: [u8; 4]) -> [u8; LENGTH] {
    [a, b, c, d, e, f, g, h]
}

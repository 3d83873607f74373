//! Transport compression of what the server sends (gateway-and-calls, section 1). Clients never compress.

use std::io::Write as _;

use flate2::{Compress, Compression as Level, FlushCompress};

/// What the client asked for with `compress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Compression {
    /// Text frames.
    #[default]
    Plain,
    /// One deflate stream with zlib header for the whole connection.
    ZlibStream,
    /// One zstd frame for the whole connection.
    ZstdStream,
}

impl Compression {
    /// What a value of `compress` means; unknown ones mean no compression, which every client takes.
    pub(crate) fn from_query(value: &str) -> Self {
        match value {
            "zlib-stream" => Self::ZlibStream,
            "zstd-stream" => Self::ZstdStream,
            _ => Self::Plain,
        }
    }
}

/// One message, ready for the WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

/// Encodes the messages of one connection, each into one frame that can be decoded as soon as it is there.
pub(crate) enum Encoder {
    /// As they are.
    Plain,
    /// A deflate stream.
    Zlib(Compress),
    /// A zstd frame.
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

/// Zstd's level: the lowest, since messages are small and many.
const ZSTD_LEVEL: i32 = 1;

/// Room to begin with for a compressed message, in bytes; it grows where it must.
const FIRST_ROOM: usize = 512;

impl Encoder {
    /// # Errors
    /// What zstd says where it cannot have memory.
    pub(crate) fn new(compression: Compression) -> std::io::Result<Self> {
        Ok(match compression {
            Compression::Plain => Self::Plain,
            Compression::ZlibStream => Self::Zlib(Compress::new(Level::fast(), true)),
            Compression::ZstdStream => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    /// Encodes one message.
    ///
    /// # Errors
    /// What the compressor says; the stream is broken after that.
    pub(crate) fn encode(&mut self, message: String) -> std::io::Result<Frame> {
        match self {
            Self::Plain => Ok(Frame::Text(message)),
            Self::Zlib(stream) => deflate(stream, message.as_bytes()).map(Frame::Binary),
            Self::Zstd(stream) => {
                stream.write_all(message.as_bytes())?;
                // A flush ends a block, not the frame.
                stream.flush()?;
                Ok(Frame::Binary(std::mem::take(stream.get_mut())))
            }
        }
    }
}

/// Deflates one message up to a sync flush, which ends in `00 00 FF FF`.
fn deflate(stream: &mut Compress, mut message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(FIRST_ROOM.max(message.len() / 2));
    loop {
        let before = stream.total_in();
        stream
            .compress_vec(message, &mut out, FlushCompress::Sync)
            .map_err(std::io::Error::other)?;
        let consumed = usize::try_from(stream.total_in() - before).unwrap_or(message.len());
        message = &message[consumed..];
        // Room left over means that the flush is complete.
        if message.is_empty() && out.len() < out.capacity() {
            return Ok(out);
        }
        out.reserve(out.len().max(FIRST_ROOM));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::{Decompress, FlushDecompress};

    use super::*;

    fn messages() -> Vec<String> {
        let noise = |seed: u64, length: usize| {
            let mut state = seed;
            let step = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b' ' + (state >> 58) as u8)
            };
            (0..length).map(step).collect::<String>()
        };
        let mut messages = vec![r#"{"op":10}"#.to_owned(), "x".repeat(100_000)];
        messages.extend((1..300).map(|length| noise(length, usize::try_from(length * 7).unwrap())));
        messages
    }

    fn binary(frame: Frame) -> Vec<u8> {
        match frame {
            Frame::Binary(bytes) => bytes,
            Frame::Text(_) => panic!("a compressed message must be binary"),
        }
    }

    #[test]
    fn each_zlib_frame_decodes_at_once_with_one_context() {
        let mut encoder = Encoder::new(Compression::ZlibStream).unwrap();
        let mut decoder = Decompress::new(true);
        for message in messages() {
            let frame = binary(encoder.encode(message.clone()).unwrap());
            assert!(frame.ends_with(&[0, 0, 0xff, 0xff]), "{frame:x?}");
            let mut out = Vec::with_capacity(message.len() + 64);
            decoder
                .decompress_vec(&frame, &mut out, FlushDecompress::Sync)
                .unwrap();
            assert_eq!(out, message.as_bytes());
        }
    }

    #[test]
    fn all_zstd_frames_together_are_one_zstd_frame() {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let mut encoder = Encoder::new(Compression::ZstdStream).unwrap();
        let mut sent = Vec::new();
        let mut expected = Vec::new();
        for (index, message) in messages().into_iter().enumerate() {
            let frame = binary(encoder.encode(message.clone()).unwrap());
            assert_eq!(
                frame.starts_with(&MAGIC),
                index == 0,
                "only the first has a header"
            );
            sent.extend(frame);
            expected.extend(message.into_bytes());
            let mut decoded = vec![0; expected.len()];
            zstd::stream::read::Decoder::new(&sent[..])
                .unwrap()
                .read_exact(&mut decoded)
                .unwrap();
            assert!(
                decoded == expected,
                "message {index} decodes as soon as it is there"
            );
            if expected.len() > 300_000 {
                break;
            }
        }
    }

    #[test]
    fn plain_messages_are_text() {
        let mut encoder = Encoder::new(Compression::from_query("brotli")).unwrap();
        assert_eq!(
            encoder.encode("{}".to_owned()).unwrap(),
            Frame::Text("{}".to_owned())
        );
    }
}

//! Transport compression of what the server sends (gateway-and-calls, section 1). Clients never compress.
//!
//! Each connection has one stream, but nothing says that a message must refer back to the one before it. Here none
//! does: the part of a dispatch that all sessions share is compressed once, with an empty window, and spliced into every
//! stream behind the few bytes that differ. So a connection has no compressor of its own, and a dispatch to ten thousand
//! of them is compressed once. The price is the ratio of small messages, which find nothing to refer to.

pub(crate) mod deflate;
pub(crate) mod zstandard;

use bytes::Bytes;
use voxhall_protocol::gateway::EncodedEvent;

use super::outgoing::Outgoing;

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

impl Frame {
    /// Bytes of its payload.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// Encodes the messages of one connection, each into one frame that can be decoded as soon as it is there.
#[derive(Debug)]
pub(crate) struct Encoder {
    compression: Compression,
    /// The stream's own header was sent.
    begun: bool,
}

impl Encoder {
    pub(crate) const fn new(compression: Compression) -> Self {
        Self {
            compression,
            begun: false,
        }
    }

    /// Encodes a message that is no dispatch. They are too short to be worth compressing.
    pub(crate) fn message(&mut self, message: String) -> Frame {
        let header = self.header();
        match self.compression {
            Compression::Plain => Frame::Text(message),
            Compression::ZlibStream => Frame::Binary(splice(
                header,
                &deflate::stored(message.as_bytes()),
                deflate::FLUSH,
            )),
            Compression::ZstdStream => {
                Frame::Binary(splice(header, &zstandard::raw(message.as_bytes()), &[]))
            }
        }
    }

    /// Encodes a dispatch.
    ///
    /// # Errors
    /// What the compressor says; the stream is broken after that.
    pub(crate) fn dispatch(&mut self, seq: u64, event: &Outgoing) -> std::io::Result<Frame> {
        let header = self.header();
        Ok(match self.compression {
            Compression::Plain => Frame::Text(event.event().with_seq(seq)),
            Compression::ZlibStream => {
                let head = deflate::stored(EncodedEvent::head(seq).as_bytes());
                Frame::Binary(splice(header, &head, &event.deflated()?))
            }
            Compression::ZstdStream => {
                let mut head = zstandard::raw(EncodedEvent::head(seq).as_bytes());
                head.extend_from_slice(&zstandard::RESET);
                Frame::Binary(splice(header, &head, &event.zstandard()?))
            }
        })
    }

    /// What the stream begins with, once.
    fn header(&mut self) -> &'static [u8] {
        match (std::mem::replace(&mut self.begun, true), self.compression) {
            (true, _) | (_, Compression::Plain) => &[],
            (false, Compression::ZlibStream) => &deflate::HEADER,
            (false, Compression::ZstdStream) => &zstandard::HEADER,
        }
    }
}

fn splice(header: &[u8], own: &[u8], shared: &[u8]) -> Vec<u8> {
    [header, own, shared].concat()
}

/// A part of a stream that can stand in any stream.
pub(crate) type Shared = Bytes;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use flate2::{Decompress, FlushDecompress};
    use serde_json::Value;
    use voxhall_protocol::gateway::Event;

    use super::*;

    /// Events of every size and kind: noise, repetition, and both.
    fn events() -> Vec<Outgoing> {
        let noise = |seed: u64, length: usize| {
            let mut state = seed;
            let step = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'0' + (state >> 58) as u8 % 10)
            };
            (0..length).map(step).collect::<String>()
        };
        let mut texts = vec![String::new(), "x".repeat(100_000), noise(7, 300_000)];
        texts.extend((1..300).map(|length| noise(length, usize::try_from(length * 7).unwrap())));
        texts.extend((1..100).map(|period| noise(1, period).repeat(40)));
        let event = |text: String| Event::Unknown {
            name: "X".to_owned(),
            data: Value::String(text),
        };
        texts
            .into_iter()
            .map(|text| Outgoing::to_all(&event(text)))
            .collect()
    }

    fn binary(frame: Frame) -> Vec<u8> {
        match frame {
            Frame::Binary(bytes) => bytes,
            Frame::Text(_) => panic!("a compressed message must be binary"),
        }
    }

    /// Checks what a client reads against what was to be said.
    fn assert_reads(read: &[u8], seq: u64, event: &Outgoing) {
        let said: Value = serde_json::from_str(&event.event().with_seq(seq)).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(read).unwrap(), said);
    }

    /// The number that an event has in a stream of its own.
    fn numbered(events: &[Outgoing]) -> impl Iterator<Item = (u64, &Outgoing)> {
        (1..).map(|index| index * 7).zip(events)
    }

    #[test]
    fn each_zlib_frame_decodes_at_once_with_one_context() {
        let events = events();
        let mut encoder = Encoder::new(Compression::ZlibStream);
        let mut decoder = Decompress::new(true);
        let mut decode = |frame: &[u8]| {
            assert!(frame.ends_with(&[0, 0, 0xff, 0xff]), "{frame:x?}");
            let mut out = Vec::with_capacity(400_000);
            decoder
                .decompress_vec(frame, &mut out, FlushDecompress::Sync)
                .unwrap();
            out
        };
        let hello = r#"{"op":10}"#;
        assert_eq!(
            decode(&binary(encoder.message(hello.to_owned()))),
            hello.as_bytes()
        );
        for (seq, event) in numbered(&events) {
            let read = decode(&binary(encoder.dispatch(seq, event).unwrap()));
            assert_reads(&read, seq, event);
        }
        let long = "y".repeat(150_000);
        assert_eq!(decode(&binary(encoder.message(long.clone()))), long.as_bytes());
    }

    #[test]
    fn all_zstd_frames_together_are_one_zstd_frame() {
        let events = events();
        let mut encoder = Encoder::new(Compression::ZstdStream);
        let mut decoder = zstd::stream::write::Decoder::new(Vec::new()).unwrap();
        let mut decode = |frame: &[u8]| {
            decoder.write_all(frame).unwrap();
            decoder.flush().unwrap();
            std::mem::take(decoder.get_mut())
        };
        let long = "y".repeat(300_000);
        let hello = binary(encoder.message(long.clone()));
        assert!(hello.starts_with(&zstandard::HEADER));
        assert_eq!(decode(&hello), long.as_bytes());
        for (seq, event) in numbered(&events) {
            let frame = binary(encoder.dispatch(seq, event).unwrap());
            assert!(!frame.starts_with(&zstandard::HEADER), "only the first has one");
            assert_reads(&decode(&frame), seq, event);
        }
    }

    #[test]
    fn an_event_is_compressed_once_for_all() {
        let event = &events()[1];
        assert_eq!(
            event.deflated().unwrap().as_ptr(),
            event.deflated().unwrap().as_ptr()
        );
        assert_eq!(
            event.zstandard().unwrap().as_ptr(),
            event.zstandard().unwrap().as_ptr()
        );
        assert!(event.deflated().unwrap().len() < 1000);
        assert!(event.zstandard().unwrap().len() < 1000);
    }

    #[test]
    fn a_zstd_stream_that_begins_with_a_dispatch_is_read_by_the_plain_decoder() {
        let events = events();
        let mut encoder = Encoder::new(Compression::ZstdStream);
        let frames: Vec<u8> = numbered(&events)
            .flat_map(|(seq, event)| binary(encoder.dispatch(seq, event).unwrap()))
            .collect();
        let mut reader = zstd::stream::read::Decoder::new(&frames[..]).unwrap();
        let mut read = Vec::new();
        // The frame never ends, so the reader complains in the end; everything before that must be there.
        assert!(reader.read_to_end(&mut read).is_err());
        let messages = serde_json::Deserializer::from_slice(&read).into_iter::<Value>();
        for ((seq, event), message) in numbered(&events).zip(messages) {
            assert_reads(message.unwrap().to_string().as_bytes(), seq, event);
        }
    }

    #[test]
    fn plain_messages_are_text() {
        let mut encoder = Encoder::new(Compression::from_query("brotli"));
        assert_eq!(encoder.message("{}".to_owned()), Frame::Text("{}".to_owned()));
    }
}

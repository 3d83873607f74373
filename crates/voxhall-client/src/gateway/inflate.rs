use flate2::{Decompress, FlushDecompress, Status};

/// What every message ends in: the marker of a sync flush (gateway protocol, section 1).
const FLUSH_MARKER: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Largest message after decompression: READY of a person in many guilds, and then some.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Why a compressed message cannot be read. The stream is then useless: connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The bytes are no deflate stream.
    #[error("the compressed stream is damaged")]
    Damaged,
    /// The message would be larger than anything the protocol sends.
    #[error("a compressed message is larger than {MAX_MESSAGE} bytes")]
    TooLarge,
}

/// One `zlib-stream`: a deflate context that lives as long as the socket.
#[derive(Debug)]
pub(super) struct Inflate {
    context: Decompress,
    /// Frames of a message that is not complete yet.
    pending: Vec<u8>,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Self {
            context: Decompress::new(true),
            pending: Vec::new(),
        }
    }

    /// Takes a frame; yields the message if that completes one.
    pub(super) fn frame(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, InflateError> {
        if self.pending.len() + frame.len() > MAX_MESSAGE {
            return Err(InflateError::TooLarge);
        }
        self.pending.extend_from_slice(frame);
        if !self.pending.ends_with(&FLUSH_MARKER) {
            return Ok(None);
        }
        let compressed = std::mem::take(&mut self.pending);
        self.inflate(&compressed).map(Some)
    }

    fn inflate(&mut self, mut compressed: &[u8]) -> Result<Vec<u8>, InflateError> {
        let mut message = Vec::with_capacity(compressed.len() * 4);
        loop {
            let (taken_before, given_before) = (self.context.total_in(), message.len());
            let status = self
                .context
                .decompress_vec(compressed, &mut message, FlushDecompress::Sync)
                .map_err(|_| InflateError::Damaged)?;
            let taken = self.context.total_in() - taken_before;
            compressed = usize::try_from(taken)
                .ok()
                .and_then(|taken| compressed.get(taken..))
                .unwrap_or_default();
            if message.len() > MAX_MESSAGE {
                return Err(InflateError::TooLarge);
            }
            let full = message.len() == message.capacity();
            let stuck = taken == 0 && message.len() == given_before;
            match status {
                Status::StreamEnd => return Err(InflateError::Damaged),
                _ if compressed.is_empty() && !full => return Ok(message),
                _ if stuck && !full => return Err(InflateError::Damaged),
                _ => message.reserve(message.len().max(1024)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn compress(context: &mut Compress, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 1024);
        context
            .compress_vec(message, &mut out, FlushCompress::Sync)
            .unwrap();
        assert!(out.ends_with(&FLUSH_MARKER));
        out
    }

    #[test]
    fn messages_share_one_context_and_may_come_in_pieces() {
        let mut sender = Compress::new(Compression::default(), true);
        let mut inflate = Inflate::new();
        let messages = [
            b"{\"op\":10}".to_vec(),
            b"{\"op\":0}".repeat(20_000),
            b"{\"op\":11}".to_vec(),
        ];
        for message in &messages {
            let bytes = compress(&mut sender, message);
            let (first, second) = bytes.split_at(bytes.len() / 2);
            let early = inflate.frame(first).unwrap();
            let whole = early.or_else(|| inflate.frame(second).unwrap());
            assert_eq!(whole.as_deref(), Some(&message[..]));
        }
    }

    #[test]
    fn rubbish_is_an_error_and_not_a_hang() {
        for length in 0..64u8 {
            let mut bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            bytes.extend(FLUSH_MARKER);
            let _ = Inflate::new().frame(&bytes);
        }
        assert_eq!(
            Inflate::new().frame(b"no zlib at all\x00\x00\xff\xff"),
            Err(InflateError::Damaged)
        );
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut sender = Compress::new(Compression::best(), true);
        let mut bytes = Vec::with_capacity(1 << 20);
        sender
            .compress_vec(&vec![0; MAX_MESSAGE + 1], &mut bytes, FlushCompress::Sync)
            .unwrap();
        assert_eq!(Inflate::new().frame(&bytes), Err(InflateError::TooLarge));
    }
}

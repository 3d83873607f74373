//! A cipher with the nonce counter of one direction.

use voxhall_protocol::voice::EncryptionMode;

use super::layout::RANDOM_LENGTH;
use super::{Cipher, ClientNonces, NonceSuffix, PacketKind, RandomNonces, ServerNonces};
use crate::Error;

/// Seals the packets of one direction of one session: RTP, retransmissions and RTCP share its counter.
///
/// There must be one at most per direction and key. It cannot be cloned, because a copy would use the same nonces.
#[derive(Debug)]
pub struct Sealer {
    cipher: Cipher,
    nonces: Nonces,
}

#[derive(Debug)]
enum Nonces {
    /// The mode takes the nonce from the header or has none.
    Header,
    Server(ServerNonces),
    Client(ClientNonces),
    Random(RandomNonces),
}

impl Sealer {
    /// The server's direction. `first` is 0 for a fresh key, or the [`position`](Self::position) at which an earlier
    /// sealer with this key ended. `random_start` comes from the generator of the operating system; only
    /// `xsalsa20_poly1305_suffix` uses it.
    #[must_use]
    pub const fn server(cipher: Cipher, first: u32, random_start: [u8; RANDOM_LENGTH]) -> Self {
        let nonces = match cipher.mode() {
            EncryptionMode::Plain | EncryptionMode::Xsalsa20Poly1305 => Nonces::Header,
            EncryptionMode::Xsalsa20Poly1305Suffix => Nonces::Random(RandomNonces::starting_at(random_start)),
            _ => Nonces::Server(ServerNonces::starting_at(first)),
        };
        Self { cipher, nonces }
    }

    /// The client's direction, for a key that sealed nothing yet. `random_start` as for [`server`](Self::server).
    #[must_use]
    pub const fn client(cipher: Cipher, random_start: [u8; RANDOM_LENGTH]) -> Self {
        let nonces = match cipher.mode() {
            EncryptionMode::Plain | EncryptionMode::Xsalsa20Poly1305 => Nonces::Header,
            EncryptionMode::Xsalsa20Poly1305Suffix => Nonces::Random(RandomNonces::starting_at(random_start)),
            _ => Nonces::Client(ClientNonces::new()),
        };
        Self { cipher, nonces }
    }

    /// Seals in place with the next nonce; see [`Cipher::seal`].
    ///
    /// # Errors
    ///
    /// As [`Cipher::seal`], and [`Error::NoncesExhausted`].
    pub fn seal(&mut self, kind: PacketKind, buffer: &mut [u8], plain_length: usize) -> Result<usize, Error> {
        let suffix = self.nonces.advance()?;
        self.cipher.seal(kind, buffer, plain_length, &suffix)
    }

    /// Seals `header ‖ body` into `out` with the next nonce; see [`Cipher::seal_parts`].
    ///
    /// # Errors
    ///
    /// As [`Cipher::seal_parts`], and [`Error::NoncesExhausted`].
    pub fn seal_parts(
        &mut self,
        kind: PacketKind,
        header: &[u8],
        body: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let suffix = self.nonces.advance()?;
        self.cipher.seal_parts(kind, header, body, out, &suffix)
    }

    /// The cipher, which opens the other direction's packets.
    #[must_use]
    pub const fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// The server's counter: how many nonces are used, and where the next sealer with this key has to start. 0 for a
    /// client and in modes without a counter.
    #[must_use]
    pub const fn position(&self) -> u32 {
        match &self.nonces {
            Nonces::Server(nonces) => nonces.position(),
            Nonces::Header | Nonces::Client(_) | Nonces::Random(_) => 0,
        }
    }

    /// How many packets can still be sealed; `None` in modes without a counter, which know no end.
    #[must_use]
    pub const fn remaining(&self) -> Option<u32> {
        match &self.nonces {
            Nonces::Server(nonces) => Some(nonces.remaining()),
            Nonces::Client(nonces) => Some(nonces.remaining()),
            Nonces::Header | Nonces::Random(_) => None,
        }
    }
}

impl Nonces {
    fn advance(&mut self) -> Result<NonceSuffix, Error> {
        Ok(match self {
            Self::Header => NonceSuffix::None,
            Self::Server(nonces) => NonceSuffix::Counter(nonces.advance()?),
            Self::Client(nonces) => NonceSuffix::Counter(nonces.advance()?),
            Self::Random(nonces) => NonceSuffix::Whole(nonces.advance()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransportKey;

    const HEADER: [u8; 12] = [0x80, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];

    fn cipher(mode: EncryptionMode) -> Cipher {
        Cipher::new(mode, &TransportKey::from([0x42; 32]))
    }

    fn suffix_of_next(sealer: &mut Sealer) -> Result<[u8; 4], Error> {
        let mut out = [0; 64];
        let length = sealer.seal_parts(PacketKind::Rtp, &HEADER, b"voice", &mut out)?;
        Ok(*out[..length]
            .last_chunk()
            .expect("a sealed packet is longer than its suffix"))
    }

    #[test]
    fn the_two_directions_begin_where_the_protocol_says() {
        let mut server = Sealer::server(cipher(EncryptionMode::AeadAes256GcmRtpsize), 0, [0; 24]);
        let mut client = Sealer::client(cipher(EncryptionMode::AeadAes256GcmRtpsize), [0; 24]);
        assert_eq!(suffix_of_next(&mut server), Ok([0x80, 0, 0, 0x40]));
        assert_eq!(suffix_of_next(&mut server), Ok([0x81, 0, 0, 0x40]));
        assert_eq!(suffix_of_next(&mut client), Ok([0, 0, 0, 0x80]));
        assert_eq!(suffix_of_next(&mut client), Ok([1, 0, 0, 0x80]));
        assert_eq!(server.position(), 2);
    }

    #[test]
    fn a_sealer_without_nonces_seals_nothing() {
        let last = ServerNonces::COUNT - 1;
        let mut sealer = Sealer::server(
            cipher(EncryptionMode::AeadXchacha20Poly1305Rtpsize),
            last,
            [0; 24],
        );
        assert_eq!(sealer.remaining(), Some(1));
        assert!(suffix_of_next(&mut sealer).is_ok());
        assert_eq!(suffix_of_next(&mut sealer), Err(Error::NoncesExhausted));
    }

    #[test]
    fn modes_without_a_counter_know_no_end() {
        for mode in [
            EncryptionMode::Plain,
            EncryptionMode::Xsalsa20Poly1305,
            EncryptionMode::Xsalsa20Poly1305Suffix,
        ] {
            let mut sealer = Sealer::server(cipher(mode), ServerNonces::COUNT, [9; 24]);
            assert_eq!(sealer.remaining(), None);
            assert!(suffix_of_next(&mut sealer).is_ok());
        }
    }
}

//! One TCP connection: datagrams out of a stream of bytes, and into one (RFC 4571).

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::MAX_DATAGRAM;

/// Bytes of the length in front of each datagram.
const LENGTH: usize = 2;

/// What may wait to be read by the peer: a fifth of a second at five megabits.
const MAX_OUTPUT: usize = 128 * 1024;

/// How long a connection may take to prove that it belongs to a member.
const PROOF_WITHIN: Duration = Duration::from_secs(10);

/// After so much silence it is closed; connectivity checks come every few seconds.
const IDLE: Duration = Duration::from_secs(60);

/// A connection with what was read and not yet taken, and what waits to be written.
pub(super) struct Connection {
    stream: TcpStream,
    pub(super) peer: SocketAddr,
    input: Vec<u8>,
    output: Vec<u8>,
    /// How much of `output` is written.
    written: usize,
    opened: Instant,
    heard: Instant,
    /// The worker has something to say to it, as it has to nobody who did not prove to be a member.
    proved: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, now: Instant) -> Self {
        Self {
            stream,
            peer,
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            opened: now,
            heard: now,
            proved: false,
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether it has had its time.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let unproved = !self.proved && now.saturating_duration_since(self.opened) >= PROOF_WITHIN;
        unproved || now.saturating_duration_since(self.heard) >= IDLE
    }

    /// Reads what has come and hands out each datagram.
    ///
    /// # Errors
    /// The connection is over, or what came is no datagram; it is to be closed.
    pub(super) fn read(&mut self, now: Instant, mut take: impl FnMut(Vec<u8>)) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.input.extend_from_slice(&buffer[..length]);
                    self.heard = now;
                    self.take_datagrams(&mut take)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take_datagrams(&mut self, take: &mut impl FnMut(Vec<u8>)) -> io::Result<()> {
        let mut taken = 0;
        while let Some((length, rest)) = self.input[taken..].split_first_chunk::<LENGTH>() {
            let length = usize::from(u16::from_be_bytes(*length));
            if length > MAX_DATAGRAM {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let Some(datagram) = rest.get(..length) else {
                break;
            };
            take(datagram.to_vec());
            taken += LENGTH + length;
        }
        self.input.drain(..taken);
        Ok(())
    }

    /// Writes a datagram, or as much of it as the system takes now.
    ///
    /// # Errors
    /// The connection is over, or its peer reads too slowly; it is to be closed.
    pub(super) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.proved = true;
        let Ok(length) = u16::try_from(datagram.len()) else {
            return Ok(());
        };
        if self.output.len() - self.written + LENGTH + datagram.len() > MAX_OUTPUT {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.output.extend_from_slice(&length.to_be_bytes());
        self.output.extend_from_slice(datagram);
        Ok(())
    }

    /// Writes what waits, as far as the system takes it.
    ///
    /// # Errors
    /// The connection is over.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        } else if self.written >= MAX_OUTPUT {
            self.output.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}

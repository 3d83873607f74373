//! One TCP connection: datagrams out of a stream of bytes, and into one (RFC 4571).

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use socket2::SockRef;

use super::Waiting;
use crate::MAX_DATAGRAM;

/// Bytes of the length in front of each datagram.
const LENGTH: usize = 2;

/// What may wait to be read by the peer: a fifth of a second at five megabits.
const MAX_OUTPUT: usize = 128 * 1024;

/// What may wait in the system beside that.
const SEND_BUFFER: usize = 64 * 1024;

/// What is read of one connection before it is the turn of the others.
pub(super) const TURN: usize = 64 * 1024;

/// How long a connection may take to prove that it belongs to a member.
const PROOF_WITHIN: Duration = Duration::from_secs(10);

/// After so much silence it is closed; connectivity checks come every few seconds.
const IDLE: Duration = Duration::from_secs(60);

/// A connection with what was read and not yet taken, and what waits to be written.
pub(super) struct Connection {
    stream: TcpStream,
    pub(super) peer: SocketAddr,
    input: Vec<u8>,
    waiting: Waiting,
    output: Vec<u8>,
    /// How much of `output` is written.
    written: usize,
    opened: Instant,
    heard: Instant,
    /// The worker has something to say to it, as it has only to who sent an authentic check.
    proved: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, now: Instant) -> Self {
        Self {
            stream,
            peer,
            input: Vec::new(),
            waiting: Waiting::default(),
            output: Vec::new(),
            written: 0,
            opened: now,
            heard: now,
            proved: false,
        }
    }

    /// Has the system hold nothing back, neither a small packet nor much of what the peer does not read.
    ///
    /// # Errors
    /// The connection is over already.
    pub(super) fn prepare(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        SockRef::from(&self.stream).set_send_buffer_size(SEND_BUFFER)
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether it has had its time.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let unproved = !self.proved && now.saturating_duration_since(self.opened) >= PROOF_WITHIN;
        unproved || now.saturating_duration_since(self.heard) >= IDLE
    }

    /// Reads of what has come as much as is its turn, and hands out each datagram. True if there may be more, of which
    /// the system does not tell again.
    ///
    /// # Errors
    /// The connection is over, or what came is no datagram; it is to be closed.
    pub(super) fn read(&mut self, now: Instant, mut take: impl FnMut(Vec<u8>, &Waiting)) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let mut read = 0;
        while read < TURN {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    read += length;
                    self.input.extend_from_slice(&buffer[..length]);
                    self.heard = now;
                    self.take_datagrams(&mut take)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn take_datagrams(&mut self, take: &mut impl FnMut(Vec<u8>, &Waiting)) -> io::Result<()> {
        let mut taken = 0;
        while let Some((length, rest)) = self.input[taken..].split_first_chunk::<LENGTH>() {
            let length = usize::from(u16::from_be_bytes(*length));
            if length > MAX_DATAGRAM {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let Some(datagram) = rest.get(..length) else {
                break;
            };
            take(datagram.to_vec(), &self.waiting);
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

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream as Peer};

    use super::*;

    fn pair(now: Instant) -> (Peer, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, address) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        let connection = Connection::new(TcpStream::from_std(accepted), address, now);
        connection.prepare().unwrap();
        (peer, connection)
    }

    /// Reads until so many datagrams have come.
    fn read(connection: &mut Connection, now: Instant, count: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut taken = Vec::new();
        while taken.len() < count {
            connection.read(now, |datagram, _| taken.push(datagram))?;
        }
        Ok(taken)
    }

    #[test]
    fn datagrams_come_through_however_they_are_cut() {
        let now = Instant::now();
        let (mut peer, mut connection) = pair(now);
        peer.set_nodelay(true).unwrap();
        let datagrams = [vec![7; 1500], vec![], vec![1, 2, 3]];
        let stream: Vec<u8> = datagrams
            .iter()
            .flat_map(|datagram| [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat())
            .collect();
        for piece in stream.chunks(11) {
            peer.write_all(piece).unwrap();
        }
        assert_eq!(read(&mut connection, now, 3).unwrap(), datagrams);
        peer.write_all(&[0x05, 0xdd]).unwrap();
        let error = read(&mut connection, now, 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "1501 bytes are none");
    }

    #[test]
    fn who_sends_without_end_gets_no_more_than_its_turn() {
        let now = Instant::now();
        let (mut peer, mut connection) = pair(now);
        let flood = std::thread::spawn(move || {
            let framed = [&[0x03, 0xe8][..], &[7; 1000]].concat().repeat(1000);
            // Until the connection is dropped.
            while peer.write_all(&framed).is_ok() {}
        });
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut bytes = 0;
        while !connection
            .read(now, |datagram, _| bytes += datagram.len())
            .unwrap()
        {
            assert!(Instant::now() < deadline, "the peer fills what the system takes");
            bytes = 0;
        }
        assert!((TURN / 2..=TURN + 4096).contains(&bytes), "{bytes}");
        drop(connection);
        flood.join().unwrap();
    }

    #[test]
    fn who_reads_too_slowly_is_given_up() {
        let (_peer, mut connection) = pair(Instant::now());
        let mut sent = 0;
        let error = loop {
            let outcome = connection.send(&[9; 1400]).and_then(|()| connection.flush());
            match outcome {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
            assert!(sent < 10_000, "it takes what nobody reads");
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_stranger_has_ten_seconds_and_a_member_needs_to_speak() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let (mut peer, mut connection) = pair(start);
        assert!(!connection.is_overdue(after(9)));
        assert!(connection.is_overdue(after(10)));
        connection.send(b"an answer").unwrap();
        assert!(!connection.is_overdue(after(59)));
        peer.write_all(&[0, 1, 5]).unwrap();
        read(&mut connection, after(59), 1).unwrap();
        assert!(!connection.is_overdue(after(118)));
        assert!(connection.is_overdue(after(119)));
    }
}

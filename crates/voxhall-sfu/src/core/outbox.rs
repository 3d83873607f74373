//! Where datagrams go.

use std::net::SocketAddr;

/// Takes the datagrams that a core sends. The worker's outbox writes them straight into the batch for the system; that
/// of a test keeps them.
pub trait Outbox {
    /// Lends `write` a buffer of [`MAX_DATAGRAM`](crate::MAX_DATAGRAM) bytes and sends to `to` what it puts there:
    /// `write` returns the length, or `None` to send nothing.
    fn datagram(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>);

    /// A hint: several datagrams in a row may go to one receiver.
    fn burst(&mut self) {}
}

/// Keeps the datagrams, for tests and simulations.
impl Outbox for Vec<(SocketAddr, Vec<u8>)> {
    fn datagram(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let mut buffer = vec![0; crate::MAX_DATAGRAM];
        if let Some(length) = write(&mut buffer) {
            buffer.truncate(length);
            self.push((to, buffer));
        }
    }
}

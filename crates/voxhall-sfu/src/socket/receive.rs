//! Receiving many datagrams with one system call.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::ptr;

use super::MAX_DATAGRAM;
use super::address::RawAddress;

/// Room for one datagram: more than the largest allowed one, so that a longer one is seen to be longer.
const SLOT: usize = 1536;
const _: () = assert!(SLOT > MAX_DATAGRAM);

/// Buffers for the datagrams of one `recvmmsg`.
///
/// Not `Send`, because its tables hold pointers into its buffers: make it on the thread that uses it.
pub struct ReceiveBatch {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    addresses: Vec<RawAddress>,
    storage: Vec<u8>,
    received: usize,
    /// How many the next call may take: more when many come, so that a quiet port does not pay for tables it does
    /// not use.
    window: usize,
}

/// Datagrams that a call may take at least, if the batch has room for them.
const LEAST_WINDOW: usize = 8;

impl ReceiveBatch {
    /// Room for `capacity` datagrams.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        // SAFETY: both structs are integers and pointers, for which zero is a value.
        let (header, vector) = unsafe { (mem::zeroed::<libc::mmsghdr>(), mem::zeroed::<libc::iovec>()) };
        Self {
            headers: vec![header; capacity],
            vectors: vec![vector; capacity],
            addresses: vec![RawAddress::empty(); capacity],
            storage: vec![0; capacity * SLOT],
            received: 0,
            window: LEAST_WINDOW.min(capacity),
        }
    }

    /// The datagrams of the last call, each with its source. One that was longer than [`MAX_DATAGRAM`] is cut off, but
    /// still longer than that.
    pub fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let filled = self.headers.iter().zip(&self.addresses).take(self.received);
        filled
            .zip(self.storage.chunks_exact_mut(SLOT))
            .filter_map(|((header, address), slot)| {
                let length = (header.msg_len as usize).min(SLOT);
                Some((address.get()?, &mut slot[..length]))
            })
    }

    /// Waits as the socket's timeout says for the first datagram, then takes what is there.
    pub(super) fn fill(&mut self, descriptor: RawFd) -> io::Result<usize> {
        self.window = if self.received == self.window {
            self.window * 2
        } else {
            self.received.max(LEAST_WINDOW)
        };
        self.window = self.window.min(self.headers.len());
        self.received = 0;
        self.point_into_buffers();
        let capacity = self.window as libc::c_uint;
        // SAFETY: `headers` has at least `capacity` entries. `point_into_buffers` made each of the first `capacity` lead
        // to its own iovec, address and slot of the stated lengths, all owned by this batch, which is borrowed for the
        // whole call.
        let received = unsafe {
            libc::recvmmsg(
                descriptor,
                self.headers.as_mut_ptr(),
                capacity,
                libc::MSG_WAITFORONE,
                ptr::null_mut(),
            )
        };
        self.received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// Makes the headers that the next call may use lead to their buffers. Done anew for each call, as no pointer may
    /// be older than the borrows through which the datagrams were read; next to a system call it costs nothing.
    fn point_into_buffers(&mut self) {
        let buffers = self
            .vectors
            .iter_mut()
            .zip(&mut self.addresses)
            .zip(self.storage.chunks_exact_mut(SLOT));
        for (header, ((vector, address), slot)) in self.headers.iter_mut().take(self.window).zip(buffers) {
            vector.iov_base = slot.as_mut_ptr().cast();
            vector.iov_len = SLOT;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
            header.msg_hdr.msg_namelen = RawAddress::CAPACITY;
        }
    }
}

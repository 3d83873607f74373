//! Sending many datagrams with one system call.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::ops::{AddAssign, Range};
use std::os::fd::RawFd;
use std::ptr;

use super::MAX_DATAGRAM;
use super::address::RawAddress;

/// Datagrams in one batch. At 20 listeners a batch of received packets makes a few hundred.
const DATAGRAMS: usize = 1024;

/// Bytes in one batch.
const STORAGE: usize = 512 << 10;

/// Datagrams the kernel cuts out of one buffer at most (`UDP_MAX_SEGMENTS` of older kernels).
const MAX_SEGMENTS: usize = 64;

/// Bytes in one such buffer at most: an IPv4 datagram less its headers, rounded down.
const MAX_SEGMENTED_BYTES: usize = 65_000;

/// Bytes of the control message that carries the segment size.
// SAFETY: arithmetic on its argument alone.
const CONTROL_SPACE: usize = unsafe { libc::CMSG_SPACE(mem::size_of::<u16>() as u32) } as usize;

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Datagrams the system took.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Datagrams it did not take.
    pub failed: u64,
}

/// Datagrams that wait for one `sendmmsg`.
///
/// Not `Send`, because its tables hold pointers into its buffers: make it on the thread that uses it.
pub struct SendBatch {
    storage: Vec<u8>,
    used: usize,
    datagrams: Vec<Datagram>,
    gather: bool,
    segmentation: bool,
    tables: Tables,
}

#[derive(Debug, Clone, Copy)]
struct Datagram {
    to: SocketAddr,
    offset: u32,
    length: u16,
}

/// A control message's bytes, aligned as its header wants.
#[derive(Clone, Copy)]
#[repr(C)]
union Control {
    header: libc::cmsghdr,
    bytes: [u8; CONTROL_SPACE],
}

/// What `sendmmsg` reads. Entry `i` of `headers`, `addresses`, `controls` and `groups` belong together.
struct Tables {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    addresses: Vec<RawAddress>,
    controls: Vec<Control>,
    /// How many datagrams each message carries.
    groups: Vec<u16>,
}

impl Default for SendBatch {
    fn default() -> Self {
        Self::new()
    }
}

impl SendBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            storage: vec![0; STORAGE],
            used: 0,
            datagrams: Vec::with_capacity(DATAGRAMS),
            gather: false,
            segmentation: true,
            tables: Tables::new(),
        }
    }

    /// Whether there may be no room for one more datagram: send first.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.datagrams.len() == DATAGRAMS || STORAGE - self.used < MAX_DATAGRAM
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Adds a datagram that `write` makes in place: it gets [`MAX_DATAGRAM`] bytes and returns how many of them it
    /// used, or `None` to add nothing. Nothing is added to a full batch.
    #[inline]
    pub fn push(&mut self, to: SocketAddr, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        if self.is_full() {
            return;
        }
        let room = &mut self.storage[self.used..self.used + MAX_DATAGRAM];
        let Some(length) = write(room).filter(|&length| length <= MAX_DATAGRAM) else {
            return;
        };
        self.datagrams.push(Datagram {
            to,
            offset: self.used as u32,
            length: length as u16,
        });
        self.used += length;
    }

    /// Says that several datagrams of the batch go to the same receiver: those of equal size are then handed over as
    /// one (UDP segmentation), which costs the kernel half as much. Their order to one receiver stays as it is.
    pub fn gather(&mut self) {
        self.gather = true;
    }

    /// Whether the system cuts large buffers into datagrams; false once it refused to.
    #[must_use]
    pub fn has_segmentation(&self) -> bool {
        self.segmentation
    }

    pub(super) fn drain(&mut self, descriptor: RawFd, socket_is_v6: bool) -> SendReport {
        let gather = mem::take(&mut self.gather) && self.segmentation;
        if gather {
            // By offset as well, so that what goes to one receiver keeps its order.
            self.datagrams
                .sort_unstable_by_key(|datagram| (datagram.to, datagram.offset));
        }
        self.tables
            .fill(&self.datagrams, &self.storage, gather, socket_is_v6);
        let mut report = SendReport::default();
        let (mut message, mut datagram) = (0, 0);
        while message < self.tables.headers.len() {
            let outcome = self.tables.send_from(message, descriptor);
            let taken = outcome.as_ref().map_or(0, |&taken| taken);
            for &group in &self.tables.groups[message..message + taken] {
                let end = datagram + usize::from(group);
                report.count_sent(&self.datagrams[datagram..end]);
                datagram = end;
            }
            message += taken;
            if let Err(error) = outcome {
                let end = datagram + usize::from(self.tables.groups[message]);
                self.refused(message, datagram..end, &error, descriptor, &mut report);
                message += 1;
                datagram = end;
            }
        }
        self.datagrams.clear();
        self.used = 0;
        report
    }

    /// Deals with a message that the system refused: one that was to be cut is sent in single datagrams, any other is
    /// dropped.
    fn refused(
        &mut self,
        message: usize,
        datagrams: Range<usize>,
        error: &io::Error,
        descriptor: RawFd,
        report: &mut SendReport,
    ) {
        if datagrams.len() == 1 || error.kind() == io::ErrorKind::WouldBlock {
            report.failed += datagrams.len() as u64;
            return;
        }
        // EIO: the network device cannot do it, and will not later.
        if error.raw_os_error() == Some(libc::EIO) {
            self.segmentation = false;
        }
        for datagram in &self.datagrams[datagrams] {
            match self
                .tables
                .send_alone(message, datagram, &self.storage, descriptor)
            {
                Ok(()) => report.count_sent(std::slice::from_ref(datagram)),
                Err(_) => report.failed += 1,
            }
        }
    }
}

impl AddAssign for SendReport {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.failed += other.failed;
    }
}

impl SendReport {
    fn count_sent(&mut self, datagrams: &[Datagram]) {
        self.sent += datagrams.len() as u64;
        self.sent_bytes += datagrams
            .iter()
            .map(|datagram| u64::from(datagram.length))
            .sum::<u64>();
    }
}

impl Tables {
    fn new() -> Self {
        Self {
            headers: Vec::with_capacity(DATAGRAMS),
            vectors: Vec::with_capacity(DATAGRAMS),
            addresses: vec![RawAddress::empty(); DATAGRAMS],
            controls: vec![
                Control {
                    bytes: [0; CONTROL_SPACE]
                };
                DATAGRAMS
            ],
            groups: Vec::with_capacity(DATAGRAMS),
        }
    }

    /// Makes one message of each datagram or, when gathering, of each run of datagrams that can be cut from one.
    fn fill(&mut self, datagrams: &[Datagram], storage: &[u8], gather: bool, socket_is_v6: bool) {
        self.headers.clear();
        self.groups.clear();
        self.vectors.clear();
        self.vectors
            .extend(datagrams.iter().map(|datagram| datagram.vector(storage)));
        let mut vectors = self.vectors.as_mut_slice();
        let mut rest = datagrams;
        let mut places = self.addresses.iter_mut().zip(&mut self.controls);
        while let (Some(first), Some((address, control))) = (rest.first(), places.next()) {
            let run = if gather { run_length(rest) } else { 1 };
            let (run_vectors, other_vectors) = vectors.split_at_mut(run);
            // SAFETY: integers and pointers, for which zero is a value.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_iov = run_vectors.as_mut_ptr();
            header.msg_hdr.msg_iovlen = run as _;
            header.msg_hdr.msg_namelen = address.set(first.to, socket_is_v6);
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
            if run > 1 {
                *control = segment_size(first.length);
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = CONTROL_SPACE as _;
            }
            self.headers.push(header);
            self.groups.push(run as u16);
            vectors = other_vectors;
            rest = &rest[run..];
        }
    }

    /// Hands over the messages from `first` on. Returns how many of them the system took, at least one.
    fn send_from(&mut self, first: usize, descriptor: RawFd) -> io::Result<usize> {
        let messages = &mut self.headers[first..];
        // SAFETY: every entry was made by `fill` since the tables or the storage were last changed: its pointers lead
        // to an address, iovecs, a control message and datagrams that the batch owns, and the batch is borrowed for
        // the whole call.
        let taken = unsafe {
            libc::sendmmsg(
                descriptor,
                messages.as_mut_ptr(),
                messages.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(taken).map_err(|_| io::Error::last_os_error())
    }

    /// Sends one datagram of a refused message, to the message's address.
    fn send_alone(
        &mut self,
        message: usize,
        datagram: &Datagram,
        storage: &[u8],
        descriptor: RawFd,
    ) -> io::Result<()> {
        let mut vector = datagram.vector(storage);
        let refused = self.headers[message].msg_hdr;
        // SAFETY: integers and pointers, for which zero is a value.
        let mut header: libc::msghdr = unsafe { mem::zeroed() };
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_name = refused.msg_name;
        header.msg_namelen = refused.msg_namelen;
        // SAFETY: the iovec is on this stack frame and leads into `storage`, which is borrowed for the call; the
        // address is the one that `fill` stored for the refused message.
        let sent = unsafe { libc::sendmsg(descriptor, &raw const header, libc::MSG_DONTWAIT) };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

impl Datagram {
    fn vector(&self, storage: &[u8]) -> libc::iovec {
        let bytes = &storage[self.offset as usize..][..usize::from(self.length)];
        // The system takes one type for both directions; in this one it only reads.
        libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        }
    }
}

/// How many datagrams, from the first on, go to one receiver and have one size, of which the last may be shorter.
fn run_length(datagrams: &[Datagram]) -> usize {
    let Some(first) = datagrams.first() else { return 0 };
    let fitting = (MAX_SEGMENTED_BYTES / usize::from(first.length).max(1)).min(MAX_SEGMENTS);
    let mut run = 1;
    for datagram in datagrams.iter().take(fitting).skip(1) {
        if datagram.to != first.to || datagram.length > first.length {
            break;
        }
        run += 1;
        if datagram.length < first.length {
            break;
        }
    }
    run
}

/// The control message that asks for segments of `length` bytes.
fn segment_size(length: u16) -> Control {
    let mut control = Control {
        bytes: [0; CONTROL_SPACE],
    };
    control.header = libc::cmsghdr {
        // SAFETY: arithmetic on its argument alone.
        cmsg_len: unsafe { libc::CMSG_LEN(mem::size_of::<u16>() as u32) } as _,
        cmsg_level: libc::SOL_UDP,
        cmsg_type: libc::UDP_SEGMENT,
    };
    let data = mem::size_of::<libc::cmsghdr>();
    // SAFETY: every byte of the union is initialised, and any byte is a `u8`.
    unsafe { control.bytes[data..data + 2].copy_from_slice(&length.to_ne_bytes()) };
    control
}

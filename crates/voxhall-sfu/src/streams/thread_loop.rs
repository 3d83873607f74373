//! The thread that has a worker's TCP connections.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use mio::event::Event;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use super::connection::Connection;
use super::{LISTENER, Order, StreamEvent, Tell, WAKER, stream_address};

/// Connections of one worker at most.
const MAX_CONNECTIONS: usize = 1024;

/// Connections from one address at most: people behind one NAT.
const MAX_FROM_ONE: usize = 64;

/// How often connections are looked through.
const REVIEW_EVERY: Duration = Duration::from_secs(1);

pub(super) struct StreamLoop {
    poll: Poll,
    listener: TcpListener,
    tell: Tell,
    orders: Receiver<Order>,
    connections: HashMap<u64, Connection>,
    /// Connections with more to read than was their turn. The system tells of what came only once.
    backlog: Vec<u64>,
    next: u64,
}

impl StreamLoop {
    pub(super) fn new(
        poll: Poll,
        mut listener: TcpListener,
        tell: Tell,
        orders: Receiver<Order>,
    ) -> io::Result<Self> {
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            tell,
            orders,
            connections: HashMap::new(),
            backlog: Vec::new(),
            next: 0,
        })
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut review = Instant::now() + REVIEW_EVERY;
        loop {
            // Interrupted, or broken for good: then the next look will tell again, a second later at most.
            let patience = if self.backlog.is_empty() {
                REVIEW_EVERY
            } else {
                Duration::ZERO
            };
            let polled = self.poll.poll(&mut events, Some(patience));
            let now = Instant::now();
            for number in std::mem::take(&mut self.backlog) {
                self.read(now, number);
            }
            if polled.is_ok() {
                for event in &events {
                    self.ready(now, event);
                }
            }
            if !self.obey() {
                return;
            }
            if now >= review {
                review = now + REVIEW_EVERY;
                self.review(now);
            }
        }
    }

    fn ready(&mut self, now: Instant, event: &Event) {
        match event.token() {
            WAKER => {}
            LISTENER => self.accept(now),
            Token(number) => self.serve(now, number as u64, event),
        }
    }

    fn accept(&mut self, now: Instant) {
        loop {
            let (stream, peer) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nobody else waits, or the system has no more descriptors: the next who comes wakes the thread.
                Err(_) => return,
            };
            if self.connections.len() >= MAX_CONNECTIONS || self.from(peer.ip()) >= MAX_FROM_ONE {
                continue;
            }
            let mut connection = Connection::new(stream, peer, now);
            let number = self.next;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let ready = connection.prepare().and_then(|()| {
                self.poll
                    .registry()
                    .register(connection.stream(), Token(number as usize), interest)
            });
            if ready.is_ok() {
                self.next += 1;
                self.connections.insert(number, connection);
                self.tell.event(StreamEvent::Opened {
                    address: stream_address(number),
                    peer,
                });
            }
        }
    }

    fn from(&self, ip: IpAddr) -> usize {
        self.connections
            .values()
            .filter(|connection| connection.peer.ip() == ip)
            .count()
    }

    fn serve(&mut self, now: Instant, number: u64, event: &Event) {
        // Whoever had its turn already waits for the next.
        if event.is_readable() && !self.backlog.contains(&number) {
            self.read(now, number);
        }
        if event.is_writable()
            && let Some(connection) = self.connections.get_mut(&number)
            && connection.flush().is_err()
        {
            self.close(number);
        }
    }

    /// Gives a connection its turn to be read.
    fn read(&mut self, now: Instant, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let (tell, address) = (&self.tell, stream_address(number));
        let outcome = connection.read(now, |bytes, waiting| tell.datagram(address, bytes, waiting));
        tell.wake();
        match outcome {
            Ok(true) => self.backlog.push(number),
            Ok(false) => {}
            Err(_) => self.close(number),
        }
    }

    /// Does what the worker ordered. False if that is to stop.
    fn obey(&mut self) -> bool {
        let mut touched = Vec::new();
        while let Ok(order) = self.orders.try_recv() {
            let Order::Send { number, bytes } = order else {
                return false;
            };
            let Some(connection) = self.connections.get_mut(&number) else {
                continue;
            };
            match connection.send(&bytes) {
                Ok(()) if touched.last() != Some(&number) => touched.push(number),
                Ok(()) => {}
                Err(_) => self.close(number),
            }
        }
        for number in touched {
            let connection = self.connections.get_mut(&number);
            if connection.is_some_and(|connection| connection.flush().is_err()) {
                self.close(number);
            }
        }
        true
    }

    fn review(&mut self, now: Instant) {
        let overdue = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_overdue(now));
        for number in overdue.map(|(&number, _)| number).collect::<Vec<_>>() {
            self.close(number);
        }
    }

    fn close(&mut self, number: u64) {
        if self.connections.remove(&number).is_some() {
            self.tell.event(StreamEvent::Closed {
                address: stream_address(number),
            });
            self.tell.wake();
        }
    }
}

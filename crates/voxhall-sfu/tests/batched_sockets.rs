//! Batches on real sockets: everything arrives whole and in order, whether or not the kernel cuts it out of one buffer.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use voxhall_sfu::MAX_DATAGRAM;
use voxhall_sfu::socket::{BatchSocket, ReceiveBatch, SendBatch};

const LOOPBACK: &str = "127.0.0.1:0";

fn receiver() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn push(batch: &mut SendBatch, to: SocketAddr, bytes: &[u8]) {
    batch.push(to, |buffer| {
        buffer[..bytes.len()].copy_from_slice(bytes);
        Some(bytes.len())
    });
}

fn read(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let length = socket.recv(&mut buffer).expect("it was sent");
    buffer[..length].to_vec()
}

/// Three receivers; sizes that make runs, end runs and break them.
fn exchange(gather: bool) {
    let sender = BatchSocket::bind(LOOPBACK.parse().unwrap(), 1 << 20).unwrap();
    let receivers = [receiver(), receiver(), receiver()];
    let sizes = [1200, 1200, 1200, 700, 1200, 120, 120, 1, 0, 1500];
    let mut batch = SendBatch::new();
    for (number, &size) in sizes.iter().enumerate() {
        for (index, (_, address)) in receivers.iter().enumerate() {
            push(&mut batch, *address, &vec![(16 * index + number) as u8; size]);
        }
    }
    if gather {
        batch.gather();
    }
    let report = sender.send(&mut batch);
    assert_eq!((report.sent, report.failed), (30, 0));
    assert_eq!(report.sent_bytes, 3 * sizes.iter().sum::<usize>() as u64);
    assert!(batch.is_empty());
    for (index, (socket, _)) in receivers.iter().enumerate() {
        for (number, &size) in sizes.iter().enumerate() {
            assert_eq!(
                read(socket),
                vec![(16 * index + number) as u8; size],
                "gather {gather}"
            );
        }
    }
}

#[test]
fn single_datagrams() {
    exchange(false);
}

#[test]
fn gathered_datagrams() {
    exchange(true);
}

#[test]
fn a_burst_longer_than_one_buffer() {
    let sender = BatchSocket::bind(LOOPBACK.parse().unwrap(), 1 << 20).unwrap();
    let (socket, address) = receiver();
    let mut batch = SendBatch::new();
    for number in 0..100_u8 {
        push(&mut batch, address, &[number; 900]);
    }
    batch.gather();
    assert_eq!(sender.send(&mut batch).sent, 100);
    for number in 0..100_u8 {
        assert_eq!(read(&socket), [number; 900]);
    }
}

#[test]
fn a_full_batch_takes_no_more() {
    let (_socket, address) = receiver();
    let mut batch = SendBatch::new();
    let mut pushed = 0;
    while !batch.is_full() {
        push(&mut batch, address, &[0; MAX_DATAGRAM]);
        pushed += 1;
    }
    assert!(pushed > 64);
    let mut called = false;
    batch.push(address, |_| {
        called = true;
        Some(1)
    });
    assert!(!called);
}

#[test]
fn what_writes_nothing_sends_nothing() {
    let sender = BatchSocket::bind(LOOPBACK.parse().unwrap(), 1 << 16).unwrap();
    let (_socket, address) = receiver();
    let mut batch = SendBatch::new();
    batch.push(address, |_| None);
    assert!(batch.is_empty());
    assert_eq!(sender.send(&mut batch).sent, 0);
}

#[test]
fn a_receiver_that_cannot_be_reached_does_not_hold_up_the_others() {
    let sender = BatchSocket::bind(LOOPBACK.parse().unwrap(), 1 << 16).unwrap();
    let (socket, address) = receiver();
    for gather in [false, true] {
        let mut batch = SendBatch::new();
        // Port 0 is nobody's.
        for to in [
            "127.0.0.1:0".parse().unwrap(),
            address,
            "127.0.0.1:0".parse().unwrap(),
            address,
        ] {
            push(&mut batch, to, b"words");
        }
        if gather {
            batch.gather();
        }
        let report = sender.send(&mut batch);
        assert_eq!((report.sent, report.failed), (2, 2), "gather {gather}");
        assert_eq!([read(&socket), read(&socket)], [b"words", b"words"]);
    }
}

#[test]
fn many_are_received_at_once_each_with_its_source() {
    let receiver = BatchSocket::bind(LOOPBACK.parse().unwrap(), 1 << 20).unwrap();
    receiver
        .set_receive_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let senders: Vec<UdpSocket> = (0..10).map(|_| UdpSocket::bind(LOOPBACK).unwrap()).collect();
    for (number, sender) in senders.iter().enumerate() {
        sender
            .send_to(&vec![number as u8; 100 + number], receiver.local_addr())
            .unwrap();
    }
    let mut batch = ReceiveBatch::new(4);
    let mut received = Vec::new();
    while received.len() < 10 {
        let count = receiver.receive(&mut batch).unwrap();
        assert!((1..=4).contains(&count));
        received.extend(batch.datagrams().map(|(source, bytes)| (source, bytes.to_vec())));
    }
    for (number, (source, bytes)) in received.iter().enumerate() {
        assert_eq!(*source, senders[number].local_addr().unwrap());
        assert_eq!(*bytes, vec![number as u8; 100 + number]);
    }
}

#[test]
fn an_overlong_datagram_is_seen_to_be_one() {
    let receiver = BatchSocket::bind(LOOPBACK.parse().unwrap(), 1 << 20).unwrap();
    let sender = UdpSocket::bind(LOOPBACK).unwrap();
    sender.send_to(&[1; 5000], receiver.local_addr()).unwrap();
    let mut batch = ReceiveBatch::new(2);
    receiver.receive(&mut batch).unwrap();
    assert!(batch.datagrams().all(|(_, bytes)| bytes.len() > MAX_DATAGRAM));
}

#[test]
fn waiting_ends() {
    let receiver = BatchSocket::bind(LOOPBACK.parse().unwrap(), 1 << 16).unwrap();
    receiver
        .set_receive_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let mut batch = ReceiveBatch::new(2);
    assert_eq!(receiver.receive(&mut batch).unwrap(), 0);
    assert_eq!(batch.datagrams().count(), 0);
}

//! Datagrams before their session is known: the classifier and the parsers behind it agree, and no answer is longer
//! than its question.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_protocol::discovery::{Form, Request, Response};
use voxhall_protocol::ping::KeepAlive;
use voxhall_transport::demux::{Datagram, LegacyDiscovery, classify};

fuzz_target!(|datagram: &[u8]| {
    let source = "203.0.113.7:50123".parse().expect("an address");
    match classify(datagram, LegacyDiscovery::Accepted) {
        kind @ (Datagram::Discovery | Datagram::LegacyDiscovery) => {
            let request = Request::parse(datagram).expect("a request");
            assert_eq!(request.form == Form::Current, kind == Datagram::Discovery);
            let reply = request.respond(source);
            assert_eq!(reply.len(), datagram.len());
            let response = Response::parse(&reply).expect("a response");
            assert_eq!((response.address, response.port), (source.ip(), source.port()));
        }
        Datagram::Ping(sequence) => {
            assert_eq!(KeepAlive::parse(datagram), Some(KeepAlive::Ping(sequence)));
        }
        Datagram::KeepAlive(bytes) => {
            assert!(matches!(
                KeepAlive::parse(datagram),
                Some(KeepAlive::Counter(_) | KeepAlive::Pong(_))
            ));
            assert_eq!(datagram, bytes);
        }
        _ => {}
    }
    if let Some(reply) = KeepAlive::parse(datagram).and_then(KeepAlive::reply) {
        assert_eq!(reply.len(), datagram.len());
    }
    let strict = classify(datagram, LegacyDiscovery::Refused);
    assert_ne!(strict, Datagram::LegacyDiscovery);
    let _ = Response::parse(datagram);
});

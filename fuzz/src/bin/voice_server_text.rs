//! Text frames from servers of the voice gateway: what is taken can be said again, sequence number and all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_fuzz::version_and_frame;
use voxhall_protocol::voice::{Message, WireFrame, decode_server_text, encode_server};

fuzz_target!(|input: &[u8]| {
    let Some((version, frame)) = version_and_frame(input) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(frame) else {
        return;
    };
    let Ok(frame) = decode_server_text(version, text) else {
        return;
    };
    if let Message::Hello(hello) = &frame.message {
        assert!(hello.interval().as_millis() >= 100, "a client must not spin");
    }
    let wire = encode_server(version, &frame.message, frame.seq);
    let WireFrame::Text(said) = &wire else {
        panic!("a text message became binary")
    };
    let again = decode_server_text(version, said).expect("what was written is read");
    assert_eq!(again.seq, frame.seq.filter(|_| version.has_seq()));
    assert_eq!(encode_server(version, &again.message, again.seq), wire);
    assert!(!frame.to_string().is_empty());
});

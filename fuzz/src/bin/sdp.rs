//! SDP fragments of clients and servers: what is taken, written and read again is the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_protocol::sdp::{ClientFragment, ServerFragment};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(fragment) = ClientFragment::parse(text) {
        assert_eq!(ClientFragment::parse(&fragment.to_string()), Ok(fragment));
    }
    if let Ok(fragment) = ServerFragment::parse(text) {
        assert!(!fragment.candidates.is_empty());
        assert_eq!(ServerFragment::parse(&fragment.to_string()), Ok(fragment));
    }
});

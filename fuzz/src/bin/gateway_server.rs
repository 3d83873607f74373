//! Messages from servers of the main Gateway: what is taken can be said again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_protocol::gateway::ServerMessage;

fuzz_target!(|input: &[u8]| {
    let Ok(message) = ServerMessage::decode(input) else {
        return;
    };
    let said = message.encode();
    let again = ServerMessage::decode(said.as_bytes()).expect("what was written is read");
    assert_eq!(again.encode(), said);
    assert!(!message.to_string().is_empty());
});

//! Messages from clients of the main Gateway: what is taken can be said again, what is not has a close code.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_protocol::gateway::{ClientMessage, GatewayCloseCode, MAX_CLIENT_MESSAGE};

fuzz_target!(|input: &[u8]| {
    match ClientMessage::decode(input) {
        Ok(message) => {
            let said = message.encode();
            assert!(!message.to_string().is_empty());
            // Escapes may make it longer than what a server takes.
            if said.len() <= MAX_CLIENT_MESSAGE {
                let again = ClientMessage::decode(said.as_bytes()).expect("what was written is read");
                assert_eq!(again.encode(), said);
            }
        }
        Err(error) => assert_eq!(error.close_code(), GatewayCloseCode::DecodeFailed),
    }
});

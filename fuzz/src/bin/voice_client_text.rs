//! Text frames from clients of the voice gateway: what is taken can be said again, what is not has a close code.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_fuzz::version_and_frame;
use voxhall_protocol::voice::{VoiceCloseCode, WireFrame, decode_client_text, encode_client};

fuzz_target!(|input: &[u8]| {
    let Some((version, frame)) = version_and_frame(input) else {
        return;
    };
    let Ok(text) = std::str::from_utf8(frame) else {
        return;
    };
    match decode_client_text(version, text) {
        Ok(frame) => {
            let WireFrame::Text(said) = encode_client(version, &frame.message) else {
                panic!("a text message became binary")
            };
            let again = decode_client_text(version, &said).expect("what was written is read");
            assert_eq!(again.message.opcode(), frame.message.opcode());
            assert_eq!(encode_client(version, &again.message), WireFrame::Text(said));
            assert!(!frame.to_string().is_empty());
        }
        Err(error) => {
            let code = error.close_code();
            assert!(
                matches!(code, VoiceCloseCode::DecodeFailed | VoiceCloseCode::BadRequest),
                "{code}"
            );
        }
    }
});

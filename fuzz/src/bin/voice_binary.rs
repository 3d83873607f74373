//! Binary frames of the voice gateway, in both directions: what is taken is written back byte for byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_fuzz::version_and_frame;
use voxhall_protocol::voice::{
    VoiceCloseCode, WireFrame, decode_client_binary, decode_server_binary, encode_client, encode_server,
};

fuzz_target!(|input: &[u8]| {
    let Some((version, bytes)) = version_and_frame(input) else {
        return;
    };
    match decode_client_binary(bytes) {
        Ok(frame) => assert_eq!(
            encode_client(version, &frame.message),
            WireFrame::Binary(bytes.to_vec())
        ),
        Err(error) => assert_eq!(error.close_code(), VoiceCloseCode::DecodeFailed),
    }
    if let Ok(frame) = decode_server_binary(version, bytes) {
        assert_eq!(frame.seq.is_some(), version.has_seq());
        assert_eq!(
            encode_server(version, &frame.message, frame.seq),
            WireFrame::Binary(bytes.to_vec())
        );
    }
});

//! STUN: who does not know the password is believed in neither direction, and every answer of ours can be read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use voxhall_transport::stun::{BindingRequest, BindingResponse, ErrorCode, TransactionId, write_success};

const PASSWORD: &str = "a password that no input knows";

fuzz_target!(|datagram: &[u8]| {
    let transaction = datagram.get(8..20).and_then(|id| id.try_into().ok());
    let transaction = TransactionId(transaction.unwrap_or_default());
    let response = BindingResponse::parse(datagram, transaction, PASSWORD);
    assert!(!matches!(response, Ok(BindingResponse::Success(_))));

    let Ok(request) = BindingRequest::parse(datagram) else {
        return;
    };
    assert!(request.check(PASSWORD).is_err());
    assert_eq!(request.transaction(), transaction);
    let mut out = vec![0; datagram.len() + 200];
    for code in [
        ErrorCode::BadRequest,
        ErrorCode::Unauthorized,
        ErrorCode::UnknownAttribute,
        ErrorCode::RoleConflict,
    ] {
        // Beyond 32 KiB nothing is written; no datagram that a server receives is that long.
        let Ok(length) = request.write_error(code, PASSWORD, &mut out) else {
            assert!(datagram.len() > 16_384);
            continue;
        };
        let read = BindingResponse::parse(&out[..length], transaction, PASSWORD);
        assert_eq!(read, Ok(BindingResponse::Refused(code.number())));
    }
    let source = "[2001:db8::7]:50123".parse().expect("an address");
    let length = write_success(transaction, source, PASSWORD, &mut out).expect("it fits");
    let read = BindingResponse::parse(&out[..length], transaction, PASSWORD);
    assert_eq!(read, Ok(BindingResponse::Success(source)));
});

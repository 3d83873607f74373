//! Transport compression, from Hello on.

use flate2::{Decompress, FlushDecompress};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, INTENTS, Server};

async fn binary(client: &mut Client) -> Vec<u8> {
    match client.frame().await {
        Message::Binary(bytes) => bytes.to_vec(),
        other => panic!("expected a compressed message, got {other:?}"),
    }
}

#[tokio::test]
async fn zlib_stream() {
    let server = Server::start().await;
    let mut client = server.dial("?v=10&encoding=json&compress=zlib-stream").await;
    let mut context = Decompress::new(true);
    let mut next = async |client: &mut Client| -> Value {
        let frame = binary(client).await;
        assert!(frame.ends_with(&[0, 0, 0xff, 0xff]));
        let mut out = Vec::with_capacity(1 << 20);
        context
            .decompress_vec(&frame, &mut out, FlushDecompress::Sync)
            .unwrap();
        serde_json::from_slice(&out).unwrap()
    };
    assert_eq!(next(&mut client).await["op"], 10);
    client
        .send(json!({"op": 2, "d": {"token": "z", "intents": INTENTS}}))
        .await;
    assert_eq!(next(&mut client).await["t"], "READY");
    assert_eq!(next(&mut client).await["t"], "GUILD_CREATE");
}

#[tokio::test]
async fn zstd_stream() {
    use std::io::Write as _;
    let server = Server::start().await;
    let mut client = server.dial("?v=10&encoding=json&compress=zstd-stream").await;
    let mut context = zstd::stream::write::Decoder::new(Vec::new()).unwrap();
    let mut next = async |client: &mut Client| -> Value {
        let frame = binary(client).await;
        context.write_all(&frame).unwrap();
        context.flush().unwrap();
        serde_json::from_slice(&std::mem::take(context.get_mut())).unwrap()
    };
    assert_eq!(next(&mut client).await["op"], 10);
    client
        .send(json!({"op": 2, "d": {"token": "z", "intents": INTENTS}}))
        .await;
    assert_eq!(next(&mut client).await["t"], "READY");
    assert_eq!(next(&mut client).await["t"], "GUILD_CREATE");
}

use flate2::{Compress, FlushCompress};
use voxhall_client::gateway::{
    Account, Compression, GatewayInput, GatewayOutput, GatewayReason, GatewayState,
};

use crate::story::{Story, dial};

fn frame(context: &mut Compress, message: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(message.len() + 1_024);
    context
        .compress_vec(message.as_bytes(), &mut frame, FlushCompress::Sync)
        .unwrap();
    frame
}

const HELLO: &str = r#"{"op":10,"d":{"heartbeat_interval":41250}}"#;
const READY: &str =
    r#"{"op":0,"t":"READY","s":1,"d":{"v":10,"user":{"id":"1","username":"b"},"session_id":"s"}}"#;

fn compressed() -> Story {
    Story::with(Account::VOICE_BOT, |config| {
        config.compression = Compression::ZlibStream
    })
}

#[test]
fn each_socket_has_a_stream_of_its_own() {
    let mut story = compressed();
    assert_eq!(
        dial(&story.take()),
        Some((None, "?v=10&encoding=json&compress=zlib-stream"))
    );
    for _ in 0..2 {
        let mut stream = Compress::new(flate2::Compression::default(), true);
        story.feed(GatewayInput::SocketOpened);
        story.feed(GatewayInput::Binary(&frame(&mut stream, HELLO)));
        story.feed(GatewayInput::Binary(&frame(&mut stream, READY)));
        assert_eq!(*story.machine.state(), GatewayState::Ready);
        story.closes(1006);
    }
}

#[test]
fn a_server_that_does_not_compress_is_understood_too() {
    let mut story = compressed();
    story.feed(GatewayInput::SocketOpened);
    story.says(HELLO);
    story.says(READY);
    assert_eq!(*story.machine.state(), GatewayState::Ready);
}

#[test]
fn a_damaged_stream_is_replaced_by_a_new_socket() {
    let mut story = compressed();
    let mut stream = Compress::new(flate2::Compression::default(), true);
    story.feed(GatewayInput::SocketOpened);
    story.feed(GatewayInput::Binary(&frame(&mut stream, HELLO)));
    story.feed(GatewayInput::Binary(&frame(&mut stream, READY)));
    story.take();
    story.feed(GatewayInput::Binary(b"\xff\xff\xff\xff\x00\x00\xff\xff"));
    let outputs = story.take();
    assert!(
        matches!(outputs[0], GatewayOutput::Close(_)) && dial(&outputs).is_some(),
        "{outputs:?}"
    );
    let damaged = |state: &GatewayState| {
        matches!(
            state,
            GatewayState::Reconnecting {
                reason: GatewayReason::Unreadable(_),
                ..
            }
        )
    };
    assert!(story.states.iter().any(damaged));
}

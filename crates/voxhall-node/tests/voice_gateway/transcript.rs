//! The complete minimal transcript of `voice-gateway.md`, appendix A.
//!
//! One deviation: op 4 names no `video_codec`, because the client lists none (`media-transport.md` section 10.6).

use serde_json::{Value, json};
use voxhall_node::core::Input;

use crate::world::{ALICE, BOB, MEDIA_SESSION, World, select};

const SESSION: &str = "8dc6698fb78a211003eed23498d35aaa";
const TOKEN: &str = "273acb23b05ad3bc";

#[test]
fn a_minimal_client_is_answered_line_by_line() {
    let mut world = World::new();
    let bob = world.identify("8", BOB);
    let bob_ssrc = world.last_ssrc();
    world.send(bob, 1, select());
    world.reissue(ALICE, |ticket| {
        ticket.session_id = SESSION.into();
        ticket.token = TOKEN.into();
    });

    let client = world.open("8");
    assert_eq!(
        world.received(client),
        [json!({"op":8,"d":{"v":8,"heartbeat_interval":13750}})]
    );

    world.text(client, r#"{"op":0,"d":{"server_id":"934828556603764816","user_id":"959467381011415120","session_id":"8dc6698fb78a211003eed23498d35aaa","token":"273acb23b05ad3bc","video":false,"streams":[]}}"#);
    let ssrc = world.last_ssrc();
    assert_eq!(
        world.received(client),
        [json!({"op":2,"d":{"ssrc":ssrc,"ip":"198.51.100.20","port":50001,
            "modes":["aead_aes256_gcm_rtpsize","aead_xchacha20_poly1305_rtpsize"],"experiments":[],"streams":[]}})]
    );

    world.text(client, r#"{"op":3,"d":{"t":1650483735947,"seq_ack":-1}}"#);
    assert_eq!(
        world.received(client),
        [json!({"op":6,"d":{"t":1_650_483_735_947_u64}})]
    );

    world.text(client, r#"{"op":1,"d":{"protocol":"udp","data":{"address":"203.0.113.7","port":50123,"mode":"aead_aes256_gcm_rtpsize"}}}"#);
    let mut frames = world.received(client);
    let key = frames[0]["d"]
        .as_object_mut()
        .unwrap()
        .remove("secret_key")
        .unwrap();
    assert_eq!(key.as_array().unwrap().len(), 32);
    assert_eq!(
        frames,
        [
            json!({"op":4,"d":{"audio_codec":"opus","media_session_id":MEDIA_SESSION,
                "mode":"aead_aes256_gcm_rtpsize","keyframe_interval":2000,"dave_protocol_version":0}}),
            json!({"op":11,"d":{"user_ids":["138397087229280257"]},"seq":0}),
            json!({"op":18,"d":{"user_id":"138397087229280257","flags":0},"seq":1}),
            json!({"op":20,"d":{"user_id":"138397087229280257","platform":0},"seq":2}),
            json!({"op":5,"d":{"user_id":"138397087229280257","ssrc":bob_ssrc,"speaking":0},"seq":3}),
        ]
    );

    world.send(client, 5, json!({"speaking":0,"delay":0,"ssrc":ssrc}));
    world.send(client, 5, json!({"speaking":1,"delay":0,"ssrc":ssrc}));
    world.text(client, r#"{"op":3,"d":{"t":1650483749697,"seq_ack":3}}"#);
    assert_eq!(
        world.received(client),
        [json!({"op":6,"d":{"t":1_650_483_749_697_u64}})]
    );

    world.lose(client);
    world.input(Input::Closed {
        connection: bob,
        goodbye: true,
    });
    let client = world.open("8");
    assert_eq!(
        world.received(client),
        [json!({"op":8,"d":{"v":8,"heartbeat_interval":13750}})]
    );
    world.text(client, r#"{"op":7,"d":{"server_id":"934828556603764816","session_id":"8dc6698fb78a211003eed23498d35aaa","token":"273acb23b05ad3bc","seq_ack":3}}"#);
    let frames: Vec<Value> = world.received(client);
    assert_eq!(
        frames,
        [
            json!({"op":9,"d":null}),
            json!({"op":13,"d":{"user_id":"138397087229280257"},"seq":4})
        ]
    );
}

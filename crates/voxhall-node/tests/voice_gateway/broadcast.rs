//! What members are told of each other.

use std::time::Duration;

use serde_json::{Value, json};
use voxhall_live::{Platform, TicketEnd};
use voxhall_node::core::Input;
use voxhall_sfu::Command;

use crate::world::{ALICE, BOB, CAROL, World, select};

fn video(ssrc: u32, active: bool) -> Value {
    json!({"audio_ssrc": 0, "video_ssrc": ssrc, "rtx_ssrc": ssrc + 1, "streams": [
        {"type": "video", "rid": "100", "ssrc": ssrc, "rtx_ssrc": ssrc + 1, "active": active, "quality": 100,
         "max_bitrate": 2_500_000, "max_framerate": 20,
         "max_resolution": {"type": "fixed", "width": 1280, "height": 720}}]})
}

fn data(frames: &[Value]) -> Vec<(u64, Value)> {
    frames
        .iter()
        .map(|frame| (frame["op"].as_u64().unwrap(), frame["d"].clone()))
        .collect()
}

#[test]
fn a_newcomer_is_told_who_is_there_after_its_session_description() {
    let mut world = World::new();
    let bob = world.identify("8", BOB);
    let bob_ssrc = world.last_ssrc();
    world.send(bob, 1, select());
    world.send(bob, 5, json!({"speaking": 1, "delay": 5, "ssrc": bob_ssrc}));
    world.send(bob, 12, video(bob_ssrc + 3, true));
    world.join("8", CAROL);
    let alice = world.identify("8", ALICE);
    assert_eq!(world.ops(alice), [8, 2], "songbird drops what comes before op 4");
    world.send(alice, 1, select());
    let told = data(&world.received(alice));
    assert_eq!(told[0].0, 4);
    assert_eq!(told[1], (15, json!({"any": 100})));
    assert_eq!(told[2], (11, json!({"user_ids": [CAROL, BOB]})));
    assert_eq!(told[3], (18, json!({"user_id": CAROL, "flags": 0})));
    assert_eq!(told[4], (20, json!({"user_id": CAROL, "platform": 0})));
    assert_eq!(told[5].1["speaking"], 0);
    assert_eq!(told[6].0, 18);
    assert_eq!(told[7].0, 20);
    assert_eq!(
        told[8],
        (5, json!({"user_id": BOB, "ssrc": bob_ssrc, "speaking": 1}))
    );
    assert_eq!(
        told[9],
        (
            12,
            json!({"user_id": BOB, "audio_ssrc": bob_ssrc, "video_ssrc": bob_ssrc + 3, "rtx_ssrc": bob_ssrc + 4,
            "streams": [{"type": "video", "rid": "100", "ssrc": bob_ssrc + 3, "rtx_ssrc": bob_ssrc + 4,
                "active": true, "quality": 100, "max_framerate": 20,
                "max_resolution": {"type": "fixed", "width": 1280, "height": 720}}]})
        )
    );
    assert_eq!(told.len(), 10);
}

#[test]
fn the_others_are_told_of_a_newcomer_once_it_has_identified() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    world.reissue(ALICE, |ticket| {
        ticket.flags = 3;
        ticket.platform = Platform::Mobile;
    });
    let alice = world.open("8");
    world.send(alice, 0, crate::world::identify(ALICE));
    let expected = [
        json!({"op": 11, "d": {"user_ids": [ALICE]}, "seq": 1}),
        json!({"op": 18, "d": {"user_id": ALICE, "flags": 3}, "seq": 2}),
        json!({"op": 20, "d": {"user_id": ALICE, "platform": 1}, "seq": 3}),
    ];
    assert_eq!(world.received(bob), expected, "0 was the initial op 15");
    world.send(alice, 1, select());
    world.send(alice, 5, json!({"speaking": 0}));
    assert_eq!(
        world.ops(bob),
        [5],
        "the first op 5 is told even if it says silence: it names the SSRC"
    );
}

#[test]
fn speaking_is_told_when_it_changes_in_each_receivers_dialect() {
    let mut world = World::new();
    let old = world.join("3", BOB);
    let new = world.join("8", CAROL);
    let alice = world.join("8", ALICE);
    world.forget();
    world.send(alice, 5, json!({"speaking": 5, "user_id": null}));
    let to_old = world.received(old);
    assert_eq!(to_old[0]["d"]["speaking"], true);
    assert!(to_old[0].get("seq").is_none());
    let to_new = world.received(new);
    assert_eq!(to_new[0]["d"]["speaking"], 5);
    assert_eq!(to_new[0]["d"]["user_id"], json!(ALICE));
    assert!(to_new[0]["seq"].is_u64());
    world.send(alice, 5, json!({"speaking": 5}));
    assert_eq!(world.received(new), Vec::<Value>::new(), "nothing changed");
    assert_eq!(
        world.received(alice),
        Vec::<Value>::new(),
        "nobody is told of itself"
    );
}

#[test]
fn foreign_ssrcs_are_ignored() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let alice = world.identify("8", ALICE);
    let ssrc = world.last_ssrc();
    world.send(alice, 1, select());
    world.forget();
    world.send(alice, 5, json!({"speaking": 1, "ssrc": ssrc + 1}));
    world.send(alice, 12, video(ssrc + 100, true));
    assert_eq!(world.received(bob), Vec::<Value>::new());
    assert_eq!(
        world.commands.len(),
        1,
        "the worker learns that nothing is published"
    );
    assert_eq!(world.close_code(alice), None);
}

#[test]
fn the_priority_bit_needs_the_permission() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let alice = world.join("8", ALICE);
    world.forget();
    world.reissue(ALICE, |ticket| ticket.permissions.priority = false);
    world.send(alice, 5, json!({"speaking": 5}));
    assert_eq!(world.received(bob)[0]["d"]["speaking"], 1);
    world.issue(ALICE);
    assert_eq!(
        world.received(bob)[0]["d"]["speaking"],
        5,
        "told anew when the permission comes"
    );
}

#[test]
fn video_is_told_when_it_changes_and_reaches_the_worker() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let alice = world.identify("8", ALICE);
    let ssrc = world.last_ssrc();
    world.send(alice, 1, select());
    world.forget();
    let nothing = json!({"audio_ssrc": 0, "video_ssrc": 0, "rtx_ssrc": 0, "streams": [
        {"type": "video", "rid": "100", "ssrc": 0, "active": false, "quality": 100, "rtx_ssrc": 0}]});
    world.send(alice, 12, nothing.clone());
    assert_eq!(
        world.received(bob),
        Vec::<Value>::new(),
        "nothing was published before either"
    );
    world.send(alice, 12, video(ssrc + 3, true));
    let told = world.received(bob);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["d"]["audio_ssrc"], ssrc, "never 0");
    world.send(alice, 12, video(ssrc + 3, true));
    assert_eq!(world.received(bob), Vec::<Value>::new());
    world.send(alice, 12, nothing);
    assert_eq!(world.received(bob)[0]["d"]["video_ssrc"], 0);
    let layers: Vec<usize> = world
        .commands
        .iter()
        .filter_map(|(_, command)| match command {
            Command::Publish { video, .. } => Some(video.layers.len()),
            _ => None,
        })
        .collect();
    assert_eq!(layers, [0, 1, 0]);
}

#[test]
fn without_the_permission_nobody_is_told_of_video() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    world.reissue(ALICE, |ticket| ticket.permissions.video = false);
    let alice = world.open("8");
    world.send(alice, 0, crate::world::identify(ALICE));
    let ssrc = world.last_ssrc();
    world.send(alice, 1, select());
    world.forget();
    world.send(alice, 12, video(ssrc + 1, true));
    assert_eq!(world.received(bob), Vec::<Value>::new());
    world.issue(ALICE);
    assert_eq!(world.received(bob)[0]["d"]["video_ssrc"], ssrc + 1);
    world.reissue(ALICE, |ticket| ticket.permissions.video = false);
    assert_eq!(world.received(bob)[0]["d"]["video_ssrc"], 0);
}

#[test]
fn a_goodbye_ends_the_session_at_once() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let alice = world.join("8", ALICE);
    world.forget();
    world.input(Input::Closed {
        connection: alice,
        goodbye: true,
    });
    assert_eq!(data(&world.received(bob)), [(13, json!({"user_id": ALICE}))]);
    assert!(matches!(world.commands[..], [(_, Command::RemoveMember { .. })]));
}

#[test]
fn a_lost_socket_is_told_after_the_resume_window_and_leaves_no_ghost() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let alice = world.join("8", ALICE);
    world.forget();
    world.lose(alice);
    for _ in 0..5 {
        world.pass(Duration::from_secs(10));
        world.send(bob, 3, json!({"t": 1}));
    }
    assert_eq!(world.ops(bob), [6; 5], "she still counts as present");
    world.pass(Duration::from_secs(10));
    assert_eq!(world.ops(bob), [13]);
    assert_eq!(world.core.stats().sessions, 1);
    let newcomer = world.join("8", ALICE);
    assert_eq!(world.close_code(newcomer), None);
}

#[test]
fn who_is_thrown_out_is_gone_for_the_others_at_once() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    let alice = world.join("8", ALICE);
    world.forget();
    world.end_ticket(ALICE, TicketEnd::Disconnected);
    assert_eq!(world.ops(bob), [13]);
    world.send(alice, 5, json!({"speaking": 1}));
    world.send(alice, 3, json!({"t": 1}));
    assert_eq!(world.ops(alice), [6], "only heartbeats are still answered");
    assert_eq!(world.ops(bob), Vec::<u64>::new());
}

#[test]
fn codecs_are_chosen_anew_when_somebody_comes_or_goes() {
    let mut world = World::new();
    let alice = world.join("8", ALICE);
    let carol = world.identify("8", CAROL);
    world.received(carol);
    let firefox = json!({"protocol": "udp",
        "data": {"address": "1.2.3.4", "port": 5, "mode": "aead_aes256_gcm_rtpsize"},
        "codecs": [{"name": "VP8", "type": "video", "priority": 1000, "payload_type": 120, "rtx_payload_type": 124}]});
    world.received(alice);
    world.send(carol, 1, firefox);
    assert_eq!(world.received(carol)[0]["d"]["video_codec"], "VP8");
    assert_eq!(
        data(&world.received(alice)),
        [(14, json!({"video_codec": "VP8"}))]
    );
    world.input(Input::Closed {
        connection: carol,
        goodbye: true,
    });
    assert_eq!(
        data(&world.received(alice))[1],
        (14, json!({"video_codec": "H264"}))
    );
    let only_vp8 = json!({"codecs": [
        {"name": "VP8", "type": "video", "priority": 1000, "payload_type": 107, "rtx_payload_type": 108}]});
    world.forget();
    world.send(alice, 14, only_vp8);
    assert_eq!(
        data(&world.received(alice)),
        [(14, json!({"video_codec": "VP8"}))]
    );
    assert!(matches!(
        world.commands[..],
        [(_, Command::SetPayloadTypes { .. })]
    ));
}

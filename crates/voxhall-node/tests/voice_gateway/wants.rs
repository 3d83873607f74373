//! Media Sink Wants: from each receiver to the worker, and together to the publisher.

use serde_json::{Value, json};
use voxhall_node::core::{ConnectionId, Input};
use voxhall_protocol::voice::Ssrc;
use voxhall_sfu::Command;

use crate::world::{ALICE, BOB, CAROL, World, select};

/// Alice publishes one layer of at most 1280 × 720; gives her socket and the layer's SSRC.
fn publish(world: &mut World, version: &str) -> (ConnectionId, u32) {
    let alice = world.identify(version, ALICE);
    let layer = world.last_ssrc() + 3;
    world.send(alice, 1, select());
    let video = json!({"audio_ssrc": layer - 3, "video_ssrc": layer, "rtx_ssrc": layer + 1, "streams": [
        {"rid": "100", "ssrc": layer, "active": true, "quality": 100,
         "max_resolution": {"type": "fixed", "width": 1280, "height": 720}}]});
    world.send(alice, 12, video);
    world.forget();
    (alice, layer)
}

fn asked(world: &mut World, publisher: ConnectionId) -> Vec<Value> {
    let frames = world.received(publisher);
    frames
        .into_iter()
        .filter(|frame| frame["op"] == 15)
        .map(|frame| frame["d"].clone())
        .collect()
}

#[test]
fn the_publisher_is_asked_for_the_most_anyone_wants_and_only_when_it_changes() {
    let mut world = World::new();
    let (alice, layer) = publish(&mut world, "8");
    let bob = world.join("8", BOB);
    assert_eq!(
        asked(&mut world, alice),
        Vec::<Value>::new(),
        "everything was asked for from the start"
    );
    world.send(bob, 15, json!({"any": 100, layer.to_string(): 0}));
    assert_eq!(
        asked(&mut world, alice),
        [json!({"any": 100, layer.to_string(): 0})]
    );
    world.send(bob, 15, json!({"any": 100, layer.to_string(): 0, "77": 50}));
    assert_eq!(asked(&mut world, alice), Vec::<Value>::new());
    let carol = world.join("5", CAROL);
    assert_eq!(
        asked(&mut world, alice),
        Vec::<Value>::new(),
        "thrown away with the join"
    );
    world.send(carol, 15, json!({"any": 100, layer.to_string(): 50}));
    assert_eq!(
        asked(&mut world, alice),
        [json!({"any": 100, layer.to_string(): 50})]
    );
    world.send(carol, 15, json!({"any": 0}));
    assert_eq!(
        asked(&mut world, alice),
        [json!({"any": 100, layer.to_string(): 0})]
    );
    world.input(Input::Closed {
        connection: bob,
        goodbye: true,
    });
    assert_eq!(
        asked(&mut world, alice),
        [json!({"any": 0})],
        "only carol is left, who wants nothing"
    );
    world.input(Input::Closed {
        connection: carol,
        goodbye: true,
    });
    assert_eq!(
        asked(&mut world, alice),
        Vec::<Value>::new(),
        "nobody is left to want anything else"
    );
}

#[test]
fn pixel_counts_are_clamped_to_the_layer() {
    let mut world = World::new();
    let (alice, layer) = publish(&mut world, "8");
    let bob = world.join("8", BOB);
    let layer = layer.to_string();
    world.send(bob, 15, json!({"any": 100, "pixelCounts": {&layer: 230_400.0}}));
    assert_eq!(
        asked(&mut world, alice),
        [json!({"any": 100, "pixelCounts": {&layer: 230_400}})]
    );
    world.send(bob, 15, json!({"any": 100, "pixelCounts": {&layer: 1e300}}));
    assert_eq!(
        asked(&mut world, alice),
        [json!({"any": 100, "pixelCounts": {&layer: 921_600}})]
    );
}

#[test]
fn the_worker_is_told_each_receivers_wants() {
    let mut world = World::new();
    let bob = world.join("8", BOB);
    world.send(
        bob,
        15,
        json!({"any": 0, "5": 100, "7": 300, "x": 3, "pixelCounts": {"5": 100.7}}),
    );
    let [(_, Command::SetWants { wants, .. })] = &world.commands[..] else {
        panic!("{:?}", world.commands);
    };
    assert_eq!((wants.quality(Ssrc(5)), wants.quality(Ssrc(7))), (100, 0));
    assert_eq!(wants.pixels(Ssrc(5)), Some(100));
}

#[test]
fn below_version_5_nothing_is_asked_and_nothing_is_taken() {
    let mut world = World::new();
    let (alice, layer) = publish(&mut world, "4");
    let bob = world.join("8", BOB);
    world.send(bob, 15, json!({"any": 0}));
    assert_eq!(asked(&mut world, alice), Vec::<Value>::new());
    world.forget();
    world.send(alice, 15, json!({layer.to_string(): 0}));
    assert!(world.commands.is_empty());
    assert_eq!(world.close_code(alice), None);
}

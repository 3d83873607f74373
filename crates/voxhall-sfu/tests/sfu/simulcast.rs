//! Each viewer gets the layer it wants, changes layers at keyframes, and sees no gap where there was a pause.

use crate::common::{DELTA, H264, KEYFRAME, ROOM, World, codec, native_codecs};
use voxhall_protocol::voice::{CodecName, EncryptionMode};
use voxhall_sfu::Wants;
use voxhall_transport::extension::ExtensionKind;

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const LOW: usize = 0;
const HIGH: usize = 1;

/// A publisher of two layers and a viewer.
fn stage() -> (World, usize, usize) {
    let mut world = World::new();
    let publisher = world.join_with(ROOM, MODE, 2, &native_codecs(), false);
    let viewer = world.join();
    world.publish(publisher, &[50, 100]);
    (world, publisher, viewer)
}

/// A packet of each layer.
fn film_both(world: &mut World, publisher: usize, sequence: u16, payload: &[u8]) {
    world.film(publisher, LOW, sequence, true, payload);
    world.film(publisher, HIGH, sequence, true, payload);
    world.settle();
}

#[test]
fn by_default_the_best_layer_and_only_that() {
    let (mut world, publisher, viewer) = stage();
    film_both(&mut world, publisher, 1, KEYFRAME);
    let [low, high] = world.clients[publisher].layers[..] else {
        panic!("two layers")
    };
    assert_eq!(world.clients[viewer].sequences(low).len(), 0);
    assert_eq!(world.clients[viewer].sequences(high), [1]);
}

#[test]
fn layers_change_at_a_keyframe_of_the_new_one() {
    let (mut world, publisher, viewer) = stage();
    let [low, high] = world.clients[publisher].layers[..] else {
        panic!("two layers")
    };
    film_both(&mut world, publisher, 1, KEYFRAME);
    world.want(viewer, Wants::any(50));
    film_both(&mut world, publisher, 2, DELTA);
    assert_eq!(
        world.clients[viewer].sequences(high),
        [1, 2],
        "until then the old one"
    );
    film_both(&mut world, publisher, 3, KEYFRAME);
    film_both(&mut world, publisher, 4, DELTA);
    assert_eq!(world.clients[viewer].sequences(low), [3, 4]);
    assert_eq!(world.clients[viewer].sequences(high), [1, 2]);
}

#[test]
fn a_pause_leaves_no_gap_in_the_numbers() {
    let (mut world, publisher, viewer) = stage();
    let high = world.clients[publisher].layers[HIGH];
    film_both(&mut world, publisher, 10, KEYFRAME);
    world.want(viewer, Wants::any(0));
    for sequence in 11..20 {
        film_both(&mut world, publisher, sequence, DELTA);
    }
    assert_eq!(world.clients[viewer].sequences(high), [10]);
    world.want(viewer, Wants::any(100));
    film_both(&mut world, publisher, 20, KEYFRAME);
    film_both(&mut world, publisher, 21, DELTA);
    assert_eq!(world.clients[viewer].sequences(high), [10, 11, 12]);
}

#[test]
fn viewers_are_served_each_by_its_own_wants() {
    let (mut world, publisher, viewer) = stage();
    let (second, third) = (world.join(), world.join());
    let [low, high] = world.clients[publisher].layers[..] else {
        panic!("two layers")
    };
    world.want(viewer, Wants::any(0).with_quality(low, 100));
    world.want(second, Wants::any(0));
    film_both(&mut world, publisher, 1, KEYFRAME);
    let got = |client: usize| {
        (
            world.clients[client].sequences(low).len(),
            world.clients[client].sequences(high).len(),
        )
    };
    assert_eq!([got(viewer), got(second), got(third)], [(1, 0), (0, 0), (0, 1)]);
}

#[test]
fn when_a_layer_ends_its_viewers_go_to_the_next_at_once() {
    let (mut world, publisher, viewer) = stage();
    let low = world.clients[publisher].layers[LOW];
    film_both(&mut world, publisher, 1, KEYFRAME);
    world.publish(publisher, &[50, 0]);
    world.film(publisher, LOW, 2, true, DELTA);
    world.settle();
    assert_eq!(world.clients[viewer].sequences(low), [2]);
}

#[test]
fn payload_types_are_the_viewers_and_unknown_codecs_are_not_sent() {
    let (mut world, publisher, _) = stage();
    let other_numbers = [
        codec(CodecName::Opus, 111, None),
        codec(CodecName::H264, 103, Some(104)),
    ];
    let renumbered = world.join_with(ROOM, MODE, 0, &other_numbers, false);
    let unable = world.join_with(ROOM, MODE, 0, &[codec(CodecName::Vp8, H264, None)], false);
    let high = world.clients[publisher].layers[HIGH];
    film_both(&mut world, publisher, 1, KEYFRAME);
    assert_eq!(world.clients[renumbered].rtp()[0].payload_type().number(), 103);
    assert!(world.clients[renumbered].rtp()[0].marker());
    assert_eq!(world.clients[unable].sequences(high).len(), 0);
}

#[test]
fn every_video_packet_has_a_playout_delay() {
    let (mut world, publisher, viewer) = stage();
    film_both(&mut world, publisher, 1, KEYFRAME);
    let packets = world.clients[viewer].rtp();
    let block = packets[0].extensions().expect("it was added");
    assert_eq!(
        block.find(ExtensionKind::PlayoutDelay.native_id()),
        Some(&[0, 0, 0][..])
    );
}

#[test]
fn who_deafens_itself_still_sees_and_who_is_deafened_does_not() {
    for (see, packets) in [(true, 1), (false, 0)] {
        let (mut world, publisher, viewer) = stage();
        let permissions = voxhall_sfu::MediaPermissions {
            hear: false,
            see,
            ..Default::default()
        };
        world.permit(viewer, permissions);
        film_both(&mut world, publisher, 1, KEYFRAME);
        assert_eq!(world.clients[viewer].rtp().len(), packets);
    }
}

#[test]
fn a_publisher_that_begins_its_numbers_anew_is_seen_on() {
    let (mut world, publisher, viewer) = stage();
    let high = world.clients[publisher].layers[HIGH];
    film_both(&mut world, publisher, 40_000, KEYFRAME);
    world.run(std::time::Duration::from_millis(200));
    for sequence in [20_000, 20_001] {
        film_both(&mut world, publisher, sequence, KEYFRAME);
    }
    assert_eq!(world.clients[viewer].sequences(high), [40_000, 40_001, 40_002]);
}

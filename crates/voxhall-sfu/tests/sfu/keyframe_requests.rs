//! A publisher is asked for a keyframe when somebody needs one, and not more than twice a second.

use std::time::Duration;

use crate::common::{KEYFRAME, World};
use voxhall_protocol::voice::Ssrc;
use voxhall_sfu::{PublishedVideo, Wants};
use voxhall_transport::rtcp::FirEntry;

fn stage() -> (World, usize, usize, Ssrc) {
    let mut world = World::new();
    let (publisher, viewer) = (world.join(), world.join());
    world.publish(publisher, &[100]);
    world.settle();
    let ssrc = world.clients[publisher].layers[0];
    assert_eq!(
        world.clients[publisher].keyframe_requests(ssrc),
        1,
        "there is somebody to see it"
    );
    world.film(publisher, 0, 1, true, KEYFRAME);
    world.settle();
    world.run(Duration::from_secs(1));
    world.clear();
    (world, publisher, viewer, ssrc)
}

fn ask(world: &mut World, viewer: usize, ssrc: Ssrc) {
    let sender = world.clients[viewer].audio;
    world.control(viewer, |writer| {
        writer.picture_loss_indication(sender, ssrc).unwrap()
    });
    world.settle();
}

#[test]
fn a_newcomer_needs_one() {
    let (mut world, publisher, _, ssrc) = stage();
    world.join();
    world.settle();
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 1);
}

#[test]
fn a_want_that_rises_from_nothing_needs_one() {
    let (mut world, publisher, viewer, ssrc) = stage();
    world.want(viewer, Wants::any(0));
    world.settle();
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 0);
    world.want(viewer, Wants::any(100));
    world.settle();
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 1);
    world.run(Duration::from_secs(1));
    world.want(viewer, Wants::any(99));
    world.settle();
    assert_eq!(
        world.clients[publisher].keyframe_requests(ssrc),
        1,
        "it gets the layer already"
    );
}

#[test]
fn requests_of_many_viewers_are_one() {
    let (mut world, publisher, viewer, ssrc) = stage();
    let others: Vec<usize> = (0..5).map(|_| world.join()).collect();
    world.run(Duration::from_secs(1));
    world.clear();
    for &asker in others.iter().chain([&viewer]) {
        ask(&mut world, asker, ssrc);
    }
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 1);
    world.run(Duration::from_millis(499));
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 1);
    world.run(Duration::from_millis(2));
    assert_eq!(
        world.clients[publisher].keyframe_requests(ssrc),
        2,
        "those who came too soon are not forgotten"
    );
    world.run(Duration::from_secs(5));
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 2);
}

#[test]
fn a_full_intra_request_counts_as_one() {
    let (mut world, publisher, viewer, ssrc) = stage();
    let sender = world.clients[viewer].audio;
    let entries = [FirEntry {
        media: ssrc,
        command: 7,
    }];
    world.control(viewer, |writer| {
        writer.full_intra_request(sender, &entries).unwrap()
    });
    world.settle();
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 1);
}

#[test]
fn who_does_not_watch_cannot_ask() {
    let (mut world, publisher, viewer, ssrc) = stage();
    world.want(viewer, Wants::any(0));
    ask(&mut world, viewer, ssrc);
    let stranger = world.join_with(
        voxhall_sfu::RoomId(2),
        voxhall_protocol::voice::EncryptionMode::AeadAes256GcmRtpsize,
        0,
        &crate::common::native_codecs(),
        false,
    );
    ask(&mut world, stranger, ssrc);
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 0);
}

#[test]
fn nobody_is_asked_after_the_video_ended() {
    let (mut world, publisher, viewer, ssrc) = stage();
    ask(&mut world, viewer, ssrc);
    ask(&mut world, viewer, ssrc);
    let member = world.clients[publisher].id;
    world.command(voxhall_sfu::Command::Publish {
        member,
        video: PublishedVideo::default(),
    });
    world.run(Duration::from_secs(2));
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 1);
}

#[test]
fn a_viewer_that_can_be_reached_at_last_needs_one() {
    let (mut world, publisher, _, ssrc) = stage();
    let late = world.add(
        crate::common::ROOM,
        0,
        voxhall_protocol::voice::EncryptionMode::AeadAes256GcmRtpsize,
    );
    world.run(Duration::from_secs(1));
    world.clear();
    world.connect(late, &crate::common::native_codecs(), false);
    world.settle();
    assert_eq!(
        world.clients[publisher].keyframe_requests(ssrc),
        0,
        "where it is, nobody knows"
    );
    world.discover(late);
    world.settle();
    assert_eq!(world.clients[publisher].keyframe_requests(ssrc), 1);
}

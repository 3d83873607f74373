//! A browser gets all layers of a publisher as one stream, so their pictures have one count, whatever each layer counts
//! itself. UDP clients get each layer as it is.

use std::time::Duration;

use str0m::media::MediaKind;
use voxhall_media::payload::PictureIndices;
use voxhall_media::video::VideoCodec;
use voxhall_protocol::voice::EncryptionMode;
use voxhall_sfu::{Command, Wants};

use crate::common::{ROOM, VP8, World, native_codecs};

const MODE: EncryptionMode = EncryptionMode::AeadAes256GcmRtpsize;
const FRAME: Duration = Duration::from_millis(33);
/// What the layers count from: picture ids, and indices of base layer pictures.
const FIRST_IDS: [u16; 2] = [0x7FF0, 1_234];
const FIRST_BASES: [u8; 2] = [250, 17];

/// A publisher of two layers, a browser and a UDP client that watch.
struct Stage {
    world: World,
    publisher: usize,
    browser: usize,
    client: usize,
    frame: u16,
}

impl Stage {
    fn new() -> Self {
        let mut world = World::for_browsers();
        let publisher = world.join_with(ROOM, MODE, 2, &native_codecs(), false);
        let client = world.join();
        let browser = world.browse();
        world.publish(publisher, &[50, 100]);
        for layer in world.clients[publisher].layers.clone() {
            world.browsers[browser].expect(MediaKind::Video, layer);
        }
        Self {
            world,
            publisher,
            browser,
            client,
            frame: 0,
        }
    }

    /// Films so many pictures of two packets, of which the first is a keyframe.
    fn film(&mut self, pictures: u16) {
        for picture in 0..pictures {
            for layer in [0, 1] {
                let [high, low] = FIRST_IDS[layer].wrapping_add(self.frame).to_be_bytes();
                let base = FIRST_BASES[layer].wrapping_add(self.frame as u8);
                let kind = u8::from(picture != 0);
                for (packet, first) in [(0, 0x10), (1, 0)] {
                    let payload = [
                        0x80 | first,
                        0xE0,
                        0x80 | high,
                        low,
                        base,
                        0x20,
                        kind,
                        layer as u8,
                        self.frame as u8,
                    ];
                    let sequence = 2 * self.frame + packet;
                    let (world, publisher) = (&mut self.world, self.publisher);
                    world.film_in(VP8, publisher, layer, sequence, packet == 1, &payload);
                }
            }
            self.frame += 1;
            self.world.run(FRAME);
        }
    }

    fn browser_wants(&mut self, wants: Wants) {
        let member = self.world.browsers[self.browser].id;
        self.world.command(Command::SetWants { member, wants });
        self.world.settle();
    }

    /// What the browser got: which layer, picture id, index, and the publisher's frame; in the order of arrival.
    fn seen(&self) -> Vec<(u8, u16, u8, u8)> {
        let stream = self.world.clients[self.publisher].layers[1];
        let payloads = self.world.browsers[self.browser].payloads(stream);
        payloads.iter().map(|payload| told(payload)).collect()
    }
}

fn told(payload: &[u8]) -> (u8, u16, u8, u8) {
    let indices = PictureIndices::parse(VideoCodec::Vp8, payload).expect("there are some");
    (
        payload[7],
        indices.id().unwrap(),
        indices.base().unwrap(),
        payload[8],
    )
}

/// That each picture has two packets, and that its numbers follow those of the one before.
#[track_caller]
fn count_on(seen: &[(u8, u16, u8, u8)]) {
    for pair in seen.chunks(2) {
        assert_eq!(pair[0], pair[1], "of one picture");
    }
    for pair in seen.chunks(2).collect::<Vec<_>>().windows(2) {
        let (before, next) = (pair[0][0], pair[1][0]);
        let follows = next.1 == (before.1 + 1) & 0x7FFF && next.2 == before.2.wrapping_add(1);
        assert!(follows, "{next:?} after {before:?}");
    }
}

#[test]
fn picture_ids_count_on_when_the_layer_changes_and_after_a_pause() {
    let mut stage = Stage::new();
    stage.film(10);
    stage.browser_wants(Wants::any(50));
    stage.film(10);
    stage.browser_wants(Wants::any(0));
    stage.film(10);
    stage.browser_wants(Wants::any(100));
    stage.film(10);
    let seen = stage.seen();
    let layers: Vec<u8> = seen.iter().step_by(2).map(|(layer, ..)| *layer).collect();
    assert_eq!(layers, [[1; 10], [0; 10], [1; 10]].concat());
    assert_eq!(seen[0].1, FIRST_IDS[1], "at first nothing is changed");
    count_on(&seen);
}

#[test]
fn what_is_sent_again_has_the_ids_that_it_had_first() {
    let mut stage = Stage::new();
    stage.film(5);
    stage.browser_wants(Wants::any(50));
    stage.film(1);
    for _ in 0..4 {
        stage.world.browsers[stage.browser].lose_next = 1;
        stage.film(5);
    }
    stage.world.run(Duration::from_secs(1));
    assert_eq!(stage.world.stats().retransmitted, 4);
    let mut seen = stage.seen();
    assert_eq!(seen.len(), 2 * 26);
    seen.sort_by_key(|(.., frame)| *frame);
    count_on(&seen);
}

#[test]
fn who_gets_each_layer_by_its_name_gets_it_as_it_is() {
    let mut stage = Stage::new();
    let member = stage.world.clients[stage.client].id;
    for quality in [100, 50, 100] {
        let wants = Wants::any(quality);
        stage.browser_wants(wants.clone());
        stage.world.command(Command::SetWants { member, wants });
        stage.film(10);
    }
    for layer in [0, 1] {
        let ssrc = stage.world.clients[stage.publisher].layers[layer];
        let payloads = stage.world.clients[stage.client].payloads(ssrc);
        assert!(payloads.len() >= 20);
        for payload in payloads {
            let (of, id, base, frame) = told(&payload);
            assert_eq!(usize::from(of), layer);
            assert_eq!(id, FIRST_IDS[layer].wrapping_add(u16::from(frame)) & 0x7FFF);
            assert_eq!(base, FIRST_BASES[layer].wrapping_add(frame));
        }
    }
    count_on(&stage.seen());
}

#[test]
fn damaged_descriptors_pass_as_they_are() {
    let mut stage = Stage::new();
    stage.film(5);
    stage.browser_wants(Wants::any(50));
    stage.film(5);
    let stream = stage.world.clients[stage.publisher].layers[1];
    let before = stage.world.browsers[stage.browser].payloads(stream).len();
    let damaged = [&[0x90, 0xF0, 0x92][..], &[0x90], &[0x90, 0x80]];
    for (payload, sequence) in damaged.iter().zip(2 * stage.frame..) {
        stage
            .world
            .film_in(VP8, stage.publisher, 0, sequence, true, payload);
        stage.world.run(FRAME);
    }
    let payloads = stage.world.browsers[stage.browser].payloads(stream);
    assert_eq!(payloads[before..], damaged);
}

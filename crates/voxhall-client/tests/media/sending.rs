use voxhall_client::{TrackHandle, TrackState};
use voxhall_media::opus::SILENCE;
use voxhall_media::source::{AudioFrame, AudioSource};
use voxhall_protocol::voice::{EncryptionMode, Message, SpeakingFlags};

use crate::server::{PATIENCE, Packet, Server, connect};

/// Yields numbered packets of 20 ms, so that a test can tell them apart.
struct Numbered(std::ops::Range<u8>);

impl AudioSource for Numbered {
    fn next_frame(&mut self) -> voxhall_media::Result<Option<AudioFrame>> {
        let packet = |number: u8| AudioFrame::new(numbered(number).into()).map_err(Into::into);
        self.0.next().map(packet).transpose()
    }
}

/// A legal Opus packet (full-band CELT, 20 ms, one frame) with `number` in it.
fn numbered(number: u8) -> Vec<u8> {
    vec![0xF8, number, 2, 3, 4, 5]
}

async fn packets(server: &mut Server, count: usize) -> Vec<Packet> {
    let mut packets = Vec::new();
    for _ in 0..count {
        packets.push(server.packet().await);
    }
    packets
}

async fn end_of(track: &TrackHandle) -> TrackState {
    tokio::time::timeout(PATIENCE, track.finished()).await.unwrap()
}

async fn next_flags(server: &mut Server) -> SpeakingFlags {
    match tokio::time::timeout(PATIENCE, server.said.recv()).await.unwrap() {
        Some(Message::Speaking(speaking)) => speaking.speaking,
        other => panic!("{other:?} instead of Speaking"),
    }
}

#[tokio::test]
async fn what_is_played_arrives_packet_for_packet_in_every_mode() {
    for mode in EncryptionMode::ALL
        .into_iter()
        .filter(|mode| *mode != EncryptionMode::Plain)
    {
        let (connection, mut server) = connect(mode).await;
        let track = connection.play(Numbered(0..4));
        let packets = packets(&mut server, 9).await;
        let payloads: Vec<_> = packets.iter().map(|packet| packet.payload.clone()).collect();
        let expected: Vec<_> = (0..4)
            .map(numbered)
            .chain((0..5).map(|_| SILENCE.to_vec()))
            .collect();
        assert_eq!(payloads, expected, "{mode}: four packets and five of silence");
        for pair in packets.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "{mode}");
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(960), "{mode}");
        }
        assert_eq!(end_of(&track).await, TrackState::Finished);
        assert_eq!(track.position().as_millis(), 80);
        connection.leave().await;
        assert_eq!(connection.statistics().media.packets_sent, 9);
    }
}

#[tokio::test]
async fn op_5_goes_with_every_talk_spurt() {
    let (connection, mut server) = connect(EncryptionMode::AeadAes256GcmRtpsize).await;
    assert_eq!(
        next_flags(&mut server).await,
        SpeakingFlags::NONE,
        "once after Session Description"
    );
    for _ in 0..2 {
        connection.play(Numbered(0..2));
        assert_eq!(next_flags(&mut server).await, SpeakingFlags::VOICE);
        packets(&mut server, 7).await;
        assert_eq!(next_flags(&mut server).await, SpeakingFlags::NONE);
    }
}

#[tokio::test]
async fn a_pause_keeps_the_place_and_time_runs_on() {
    let (connection, mut server) = connect(EncryptionMode::AeadXchacha20Poly1305Rtpsize).await;
    let track = connection.play(Numbered(0..200));
    let before = packets(&mut server, 3).await;
    track.pause();
    let mut last = before[2].clone();
    let mut heard = before.len();
    let mut silences = 0;
    while silences < 5 {
        last = server.packet().await;
        if last.payload == SILENCE {
            silences += 1
        } else {
            heard += 1
        }
    }
    assert_eq!(track.state(), TrackState::Paused);
    track.resume();
    let next = server.packet().await;
    assert_eq!(next.payload, numbered(heard as u8), "where it was");
    assert_eq!(
        next.sequence,
        last.sequence.wrapping_add(1),
        "no gap in sequence numbers"
    );
    let gap = next.timestamp.wrapping_sub(last.timestamp);
    assert!(
        gap >= 960 && gap % 960 == 0,
        "timestamps run on with the clock: {gap}"
    );
}

#[tokio::test]
async fn the_queue_plays_on_without_a_gap_and_skips() {
    let (connection, mut server) = connect(EncryptionMode::AeadAes256GcmRtpsize).await;
    let first = connection.play(Numbered(0..2));
    let second = connection.enqueue(Numbered(50..250));
    let third = connection.enqueue(Numbered(20..22));
    let heard = packets(&mut server, 4).await;
    let payloads: Vec<_> = heard.into_iter().map(|packet| packet.payload).collect();
    assert_eq!(payloads, [numbered(0), numbered(1), numbered(50), numbered(51)]);
    assert_eq!(end_of(&first).await, TrackState::Finished);
    connection.skip();
    assert_eq!(end_of(&second).await, TrackState::Stopped);
    assert_eq!(end_of(&third).await, TrackState::Finished);
    assert_eq!(connection.tracks(), 0);
}

#[tokio::test]
async fn leaving_ends_what_is_said_and_who_waits() {
    let (connection, mut server) = connect(EncryptionMode::AeadAes256GcmRtpsize).await;
    let track = connection.play(Numbered(0..250));
    let mut voices = connection.packets(4);
    packets(&mut server, 2).await;
    connection.leave().await;
    assert_eq!(end_of(&track).await, TrackState::Stopped);
    assert!(voices.recv().await.is_none());
    assert!(connection.state().is_final());
    let mut silences = 0;
    while silences < 5 {
        silences += usize::from(server.packet().await.payload == SILENCE);
    }
}

use voxhall_client::SpeakingChange;
use voxhall_protocol::voice::EncryptionMode;

use crate::server::{FRIEND, FRIEND_ID, PATIENCE, connect};

#[tokio::test]
async fn packets_come_out_as_they_were_sent_in_every_mode() {
    for mode in EncryptionMode::ALL
        .into_iter()
        .filter(|mode| *mode != EncryptionMode::Plain)
    {
        let (connection, mut server) = connect(mode).await;
        let mut packets = connection.packets(16);
        for sequence in 0..5u16 {
            server.send(sequence, &[0xF8, sequence as u8, 9]).await;
        }
        for sequence in 0..5u16 {
            let packet = tokio::time::timeout(PATIENCE, packets.recv())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                (packet.user, packet.ssrc, packet.sequence),
                (FRIEND_ID, FRIEND, sequence),
                "{mode}"
            );
            assert_eq!(packet.payload[..], [0xF8, sequence as u8, 9], "{mode}");
            assert_eq!(packet.timestamp, u32::from(sequence) * 960);
        }
        assert_eq!(connection.participants(), [FRIEND_ID]);
        connection.leave().await;
    }
}

#[tokio::test]
async fn speech_begins_and_ends() {
    let (connection, mut server) = connect(EncryptionMode::AeadAes256GcmRtpsize).await;
    let mut speaking = connection.speaking(16);
    server.send(1, &[0xF8, 1, 2]).await;
    let began = tokio::time::timeout(PATIENCE, speaking.recv()).await.unwrap();
    assert_eq!(began, Some(SpeakingChange::Started(FRIEND_ID)));
    // No silence frames follow: the absence of packets has to be noticed.
    let ended = tokio::time::timeout(PATIENCE, speaking.recv()).await.unwrap();
    assert_eq!(ended, Some(SpeakingChange::Stopped(FRIEND_ID)));
}

#[cfg(feature = "opus-codec")]
#[tokio::test]
async fn a_tone_is_heard_as_pcm() {
    use voxhall_media::opus::{Encoder, EncoderConfig};
    use voxhall_media::signal::Tone;
    use voxhall_media::signal::analysis::dominant_hz;

    let (connection, mut server) = connect(EncryptionMode::AeadAes256GcmRtpsize).await;
    let mut ticks = connection.pcm(64);
    let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
    let mut tone = Tone::new(1_000.0, 0.5);
    let mut heard = Vec::new();
    for sequence in 0..40u16 {
        let pcm: Vec<f32> = tone.by_ref().take(960).flatten().collect();
        server.send(sequence, &encoder.encode(&pcm).unwrap()).await;
        // One tick of the client's clock per packet keeps the rhythm of both.
        let tick = tokio::time::timeout(PATIENCE, ticks.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(tick.speaking.len() + tick.silent.len(), 1);
        heard.extend(
            tick.speaking
                .iter()
                .flat_map(|speaker| speaker.pcm.iter().copied()),
        );
    }
    assert!(heard.len() >= 25 * 1_920, "heard {} values", heard.len());
    let middle = &heard[heard.len() / 4..heard.len() * 3 / 4];
    let hz = dominant_hz(middle).expect("something is heard");
    assert!((980.0..1_020.0).contains(&hz), "{hz} Hz");
}

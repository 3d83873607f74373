use std::time::Duration;

use voxhall_client::connection::{Input, LayerSources, Output};
use voxhall_client::video::{Publication, VideoChange, VideoLayer, VideoOptions, VideoWants};
use voxhall_media::video::{PictureSize, VideoCodec};
use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{
    ClientDisconnect, CodecName, MediaSinkWants, Message, Resolution, SessionUpdate, Ssrc, Stream,
    StreamKind, Video, VoiceCloseCode, VoiceVersion,
};

use crate::story::{Step, Story, address};

const LAYER: LayerSources = LayerSources {
    media: Ssrc(713_746),
    rtx: Ssrc(713_747),
};
const FRIEND: UserId = UserId(77);
const SIZE: PictureSize = PictureSize {
    width: 640,
    height: 360,
};

fn granted() -> Vec<Stream> {
    // Other layers come first, and are not ours.
    let other = Stream {
        ssrc: Some(Ssrc(9)),
        ..Stream::offer(StreamKind::Video, 50)
    };
    let own = Stream {
        ssrc: Some(LAYER.media),
        rtx_ssrc: Some(LAYER.rtx),
        active: Some(false),
        ..Stream::offer(StreamKind::Video, 100)
    };
    vec![other, own]
}

/// A connection that shows a camera, from the begin or from a socket that was just dialled.
fn connect(story: &mut Story) {
    story.opens();
    story.ready_with(granted());
    story.feed(Input::UdpOpened(address("192.0.2.7:1")));
    story.discovers();
    story.describes();
}

fn connected(options: VideoOptions) -> Story {
    let mut story = Story::with(|config| config.video = Some(options));
    story.go_to(Step::Dialing);
    connect(&mut story);
    story
}

fn publication(codec: VideoCodec) -> Publication {
    Publication {
        size: Some(SIZE),
        frame_rate: Some(30),
        ..Publication::of(codec)
    }
}

/// What a friend shows: two layers, or nothing.
fn friends_video(shows: bool) -> Video {
    let layer = |ssrc, quality| Stream {
        ssrc: Some(Ssrc(ssrc)),
        rtx_ssrc: Some(Ssrc(ssrc + 1)),
        active: Some(true),
        max_resolution: Some(Resolution::fixed(SIZE.width, SIZE.height)),
        ..Stream::offer(StreamKind::Video, quality)
    };
    Video {
        audio_ssrc: Ssrc(20),
        video_ssrc: if shows { Ssrc(21) } else { Ssrc::NONE },
        streams: Some(if shows {
            vec![layer(21, 50), layer(23, 100)]
        } else {
            Vec::new()
        }),
        user_id: Some(FRIEND),
        ..Video::default()
    }
}

fn wants(messages: Vec<Message>) -> Vec<MediaSinkWants> {
    let wants = messages.into_iter().filter_map(|message| match message {
        Message::MediaSinkWants(wants) => Some(wants),
        _ => None,
    });
    wants.collect()
}

#[test]
fn the_handshake_offers_a_layer_and_codecs() {
    let mut story = connected(VideoOptions::camera());
    let outputs = story.outputs.clone();
    let messages = story.sent();
    let Some(Message::Identify(identify)) = messages.first() else {
        panic!("{messages:?}");
    };
    assert_eq!(identify.video, Some(true));
    assert_eq!(
        identify.offered_streams(),
        [Stream::offer(StreamKind::Video, 100)]
    );
    let codecs = messages.iter().find_map(|message| match message {
        Message::SelectProtocol(select) => select.codecs.clone(),
        _ => None,
    });
    let codecs = codecs.unwrap();
    assert_eq!(codecs.len(), 6);
    let h264 = codecs.iter().find(|codec| codec.name == CodecName::H264).unwrap();
    assert_eq!((h264.payload_type, h264.rtx_payload_type), (105, Some(106)));
    let session = outputs.iter().find_map(|output| match output {
        Output::StartMedia(media) => Some(media.clone()),
        _ => None,
    });
    assert_eq!(session.unwrap().layer, Some(LAYER), "found by its quality");
}

#[test]
fn without_video_nothing_is_said_of_it() {
    let mut story = Story::at(Step::Connected);
    story.feed(Input::Publish(Some(publication(VideoCodec::Vp8))));
    story.feed(Input::Want(VideoWants::everybody()));
    story.says(friends_video(true));
    for message in story.sent() {
        match message {
            Message::Identify(identify) => {
                assert_eq!(
                    (identify.video, identify.offered_streams().len()),
                    (Some(false), 0)
                );
            }
            Message::SelectProtocol(select) => assert_eq!(select.codecs, None),
            Message::Video(_) | Message::MediaSinkWants(_) | Message::SessionUpdate(_) => {
                panic!("{message:?}")
            }
            _ => {}
        }
    }
    assert!(!story.machine.may_show());
}

#[test]
fn pictures_follow_op_12_and_never_precede_it() {
    let mut story = connected(VideoOptions::camera());
    story.take();
    let shown = publication(VideoCodec::Vp9);
    story.feed(Input::Publish(Some(shown)));
    assert!(
        story.outputs.contains(&Output::Publish(Some(shown))),
        "{:?}",
        story.outputs
    );
    assert!(story.machine.may_show());
    let messages = story.sent();
    let [
        Message::SessionUpdate(update),
        Message::Video(video),
        Message::Heartbeat(_),
    ] = &messages[..]
    else {
        panic!("{messages:?}");
    };
    let encodes: Vec<_> = update
        .codecs
        .iter()
        .flatten()
        .filter(|codec| codec.can_encode())
        .skip(1)
        .collect();
    assert_eq!(encodes.len(), 1, "of video only what is shown is made");
    assert_eq!(encodes[0].name, CodecName::Vp9);
    assert_eq!((video.video_ssrc, video.rtx_ssrc), (LAYER.media, Some(LAYER.rtx)));
    assert!(video.is_publishing());
    assert_eq!(
        video.layers()[0].max_resolution,
        Some(Resolution::fixed(640, 360))
    );
    // The same again says nothing; the end is said.
    story.feed(Input::Publish(Some(shown)));
    assert_eq!(story.take(), []);
    story.feed(Input::Publish(None));
    let [Output::Send(_), Output::Publish(None)] = story.outputs[..] else {
        panic!("{:?}", story.outputs);
    };
    let [Message::Video(video)] = &story.sent()[..] else {
        panic!("op 12");
    };
    assert!(!video.is_publishing() && video.video_ssrc.is_none());
    assert!(!story.machine.may_show());
}

#[test]
fn pictures_wait_until_the_server_knows_of_them() {
    let mut story = connected(VideoOptions::camera());
    story.take();
    story.acknowledges = false;
    let shown = Some(publication(VideoCodec::H264));
    story.feed(Input::Publish(shown));
    assert!(
        !story.machine.may_show() && !story.outputs.contains(&Output::Publish(shown)),
        "{:?}",
        story.outputs
    );
    // The acknowledgement is lost with the socket, and comes after the resume.
    story.closes(VoiceCloseCode::Abnormal);
    story.pass(Duration::from_secs(5));
    story.acknowledges = true;
    story.take();
    story.opens();
    story.says(Message::Resumed);
    assert!(story.machine.may_show() && story.outputs.contains(&Output::Publish(shown)));
    assert!(
        !story
            .sent()
            .iter()
            .any(|message| matches!(message, Message::Video(_)))
    );
}

#[test]
fn a_new_session_is_told_again_what_is_shown_and_wanted() {
    let mut story = connected(VideoOptions::camera());
    story.feed(Input::Publish(Some(publication(VideoCodec::H264))));
    story.feed(Input::Want(VideoWants::only(FRIEND)));
    story.says(friends_video(true));
    story.closes(VoiceCloseCode::SessionInvalid);
    let gone = story.take();
    let nothing = VideoChange {
        user: FRIEND,
        layers: Vec::new(),
    };
    assert!(gone.contains(&Output::Video(nothing)));
    story.voice_server("second", Some("next.example"));
    connect(&mut story);
    story.says(friends_video(true));
    let messages = story.sent();
    assert!(
        messages
            .iter()
            .any(|message| matches!(message, Message::Video(video) if video.is_publishing()))
    );
    assert_eq!(wants(messages)[0].quality(Ssrc(23)), 100);
}

#[test]
fn a_resumed_session_is_told_nothing_again() {
    let mut story = connected(VideoOptions::camera());
    story.feed(Input::Publish(Some(publication(VideoCodec::H264))));
    story.closes(VoiceCloseCode::Abnormal);
    story.pass(Duration::from_secs(5));
    story.take();
    story.opens();
    story.says(Message::Resumed);
    assert!(
        !story
            .sent()
            .iter()
            .any(|message| matches!(message, Message::Video(_)))
    );
    assert!(story.machine.may_show());
}

#[test]
fn what_is_wanted_follows_what_is_shown() {
    let mut story = connected(VideoOptions::watch_only());
    story.take();
    story.feed(Input::Want(VideoWants::everybody()));
    assert_eq!(story.sent(), [], "nobody shows anything");
    story.says(friends_video(true));
    let layers = vec![
        VideoLayer {
            ssrc: Ssrc(21),
            rtx: Ssrc(22),
            quality: 50,
            size: Some(SIZE),
        },
        VideoLayer {
            ssrc: Ssrc(23),
            rtx: Ssrc(24),
            quality: 100,
            size: Some(SIZE),
        },
    ];
    let change = VideoChange { user: FRIEND, layers };
    assert!(story.outputs.contains(&Output::Video(change)));
    let told = wants(story.sent());
    assert_eq!(
        (told.len(), told[0].quality(Ssrc(21)), told[0].quality(Ssrc(23))),
        (1, 100, 100)
    );
    story.says(friends_video(true));
    assert_eq!(wants(story.sent()), [], "nothing changed");
    story.feed(Input::Want(VideoWants::default()));
    let told = wants(story.sent());
    assert_eq!(
        (told[0].any, told[0].quality(Ssrc(23))),
        (Some(100), 0),
        "sound goes on"
    );
    story.says(ClientDisconnect::new(FRIEND));
    let gone = VideoChange {
        user: FRIEND,
        layers: Vec::new(),
    };
    assert!(story.take().contains(&Output::Video(gone)));
}

#[test]
fn old_dialects_have_no_wants() {
    let mut story = Story::with(|config| {
        config.video = Some(VideoOptions::watch_only());
        config.version = VoiceVersion::new(4).unwrap();
    });
    story.go_to(Step::Dialing);
    connect(&mut story);
    story.feed(Input::Want(VideoWants::everybody()));
    story.says(friends_video(true));
    assert_eq!(wants(story.sent()), []);
}

#[test]
fn the_server_says_what_to_send() {
    let mut story = connected(VideoOptions::camera());
    story.take();
    let mut asked = MediaSinkWants::any(100);
    asked.sources.insert(LAYER.media, 0);
    story.says(asked);
    story.says(MediaSinkWants::any(100));
    story.says(SessionUpdate {
        video_codec: Some(CodecName::Vp8),
        ..SessionUpdate::default()
    });
    assert_eq!(
        story.take(),
        [
            Output::Asked(0),
            Output::Asked(100),
            Output::SendCodec(VideoCodec::Vp8)
        ]
    );
}

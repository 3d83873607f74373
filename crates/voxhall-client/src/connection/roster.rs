use voxhall_protocol::ids::UserId;
use voxhall_protocol::voice::{Message, Speaking, Ssrc, Video};

use super::io::{RosterChange, SourceKind};

/// What a message says about who is in the room and whose a source is. `own` is the connection's own user.
pub(super) fn changes(own: UserId, message: &Message) -> Vec<RosterChange> {
    let mut changes = match message {
        Message::ClientsConnect(list) => list.user_ids.iter().copied().map(RosterChange::Joined).collect(),
        Message::ClientDisconnect(gone) => vec![RosterChange::Left(gone.user_id)],
        Message::Speaking(speaking) => of_speaking(speaking),
        Message::Video(video) => of_video(video),
        Message::ClientFlags(flags) => vec![RosterChange::Joined(flags.user_id)],
        Message::ClientPlatform(platform) => vec![RosterChange::Joined(platform.user_id)],
        _ => Vec::new(),
    };
    changes.retain(|change| user_of(change) != Some(own));
    changes
}

fn user_of(change: &RosterChange) -> Option<UserId> {
    match change {
        RosterChange::Joined(user) | RosterChange::Left(user) | RosterChange::Source { user, .. } => {
            Some(*user)
        }
        RosterChange::Cleared => None,
    }
}

fn of_speaking(speaking: &Speaking) -> Vec<RosterChange> {
    let Some(user) = speaking.user_id else {
        return Vec::new();
    };
    source(speaking.ssrc, user, SourceKind::Audio)
        .into_iter()
        .collect()
}

fn of_video(video: &Video) -> Vec<RosterChange> {
    let Some(user) = video.user_id else {
        return Vec::new();
    };
    let primary = [
        source(Some(video.audio_ssrc), user, SourceKind::Audio),
        source(Some(video.video_ssrc), user, SourceKind::Video),
        source(
            video.rtx_ssrc,
            user,
            SourceKind::Retransmission { of: video.video_ssrc },
        ),
    ];
    let layers = video.layers().iter().flat_map(|layer| {
        [
            source(layer.ssrc, user, SourceKind::Video),
            source(
                layer.rtx(),
                user,
                SourceKind::Retransmission {
                    of: layer.ssrc.unwrap_or_default(),
                },
            ),
        ]
    });
    primary.into_iter().chain(layers).flatten().collect()
}

/// Zero is "none", never a source (voice-gateway protocol, section 6.12).
fn source(ssrc: Option<Ssrc>, user: UserId, kind: SourceKind) -> Option<RosterChange> {
    let ssrc = ssrc.filter(|ssrc| !ssrc.is_none())?;
    Some(RosterChange::Source { ssrc, user, kind })
}

#[cfg(test)]
mod tests {
    use voxhall_protocol::voice::{SpeakingFlags, VoiceVersion, decode_server_text};

    use super::*;

    const OWN: UserId = UserId(1);

    fn decoded(text: &str) -> Vec<RosterChange> {
        changes(OWN, &decode_server_text(VoiceVersion::V9, text).unwrap().message)
    }

    #[test]
    fn the_own_user_is_left_out() {
        let text = r#"{"op":11,"d":{"user_ids":["1","2"]}}"#;
        assert_eq!(decoded(text), [RosterChange::Joined(UserId(2))]);
        let own = Message::Speaking(Speaking::from_server(OWN, SpeakingFlags::VOICE, Ssrc(5)));
        assert_eq!(changes(OWN, &own), []);
    }

    #[test]
    fn zero_is_no_source() {
        let text = r#"{"op":12,"d":{"user_id":"2","audio_ssrc":0,"video_ssrc":0,"rtx_ssrc":0,"streams":[]}}"#;
        assert_eq!(decoded(text), []);
    }

    #[test]
    fn every_layer_of_a_video_is_known() {
        let text = r#"{"op":12,"d":{"user_id":"2","audio_ssrc":10,"video_ssrc":11,
            "streams":[{"rid":"50","ssrc":11,"rtx_ssrc":12},{"rid":"100","ssrc":13}]}}"#;
        let found: Vec<_> = decoded(text)
            .into_iter()
            .map(|change| match change {
                RosterChange::Source { ssrc, kind, .. } => (ssrc.0, kind),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            found,
            [
                (10, SourceKind::Audio),
                (11, SourceKind::Video),
                (11, SourceKind::Video),
                (12, SourceKind::Retransmission { of: Ssrc(11) }),
                (13, SourceKind::Video),
                (14, SourceKind::Retransmission { of: Ssrc(13) }),
            ]
        );
    }
}

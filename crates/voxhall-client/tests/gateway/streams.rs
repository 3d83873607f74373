//! What a connection to a stream asks of the main Gateway.

use voxhall_client::{GatewayRequest, Room, StreamRoom};
use voxhall_protocol::gateway::{ClientMessage, StreamCreate, StreamKey, StreamRef};
use voxhall_protocol::ids::{ChannelId, GuildId, ServerId, UserId};

fn message(guild: Option<GuildId>, own: bool, enters: bool) -> (StreamKey, ClientMessage) {
    let key = StreamKey::new(guild, ChannelId(2), UserId(3));
    let server = ServerId(78);
    let request = GatewayRequest {
        room: Room::Stream(StreamRoom { key, server, own }),
        channel: enters.then_some(ChannelId(77)),
        self_mute: true,
        self_deaf: false,
    };
    (key, request.into())
}

#[test]
fn own_streams_are_created_others_watched_and_both_deleted() {
    for guild in [Some(GuildId(1)), None] {
        let (_, create) = message(guild, true, true);
        assert_eq!(
            create,
            ClientMessage::StreamCreate(StreamCreate::new(guild, ChannelId(2)))
        );
        let (key, watch) = message(guild, false, true);
        assert_eq!(watch, ClientMessage::StreamWatch(StreamRef::new(key)));
        for own in [true, false] {
            let (key, delete) = message(guild, own, false);
            assert_eq!(delete, ClientMessage::StreamDelete(StreamRef::new(key)));
        }
    }
}

#[test]
fn of_other_rooms_op_4_is_made() {
    let request = GatewayRequest {
        room: Room::Guild(GuildId(1)),
        channel: Some(ChannelId(2)),
        self_mute: true,
        self_deaf: false,
    };
    let ClientMessage::VoiceStateUpdate(update) = request.into() else {
        panic!("no op 4");
    };
    assert_eq!(
        (update.guild_id, update.channel_id),
        (Some(GuildId(1)), Some(ChannelId(2)))
    );
    assert!(update.self_mute && !update.self_deaf);
}

use std::time::Duration;

use voxhall_client::gateway::{Account, GatewayInput};
use voxhall_protocol::gateway::{ClientMessage, VoiceStateUpdate};
use voxhall_protocol::ids::{ChannelId, GuildId};

use crate::story::Story;

fn join(number: u64) -> GatewayInput<'static> {
    let update = VoiceStateUpdate::join(Some(GuildId(number)), ChannelId(number));
    GatewayInput::Send(ClientMessage::VoiceStateUpdate(update))
}

#[test]
fn messages_before_the_login_are_kept_for_after_it() {
    let mut story = Story::new(Account::VOICE_BOT);
    story.feed(join(1));
    story.opens();
    let before = story.sent();
    assert!(
        !before
            .iter()
            .any(|message| matches!(message, ClientMessage::VoiceStateUpdate(_)))
    );
    story.logs_in();
    assert!(matches!(story.sent()[..], [ClientMessage::VoiceStateUpdate(_)]));
}

#[test]
fn a_thousand_joins_stay_under_the_limit_and_none_is_lost() {
    let mut story = Story::ready();
    story.take();
    for number in 0..1_000 {
        story.feed(join(number));
    }
    let mut guilds = Vec::new();
    for minute in 0..20 {
        let sent = story.sent();
        assert!(sent.len() <= 120, "minute {minute}: {}", sent.len());
        guilds.extend(sent.into_iter().filter_map(|message| match message {
            ClientMessage::VoiceStateUpdate(update) => update.guild_id,
            _ => None,
        }));
        story.pass(Duration::from_secs(60));
    }
    assert!(guilds.into_iter().eq((0..1_000).map(GuildId)), "in order");
}

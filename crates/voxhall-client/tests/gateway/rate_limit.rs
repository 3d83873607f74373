use std::time::Duration;

use voxhall_client::gateway::{Account, GatewayInput, GatewayOutput};
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

fn asked(outputs: &[GatewayOutput]) -> Vec<u64> {
    let sent = outputs.iter().filter_map(|output| match output {
        GatewayOutput::VoiceRequestSent { guild, .. } => guild.map(|guild| guild.0),
        _ => None,
    });
    sent.collect()
}

#[test]
fn joins_go_out_ten_in_ten_seconds_in_order_and_none_is_lost() {
    let mut story = Story::ready();
    story.take();
    for number in 0..55 {
        story.feed(join(number));
    }
    let mut guilds = Vec::new();
    for _ in 0..12 {
        let now = asked(&story.take());
        assert!(now.len() <= 10, "{now:?}");
        guilds.extend(now);
        story.pass(Duration::from_secs(5));
    }
    assert!(guilds.into_iter().eq(0..55));
}

#[test]
fn a_request_that_waits_is_said_to_wait_and_only_the_last_wish_counts() {
    let mut story = Story::ready();
    for number in 0..10 {
        story.feed(join(number));
    }
    story.take();
    story.feed(join(3));
    let held = GatewayOutput::VoiceRequestHeld {
        guild: Some(GuildId(3)),
        channel: Some(ChannelId(3)),
    };
    assert_eq!(story.take(), [held]);
    let leave = ClientMessage::VoiceStateUpdate(VoiceStateUpdate::leave(Some(GuildId(3))));
    story.feed(GatewayInput::Send(leave.clone()));
    story.take();
    story.pass(Duration::from_secs(11));
    let mut sent = story.sent();
    sent.retain(|message| matches!(message, ClientMessage::VoiceStateUpdate(_)));
    assert_eq!(sent, [leave], "the join was taken back");
}

#[test]
fn other_messages_stay_under_the_limit_of_a_minute() {
    let mut story = Story::ready();
    story.take();
    for _ in 0..300 {
        story.feed(GatewayInput::Send(ClientMessage::VoiceServerPing));
    }
    let mut total = 0;
    for minute in 0..6 {
        let sent = story.sent();
        assert!(sent.len() <= 120, "minute {minute}: {}", sent.len());
        total += sent
            .iter()
            .filter(|message| matches!(message, ClientMessage::VoiceServerPing))
            .count();
        story.pass(Duration::from_secs(60));
    }
    assert_eq!(total, 300);
}

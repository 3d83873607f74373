//! Objects made by the constructors have every field that strict client libraries ask for (gateway protocol, 3.2–3.3).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voxhall_protocol::gateway::Capabilities;
use voxhall_protocol::ids::{ApplicationId, ChannelId, GuildId, MessageId, UserId};
use voxhall_protocol::model::{
    Channel, ChannelKind, Guild, Member, Message, PartialApplication, Permissions, ReadyGuild, ReadyPayload,
    Role, Timestamp, UnavailableGuild, User, VoiceState,
};

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

fn has_all(value: &impl serde::Serialize, expected: &str) {
    let value = serde_json::to_value(value).expect("JSON");
    let present = keys(&value);
    let missing: Vec<_> = expected
        .split_whitespace()
        .filter(|key| !present.contains(key))
        .collect();
    assert!(missing.is_empty(), "missing {missing:?} in {value}");
}

fn joined() -> Timestamp {
    Timestamp::from_unix_ms(1_704_067_200_000)
}

#[test]
fn ready_of_a_bot() {
    let mut ready = ReadyPayload::new(
        10,
        User::own(UserId(1), "bot", true),
        "session",
        "ws://localhost:1",
    );
    ready.guilds = vec![ReadyGuild::Unavailable(UnavailableGuild::stub(GuildId(2)))];
    ready.application = Some(PartialApplication {
        id: ApplicationId(1),
        flags: 0,
        extra: Default::default(),
    });
    ready.shard = Some([0, 1]);
    has_all(
        &ready,
        "v user guilds session_id resume_gateway_url application shard session_type private_channels user_settings \
         relationships presences geo_ordered_rtc_regions auth _trace",
    );
    has_all(
        &ready.user,
        "id username discriminator global_name avatar bot mfa_enabled verified flags public_flags",
    );
    let value = serde_json::to_value(&ready).expect("JSON");
    assert_eq!(value["guilds"], json!([{"id": "2", "unavailable": true}]));
    assert_eq!(
        serde_json::from_value::<ReadyPayload>(value).expect("READY"),
        ready
    );
}

#[test]
fn ready_of_a_user_account() {
    let mut ready = ReadyPayload::new(
        9,
        User::own(UserId(1), "user", false),
        "session",
        "ws://localhost:1",
    );
    let guild = Guild::new(GuildId(2), "guild", UserId(1), joined());
    ready.guilds = vec![ReadyGuild::Whole(Box::new(guild))];
    ready.add_account_fields("7f1c3d0e-0000-4000-8000-000000000000", &[], Capabilities::NONE);
    has_all(
        &ready,
        "guilds private_channels relationships read_state user_guild_settings merged_members users sessions \
         user_settings_proto geo_ordered_rtc_regions static_client_session_id analytics_token connected_accounts \
         consents country_code experiments guild_experiments notes auth_session_id_hash api_code_version v user \
         session_id resume_gateway_url session_type",
    );
    let value = serde_json::to_value(&ready).expect("JSON");
    assert_eq!(
        serde_json::from_value::<ReadyPayload>(value).expect("READY"),
        ready
    );
}

#[test]
fn guild_create() {
    let guild_id = GuildId(2);
    let mut guild = Guild::new(guild_id, "guild", UserId(1), joined());
    guild.roles.push(Role::everyone(guild_id, Permissions::CONNECT));
    guild
        .members
        .push(Member::new(User::new(UserId(1), "owner", false), joined()));
    guild.channels.push(Channel::in_guild(
        ChannelId(3),
        guild_id,
        ChannelKind::GuildVoice,
        "voice",
    ));
    guild.voice_states.push(VoiceState::new(UserId(1), "session"));
    has_all(
        &guild,
        "id name icon splash discovery_splash owner_id region afk_channel_id afk_timeout verification_level \
         default_message_notifications explicit_content_filter mfa_level nsfw_level features emojis stickers \
         application_id system_channel_id system_channel_flags rules_channel_id public_updates_channel_id \
         safety_alerts_channel_id vanity_url_code description banner premium_tier premium_subscription_count \
         premium_progress_bar_enabled preferred_locale max_members max_presences max_video_channel_users \
         max_stage_video_channel_users joined_at large unavailable member_count roles members channels threads \
         presences voice_states stage_instances guild_scheduled_events soundboard_sounds",
    );
    has_all(
        &guild.roles[0],
        "id name color colors hoist icon unicode_emoji position permissions managed mentionable flags",
    );
    has_all(
        &guild.members[0],
        "user roles nick avatar joined_at deaf mute flags pending premium_since communication_disabled_until",
    );
    has_all(
        &guild.channels[0],
        "id type name position guild_id parent_id permission_overwrites nsfw flags bitrate user_limit rtc_region \
         video_quality_mode rate_limit_per_user last_message_id",
    );
    let value = serde_json::to_value(&guild).expect("JSON");
    assert_eq!(value["roles"][0]["id"], "2");
    assert_eq!(value["roles"][0]["permissions"], "1048576");
    let state = keys(&value["voice_states"][0]);
    assert!(!state.contains("guild_id") && !state.contains("member"));
    assert_eq!(serde_json::from_value::<Guild>(value).expect("a guild"), guild);
}

#[test]
fn voice_state_of_a_guild_and_of_a_call() {
    let state = VoiceState::new(UserId(1), "session");
    has_all(
        &state,
        "user_id session_id channel_id deaf mute self_deaf self_mute self_video suppress request_to_speak_timestamp",
    );
    let in_call = VoiceState {
        guild_id: None.into(),
        ..state
    };
    assert_eq!(
        serde_json::to_value(&in_call).expect("JSON").get("guild_id"),
        Some(&Value::Null)
    );
}

#[test]
fn the_message_that_begins_a_call() {
    let (caller, other) = (User::new(UserId(1), "a", false), User::new(UserId(2), "b", false));
    let message = Message::call(MessageId(3), ChannelId(4), caller, vec![other], joined());
    has_all(
        &message,
        "id channel_id type author content timestamp edited_timestamp tts pinned mention_everyone mentions \
         mention_roles attachments embeds components flags call",
    );
    let value = serde_json::to_value(&message).expect("JSON");
    assert_eq!(value["type"], 3);
    assert_eq!(
        value["call"],
        json!({"participants": ["1"], "ended_timestamp": null})
    );
}

#[test]
fn private_channels_have_recipients_and_no_guild() {
    let recipient = User::new(UserId(2), "b", false);
    let channel = Channel::private(ChannelId(4), ChannelKind::Private, vec![recipient]);
    let value = serde_json::to_value(&channel).expect("JSON");
    assert_eq!(
        keys(&value),
        BTreeSet::from(["id", "type", "flags", "last_message_id", "recipients"])
    );
}

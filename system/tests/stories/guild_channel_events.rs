//! A guild's channels joined, changed and left, by a bot and by a person: exactly the captures' events, in order, as
//! each of them and a bystander is told.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use voxhall_client::{ConnectionState, VoiceClient};
use voxhall_protocol::gateway::{ClientMessage, VoiceStateUpdate};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_system::{Server, Witness, World};

/// Between the two events that answer op 4; clients lose one of them otherwise.
const PAUSE: Duration = Duration::from_millis(10);
/// Long enough for an event that should not be.
const A_WHILE: Duration = Duration::from_millis(300);

/// A bot, a person, and a bot in no channel.
struct Cast {
    world: World,
    bot: (VoiceClient, Witness),
    person: (VoiceClient, Witness),
    bystander: Witness,
    _other_bot: VoiceClient,
}

impl Cast {
    async fn log_in(server: &Server) -> Result<Self> {
        let world = server.world.clone();
        let (bot, person, other) = (
            world.login_bot(0).await?,
            world.login_user(0).await?,
            world.login_bot(1).await?,
        );
        Ok(Self {
            world,
            bot: (bot.clone(), Witness::of(&bot, "the bot")),
            person: (person.clone(), Witness::of(&person, "the person")),
            bystander: Witness::of(&other, "the bystander"),
            _other_bot: other,
        })
    }

    /// Everyone is told, as the next thing, where a user is now; gives it as the user's own session was told.
    async fn all_see(&mut self, user: UserId, channel: Option<ChannelId>) -> [Value; 3] {
        let expected = json!({
            "guild_id": self.world.guild_id.to_string(), "channel_id": channel.map(|channel| channel.to_string()),
            "user_id": user.to_string(), "deaf": false, "mute": false, "self_deaf": false, "self_mute": false,
            "self_video": false, "suppress": false, "request_to_speak_timestamp": null,
            "member": {"user": {"id": user.to_string()}, "deaf": false, "mute": false},
        });
        let name = "VOICE_STATE_UPDATE";
        let told = [
            self.bot.1.expect_with(name, expected.clone()).await,
            self.person.1.expect_with(name, expected.clone()).await,
            self.bystander.expect_with(name, expected).await,
        ];
        for state in &told {
            assert_eq!(
                state["session_id"], told[0]["session_id"],
                "all see the same session"
            );
            assert!(
                state["member"]["joined_at"].is_string(),
                "a whole member: {state}"
            );
        }
        told
    }

    /// Only the one who joined is told where to connect; gives the token.
    async fn sent_to_a_server(told: &mut Witness, world: &World) -> String {
        let update = told.expect("VOICE_SERVER_UPDATE").await;
        assert_eq!(update["guild_id"], world.guild_id.to_string());
        assert!(
            update.get("channel_id").is_none(),
            "only a call names its channel: {update}"
        );
        let endpoint = update["endpoint"].as_str().unwrap_or_default();
        assert!(
            endpoint.starts_with("127.0.0.1:"),
            "host and port, not {endpoint:?}"
        );
        update["token"].as_str().unwrap_or_default().to_owned()
    }

    async fn nothing_more(&mut self) {
        self.bot.1.is_told_nothing(A_WHILE).await;
        self.person.1.is_told_nothing(A_WHILE).await;
        self.bystander.is_told_nothing(A_WHILE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joined_changed_and_left_while_others_come_and_go() -> Result<()> {
    let server = Server::start()?;
    let mut cast = Cast::log_in(&server).await?;
    let world = cast.world.clone();
    let [first, second] = [world.voice_channels[0], world.voice_channels[1]];
    let (bot, person) = (world.bots[0].id, world.users[0].id);

    let begin = Instant::now();
    let bots_voice = cast.bot.0.join(world.guild_id, first).await?;
    assert!(begin.elapsed() >= PAUSE);
    let joined = cast.all_see(bot, Some(first)).await;
    let token = Cast::sent_to_a_server(&mut cast.bot.1, &world).await;

    let persons_voice = cast.person.0.join(world.guild_id, first).await?;
    cast.all_see(person, Some(first)).await;
    Cast::sent_to_a_server(&mut cast.person.1, &world).await;

    bots_voice.move_to(second).await?;
    let moved = cast.all_see(bot, Some(second)).await;
    assert_eq!(
        moved[0]["session_id"], joined[0]["session_id"],
        "a move keeps the session"
    );
    let second_token = Cast::sent_to_a_server(&mut cast.bot.1, &world).await;
    assert_ne!(token, second_token, "a move brings a token of its own");

    persons_voice.move_to(second).await?;
    cast.all_see(person, Some(second)).await;
    Cast::sent_to_a_server(&mut cast.person.1, &world).await;

    // A person's client names no guild when it leaves.
    let leave = VoiceStateUpdate::leave(None);
    cast.person
        .0
        .gateway()
        .send(ClientMessage::VoiceStateUpdate(leave));
    cast.all_see(person, None).await;
    persons_voice.ended().await;
    assert!(
        matches!(persons_voice.state(), ConnectionState::Left { .. }),
        "{}",
        persons_voice.state()
    );

    bots_voice.leave().await;
    cast.all_see(bot, None).await;
    cast.nothing_more().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_4_that_changes_nothing_and_leaving_nothing() -> Result<()> {
    let server = Server::start()?;
    let mut cast = Cast::log_in(&server).await?;
    let world = cast.world.clone();
    let (channel, bot) = (world.voice_channels[0], world.bots[0].id);
    let voice = cast.bot.0.join(world.guild_id, channel).await?;
    cast.all_see(bot, Some(channel)).await;
    Cast::sent_to_a_server(&mut cast.bot.1, &world).await;

    let mut muted = VoiceStateUpdate::join(Some(world.guild_id), channel);
    muted.self_mute = true;
    cast.bot.0.gateway().send(ClientMessage::VoiceStateUpdate(muted));
    for told in [&mut cast.bot.1, &mut cast.person.1, &mut cast.bystander] {
        let flags = json!({"user_id": bot.to_string(), "channel_id": channel.to_string(), "self_mute": true});
        told.expect_with("VOICE_STATE_UPDATE", flags).await;
    }
    // The person is in no channel: there is nothing to leave.
    let leave = VoiceStateUpdate::leave(None);
    cast.person
        .0
        .gateway()
        .send(ClientMessage::VoiceStateUpdate(leave));
    cast.nothing_more().await;
    assert_eq!(
        voice.state(),
        ConnectionState::Connected,
        "with live media there is no new server"
    );
    Ok(())
}

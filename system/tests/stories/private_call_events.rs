//! A private call between two clients: exactly the captures' events, in order, on both sides.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use voxhall_client::{Ring, VoiceClient};
use voxhall_protocol::ids::UserId;
use voxhall_system::sound::{hear_tone, tone};
use voxhall_system::{Server, Witness, World, wire};

/// Between the two events that answer op 4; clients lose one of them otherwise.
const PAUSE: Duration = Duration::from_millis(10);
/// Long enough for an event that should not be.
const A_WHILE: Duration = Duration::from_millis(300);

/// One of the two people, with all that their client is told.
struct Side {
    client: VoiceClient,
    told: Witness,
    id: UserId,
}

impl Side {
    async fn log_in(world: &World, number: usize, name: &'static str) -> Result<Self> {
        let client = world.login_user(number).await?;
        let (told, id) = (Witness::of(&client, name), client.user().id);
        Ok(Self { client, told, id })
    }

    /// Is told that somebody is in the call, or in none.
    async fn sees(&mut self, user: UserId, channel: Option<String>) -> Value {
        let expected = json!({
            "guild_id": null, "channel_id": channel, "user_id": user.to_string(), "deaf": false, "mute": false,
            "self_deaf": false, "self_mute": false, "self_video": false, "suppress": false,
            "request_to_speak_timestamp": null,
        });
        let state = self.told.expect_with("VOICE_STATE_UPDATE", expected).await;
        assert!(
            state.get("member").is_none(),
            "a call has no members of a guild: {state}"
        );
        state
    }

    async fn rings(&mut self, channel: &str, message: &str, ringing: &[UserId]) {
        let ringing: Vec<String> = ringing.iter().map(ToString::to_string).collect();
        let expected = json!({"channel_id": channel, "message_id": message, "ringing": ringing});
        self.told.expect_with("CALL_UPDATE", expected).await;
    }

    async fn is_sent_to_a_server(&mut self, channel: &str) {
        let expected = json!({"guild_id": null, "channel_id": channel});
        let server = self.told.expect_with("VOICE_SERVER_UPDATE", expected).await;
        let token = server["token"].as_str().unwrap_or_default();
        assert_eq!(token.len(), 16, "16 hex digits, not {token:?}");
        let endpoint = server["endpoint"].as_str().unwrap_or_default();
        assert!(
            endpoint.starts_with("127.0.0.1:"),
            "host and port, not {endpoint:?}"
        );
    }

    /// The events of a call that begins, the caller's server update aside; gives the message.
    async fn sees_a_call_begin(&mut self, caller: UserId, other: UserId, channel: &str) -> String {
        let message = json!({
            "type": 3, "channel_id": channel, "content": "", "tts": false, "pinned": false, "flags": 0,
            "mention_everyone": false, "mention_roles": [], "embeds": [], "attachments": [], "components": [],
            "edited_timestamp": null, "author": {"id": caller.to_string()},
            "call": {"participants": [caller.to_string()], "ended_timestamp": null},
        });
        let message = self.told.expect_with("MESSAGE_CREATE", message).await;
        assert_eq!(message["mentions"].as_array().map(Vec::len), Some(1), "{message}");
        assert_eq!(message["mentions"][0]["id"], other.to_string());
        let id = message["id"].as_str().unwrap_or_default().to_owned();
        let call = json!({"channel_id": channel, "message_id": id, "ringing": [], "voice_states": []});
        self.told.expect_with("CALL_CREATE", call).await;
        let state = self.sees(caller, Some(channel.to_owned())).await;
        assert!(
            state["session_id"].as_str().is_some_and(|id| !id.is_empty()),
            "{state}"
        );
        id
    }

    async fn sees_the_call_end(
        &mut self,
        last: UserId,
        channel: &str,
        message: &str,
        participants: &[UserId],
    ) {
        self.sees(last, None).await;
        let participants: Vec<String> = participants.iter().map(ToString::to_string).collect();
        let expected = json!({"id": message, "channel_id": channel, "call": {"participants": participants}});
        let update = self.told.expect_with("MESSAGE_UPDATE", expected).await;
        assert!(
            update["call"]["ended_timestamp"].is_string(),
            "the call has an end: {update}"
        );
        let deleted = self.told.expect("CALL_DELETE").await;
        assert_eq!(deleted, json!({"channel_id": channel}));
    }

    /// Marks a message as read, and gives the version of the read state that follows from it.
    async fn acknowledges(&mut self, world: &World, number: usize, message: &str) -> u64 {
        let channel = world.dm_channel.to_string();
        let path = format!("/api/v9/channels/{channel}/messages/{message}/ack");
        let body = json!({"token": null});
        let (status, _) = wire::rest(world.address(), "POST", &path, &world.users[number].token, &body).await;
        assert_eq!(status, 200);
        let expected = json!({"channel_id": channel, "message_id": message});
        let ack = self.told.expect_with("MESSAGE_ACK", expected).await;
        ack["version"].as_u64().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn called_answered_and_left_by_one_after_the_other() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let channel = world.dm_channel.to_string();
    let mut caller = Side::log_in(world, 0, "the caller").await?;
    let mut called = Side::log_in(world, 1, "the called").await?;

    let begin = Instant::now();
    let near = caller.client.call(world.dm_channel, Ring::Everyone).await?;
    let message = caller.sees_a_call_begin(caller.id, called.id, &channel).await;
    assert_eq!(
        called.sees_a_call_begin(caller.id, called.id, &channel).await,
        message
    );
    caller.is_sent_to_a_server(&channel).await;
    assert!(begin.elapsed() >= PAUSE);
    caller.rings(&channel, &message, &[called.id]).await;
    called.rings(&channel, &message, &[called.id]).await;

    let begin = Instant::now();
    let far = called.client.answer(world.dm_channel).await?;
    assert!(begin.elapsed() >= PAUSE);
    let answered = json!({
        "id": message, "channel_id": channel,
        "call": {"participants": [called.id.to_string(), caller.id.to_string()], "ended_timestamp": null},
    });
    for side in [&mut caller, &mut called] {
        side.told.expect_with("MESSAGE_UPDATE", answered.clone()).await;
        side.sees(UserId(world.users[1].id.0), Some(channel.clone()))
            .await;
        side.rings(&channel, &message, &[]).await;
    }
    called.is_sent_to_a_server(&channel).await;
    let first = called.acknowledges(world, 1, &message).await;

    let _near_sound = near.play(tone(440.0));
    let _far_sound = far.play(tone(880.0));
    tokio::join!(
        hear_tone(&near, called.id, 880.0),
        hear_tone(&far, caller.id, 440.0)
    );

    far.leave().await;
    for side in [&mut caller, &mut called] {
        side.sees(UserId(world.users[1].id.0), None).await;
    }
    near.leave().await;
    for side in [&mut caller, &mut called] {
        let both = [UserId(world.users[1].id.0), UserId(world.users[0].id.0)];
        side.sees_the_call_end(both[1], &channel, &message, &both).await;
    }
    assert!(
        called.acknowledges(world, 1, &message).await > first,
        "the version of the read state rises"
    );
    caller.told.is_told_nothing(A_WHILE).await;
    called.told.is_told_nothing(A_WHILE).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declined_rung_again_and_taken_back() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let channel = world.dm_channel.to_string();
    let mut caller = Side::log_in(world, 0, "the caller").await?;
    let mut called = Side::log_in(world, 1, "the called").await?;
    let (calling, answering) = (caller.id, called.id);

    let near = caller
        .client
        .call(world.dm_channel, Ring::Users(vec![answering]))
        .await?;
    let message = caller.sees_a_call_begin(calling, answering, &channel).await;
    called.sees_a_call_begin(calling, answering, &channel).await;
    caller.is_sent_to_a_server(&channel).await;
    for ringing in [&[answering][..], &[]] {
        if ringing.is_empty() {
            called.client.decline(world.dm_channel).await?;
        }
        caller.rings(&channel, &message, ringing).await;
        called.rings(&channel, &message, ringing).await;
    }

    for ringing in [Some(vec![answering]), None] {
        match &ringing {
            Some(_) => {
                caller
                    .client
                    .rest()
                    .ring(world.dm_channel, ringing.clone())
                    .await?
            }
            None => {
                caller
                    .client
                    .rest()
                    .stop_ringing(world.dm_channel, Some(vec![answering]))
                    .await?
            }
        }
        let ringing = ringing.unwrap_or_default();
        caller.rings(&channel, &message, &ringing).await;
        called.rings(&channel, &message, &ringing).await;
    }

    near.leave().await;
    caller
        .sees_the_call_end(calling, &channel, &message, &[calling])
        .await;
    called
        .sees_the_call_end(calling, &channel, &message, &[calling])
        .await;
    caller.told.is_told_nothing(A_WHILE).await;
    called.told.is_told_nothing(A_WHILE).await;
    Ok(())
}

//! Whoever may not speak is not heard, from the moment on that it may not, and is again as soon as it may.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use voxhall_client::{VoiceClient, VoiceConnection};
use voxhall_media::opus::SILENCE;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_system::sound::{hear_tone, tone};
use voxhall_system::wire::rest;
use voxhall_system::{PATIENCE, Server, Witness, World};

/// Twenty-five packets of a speaker who is heard.
const A_WHILE: Duration = Duration::from_millis(500);
const SPEAK: u64 = 1 << 21;
const HZ: f32 = 440.0;

/// Listens until nothing of `user` has come for a while.
async fn hear_nothing(connection: &VoiceConnection, user: UserId) {
    let mut packets = connection.packets(4096);
    let silent = async {
        loop {
            let heard = async {
                loop {
                    let packet = packets.recv().await.expect("the connection lives");
                    if packet.user == user && packet.payload != SILENCE[..] {
                        return;
                    }
                }
            };
            if tokio::time::timeout(A_WHILE, heard).await.is_err() {
                return;
            }
        }
    };
    let silent = tokio::time::timeout(PATIENCE, silent).await;
    assert!(silent.is_ok(), "{user} is still heard");
}

/// Sends a request as the guild's owner.
async fn as_owner(world: &World, method: &str, path: &str, body: Value) {
    let owner = world
        .users
        .iter()
        .find(|user| user.name == "Exp")
        .expect("the owner");
    let path = format!("/api/v10{path}");
    let (status, answer) = rest(world.address(), method, &path, &owner.token, &body).await;
    assert!((200..300).contains(&status), "{status} {answer}");
}

/// Makes a stage as the operator.
async fn stage(server: &Server) -> Result<ChannelId> {
    let world = &server.world;
    let path = format!("/admin/guilds/{}/channels", world.guild_id);
    let token = server.places()?.admin_token;
    let body = json!({"name": "Stage", "type": 13});
    let (status, answer) = rest(world.address(), "POST", &path, token.expose(), &body).await;
    ensure!(status == 201, "{status} {answer}");
    Ok(serde_json::from_value(answer["id"].clone())?)
}

/// Somebody who plays a tone without end, and somebody who listens.
struct Pair {
    speaker: UserId,
    listening: VoiceConnection,
    witness: Witness,
    /// Keeps the logins and the speaker's connection.
    _kept: (VoiceClient, VoiceClient, VoiceConnection),
}

impl Pair {
    async fn join(world: &World, channel: ChannelId) -> Result<Self> {
        let (speaker, listener) = (world.login_bot(0).await?, world.login_bot(1).await?);
        let witness = Witness::of(&listener, "the listener");
        let speaking = speaker.join(world.guild_id, channel).await?;
        let listening = listener.join(world.guild_id, channel).await?;
        speaking.play(tone(HZ));
        Ok(Self {
            speaker: speaker.user().id,
            listening,
            witness,
            _kept: (speaker, listener, speaking),
        })
    }

    /// The speaker's voice state says this.
    async fn is_told(&mut self, suppress: bool) {
        let speaker = self.speaker.to_string();
        let said = |state: &Value| state["user_id"] == speaker && state["suppress"] == suppress;
        self.witness.find("VOICE_STATE_UPDATE", said).await;
    }

    async fn hear(&self) {
        hear_tone(&self.listening, self.speaker, HZ).await;
    }

    async fn hear_nothing(&self) {
        hear_nothing(&self.listening, self.speaker).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_long_as_the_channel_denies_it() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let channel = world.voice_channels[0];
    let mut pair = Pair::join(world, channel).await?;
    pair.hear().await;

    let path = format!("/channels/{channel}");
    let everyone = json!({"id": world.guild_id, "type": 0, "allow": "0", "deny": SPEAK.to_string()});
    as_owner(
        world,
        "PATCH",
        &path,
        json!({"permission_overwrites": [everyone]}),
    )
    .await;
    pair.is_told(true).await;
    pair.hear_nothing().await;

    as_owner(world, "PATCH", &path, json!({"permission_overwrites": []})).await;
    pair.is_told(false).await;
    pair.hear().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_audience_of_a_stage() -> Result<()> {
    let server = Server::start()?;
    let world = &server.world;
    let mut pair = Pair::join(world, stage(&server).await?).await?;
    pair.hear_nothing().await;

    let path = format!("/guilds/{}/voice-states/{}", world.guild_id, pair.speaker);
    as_owner(world, "PATCH", &path, json!({"suppress": false})).await;
    pair.is_told(false).await;
    pair.hear().await;

    as_owner(world, "PATCH", &path, json!({"suppress": true})).await;
    pair.is_told(true).await;
    pair.hear_nothing().await;
    Ok(())
}

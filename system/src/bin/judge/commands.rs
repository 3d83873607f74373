//! A bot that is commanded, by a message and by a slash command, to come to whoever asks and play what they name.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use voxhall_client::{VoiceClient, VoiceConnection};
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::Event;
use voxhall_protocol::ids::{ChannelId, MessageId, UserId};
use voxhall_protocol::model::{CommandKind, CommandOptionKind, InteractionKind};
use voxhall_protocol::rest::{ApplicationCommandIndex, CreateInteraction};
use voxhall_system::{World, wire};

use crate::bot::Bot;
use crate::library::Library;
use crate::sound::hear;
use crate::told::Told;

/// What the slash command asks for, so that its option is known to have arrived.
const ASKED_HZ: f32 = 990.0;
/// How long it is listened to; the bots play three seconds.
const LISTENED: f32 = 1.5;
/// What ties an answer to the command that was used.
const NONCE: &str = "1041";

/// A person who commands a bot.
struct Caller<'a> {
    library: &'a Library,
    world: &'a World,
    client: VoiceClient,
    told: Told,
    bot: UserId,
}

/// Judges a bot of a library.
pub async fn judge(library: &Library, world: &World) -> Result<()> {
    let [first, second] = world.voice_channels[..] else {
        anyhow::bail!("the world has two voice channels")
    };
    let mut bot = Bot::start(library, library.commands, world, &[])?;
    bot.expect("ready").await?;
    let client = world.login_user(0).await?;
    let mut caller = Caller {
        library,
        world,
        told: Told::to(&client),
        client,
        bot: world.bots[1].id,
    };
    caller.is_asked_to_join_first().await?;
    caller.commands_by_message(first).await.context("by a message")?;
    caller
        .commands_by_slash(second)
        .await
        .context("by a slash command")?;
    caller.client.close().await;
    Ok(())
}

impl Caller<'_> {
    fn passed(&self, what: &str) {
        println!("{}: {what}", self.library.name);
    }

    /// The bot knows from its own cache that the caller is in no channel.
    async fn is_asked_to_join_first(&mut self) -> Result<()> {
        let command = self.write("!play 440").await?;
        let answer = self.finds_reply(command).await?;
        ensure!(answer.contains("voice channel"), "it answered {answer:?}");
        self.passed("asks who is in no channel to join one");
        Ok(())
    }

    async fn commands_by_message(&mut self, channel: ChannelId) -> Result<()> {
        let connection = self.sits_in(channel).await?;
        let hz = self.library.hz;
        let command = self.write(&format!("!play {hz}")).await?;
        self.is_played_to(&connection, channel, hz).await?;
        let answer = self.finds_reply(command).await?;
        ensure!(answer.contains(&format!("{hz} Hz")), "it answered {answer:?}");
        self.told.sees_in(self.bot, None).await?;
        self.passed("obeys a message, and replies to it");
        Ok(())
    }

    async fn commands_by_slash(&mut self, channel: ChannelId) -> Result<()> {
        let connection = self.sits_in(channel).await?;
        let used = self.uses_play().await?;
        self.request("POST", "/interactions", &serde_json::to_value(used)?)
            .await?;
        self.is_played_to(&connection, channel, ASKED_HZ).await?;
        let of_ours = |nonce: &Option<Value>| nonce.as_ref().is_some_and(|nonce| nonce == NONCE);
        self.told
            .find("that the interaction succeeded", |event| match event {
                Event::InteractionSuccess(outcome) if of_ours(&outcome.nonce) => Some(()),
                _ => None,
            })
            .await?;
        let (bot, wanted) = (self.bot, format!("{ASKED_HZ} Hz"));
        let whole = |event: &Event| match event {
            Event::MessageCreate(answer) if answer.author.id == bot => Some(answer.content.clone()),
            // A deferred answer is written into the message that stood for it.
            Event::MessageUpdate(answer) => Some(answer.extra.get("content")?.as_str()?.to_owned()),
            _ => None,
        };
        let names_it = |event: &Event| whole(event).filter(|content| content.contains(&wanted)).map(drop);
        self.told.find("of its answer", names_it).await?;
        self.told.sees_in(self.bot, None).await?;
        self.passed("obeys a slash command with an option, and answers it");
        Ok(())
    }

    async fn sits_in(&mut self, channel: ChannelId) -> Result<VoiceConnection> {
        let connection = self.client.join(self.world.guild_id, channel).await?;
        self.told.forget();
        Ok(connection)
    }

    /// The bot comes to this channel, and is heard there.
    async fn is_played_to(
        &mut self,
        connection: &VoiceConnection,
        channel: ChannelId,
        hz: f32,
    ) -> Result<()> {
        let mut pcm = connection.pcm(512);
        self.told.sees_in(self.bot, Some(channel)).await?;
        let how = hear(&mut pcm, self.bot, hz, LISTENED).await?;
        self.passed(&format!("comes to its caller and {how}"));
        Ok(())
    }

    async fn write(&self, text: &str) -> Result<MessageId> {
        let path = format!("/channels/{}/messages", self.world.text_channel);
        let written = self.request("POST", &path, &json!({"content": text})).await?;
        Ok(serde_json::from_value(written["id"].clone())?)
    }

    /// What the bot wrote in reply to this message.
    async fn finds_reply(&mut self, to: MessageId) -> Result<String> {
        let bot = self.bot;
        let reply = |event: &Event| match event {
            Event::MessageCreate(answer) if answer.author.id == bot => {
                let about = answer.message_reference.as_ref()?.message_id?;
                (about == to).then(|| answer.content.clone())
            }
            _ => None,
        };
        self.told.find("of a reply", reply).await
    }

    /// The use of the bot's command, as a person's client asks for it: looked up first.
    async fn uses_play(&self) -> Result<CreateInteraction> {
        let guild = self.world.guild_id;
        let path = format!("/guilds/{guild}/application-command-index");
        let index: ApplicationCommandIndex =
            serde_json::from_value(self.request("GET", &path, &Value::Null).await?)?;
        let mut commands = index.application_commands.into_iter();
        let command = commands
            .find(|command| command.name == "play")
            .context("it has not registered /play")?;
        Ok(CreateInteraction {
            kind: InteractionKind::ApplicationCommand,
            application_id: command.application_id,
            guild_id: Some(guild),
            channel_id: self.world.text_channel,
            session_id: None,
            nonce: Some(NONCE.into()),
            data: json!({
                "id": command.id, "name": command.name, "type": CommandKind::ChatInput,
                "options": [{"name": "hz", "type": CommandOptionKind::Integer, "value": ASKED_HZ as u32}],
            }),
            message_id: None,
            message_flags: None,
            extra: Extra::new(),
        })
    }

    async fn request(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let token = &self.world.users[0].token;
        let path = format!("/api/v10{path}");
        let answer = wire::try_rest(self.world.address(), method, &path, token, body).await;
        let (status, answer) = answer.context("the server did not answer")?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path} was answered {status}: {answer}"
        );
        Ok(answer)
    }
}

//! Is commanded: `!play HZ` and `/play` bring it to whoever asks.

use std::sync::Arc;

use serenity::all::{
    ChannelId, CommandInteraction, CommandOptionType, Context, CreateCommand, CreateCommandOption,
    CreateInteractionResponse, CreateInteractionResponseMessage, EditInteractionResponse, EventHandler,
    GatewayIntents, GuildId, Interaction, Mentionable, Message, UserId,
};
use serenity::async_trait;
use songbird::{Event, EventContext, EventHandler as VoiceHandler, SerenityInit, Songbird, TrackEvent};

use crate::judged::{client, guild, say};
use crate::sound::tone;

const SECONDS: usize = 3;
const NOT_IN_VOICE: &str = "Join a voice channel first.";

/// Leaves when the track is over.
struct Leave(Arc<Songbird>);

#[async_trait]
impl VoiceHandler for Leave {
    async fn act(&self, _: &EventContext<'_>) -> Option<Event> {
        self.0.remove(guild()).await.expect("leaves");
        None
    }
}

/// Where someone is, by the library's cache.
fn channel_of(context: &Context, user: UserId) -> Option<ChannelId> {
    let guild = context.cache.guild(guild())?;
    guild.voice_states.get(&user)?.channel_id
}

/// Comes, plays, goes; returns when it has begun to play, with what to answer.
async fn play_in(context: &Context, channel: ChannelId, hz: f64) -> String {
    let manager = songbird::get(context).await.expect("songbird is registered");
    let call = manager.join(guild(), channel).await.expect("joins");
    let track = call.lock().await.play_input(tone(hz, SECONDS));
    track
        .add_event(Event::Track(TrackEvent::End), Leave(manager))
        .expect("the track is live");
    format!("Playing {hz} Hz in {}.", channel.mention())
}

async fn obey(context: &Context, command: &CommandInteraction) -> serenity::Result<()> {
    let Some(channel) = channel_of(context, command.user.id) else {
        let answer = CreateInteractionResponseMessage::new().content(NOT_IN_VOICE);
        return command
            .create_response(context, CreateInteractionResponse::Message(answer))
            .await;
    };
    command.defer(context).await?;
    let hz = command.data.options.iter().find(|option| option.name == "hz");
    let hz = hz
        .and_then(|option| option.value.as_i64())
        .expect("the option is required");
    let answer = play_in(context, channel, hz as f64).await;
    command
        .edit_response(context, EditInteractionResponse::new().content(answer))
        .await
        .map(drop)
}

struct Commanded;

#[async_trait]
impl EventHandler for Commanded {
    async fn cache_ready(&self, context: Context, _: Vec<GuildId>) {
        let hz = CreateCommandOption::new(CommandOptionType::Integer, "hz", "How high")
            .required(true)
            .min_int_value(20);
        let play = CreateCommand::new("play")
            .description("Plays a tone in your voice channel")
            .add_option(hz);
        guild()
            .create_command(&context, play)
            .await
            .expect("the command is registered");
        say("ready");
    }

    async fn message(&self, context: Context, message: Message) {
        let Some(hz) = message
            .content
            .strip_prefix("!play ")
            .and_then(|hz| hz.parse().ok())
        else {
            return;
        };
        let answer = match channel_of(&context, message.author.id) {
            Some(channel) => play_in(&context, channel, hz).await,
            None => NOT_IN_VOICE.to_owned(),
        };
        message.reply(&context, answer).await.expect("the reply is taken");
    }

    async fn interaction_create(&self, context: Context, interaction: Interaction) {
        if let Some(command) = interaction
            .command()
            .filter(|command| command.data.name == "play")
        {
            obey(&context, &command).await.expect("the answer is taken");
        }
    }
}

pub async fn run() {
    let intents = GatewayIntents::GUILDS
        | GatewayIntents::GUILD_VOICE_STATES
        | GatewayIntents::GUILD_MESSAGES
        | GatewayIntents::MESSAGE_CONTENT;
    let mut bot = client(intents)
        .event_handler(Commanded)
        .register_songbird()
        .await
        .expect("the client is built");
    bot.start().await.expect("the client runs until it is ended");
}

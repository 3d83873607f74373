//! Joins, plays a tone, listens, moves, plays again, leaves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serenity::all::{Context, EventHandler, GatewayIntents, GuildId};
use serenity::async_trait;
use songbird::driver::{Channels, DecodeConfig, DecodeMode, SampleRate};
use songbird::{
    Config, CoreEvent, Event, EventContext, EventHandler as VoiceHandler, SerenityInit, TrackEvent,
};
use tokio::sync::{mpsc, Notify};

use crate::judged::{client, guild, id, say, setting};
use crate::sound::{level, tone, RATE};

/// Collects the decoded left channel of everyone who speaks.
struct Listener(Arc<Mutex<Vec<f64>>>);

#[async_trait]
impl VoiceHandler for Listener {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        if let EventContext::VoiceTick(tick) = context {
            let mut heard = self.0.lock().expect("no holder panics");
            for voice in tick
                .speaking
                .values()
                .filter_map(|voice| voice.decoded_voice.as_ref())
            {
                heard.extend(
                    voice
                        .iter()
                        .step_by(2)
                        .map(|sample| f64::from(*sample) / 32_768.0),
                );
            }
        }
        None
    }
}

struct Ended(Arc<Notify>);

#[async_trait]
impl VoiceHandler for Ended {
    async fn act(&self, _: &EventContext<'_>) -> Option<Event> {
        self.0.notify_one();
        None
    }
}

async fn play(call: &tokio::sync::Mutex<songbird::Call>, hz: f64, seconds: usize) {
    let ended = Arc::new(Notify::new());
    let track = call.lock().await.play_input(tone(hz, seconds));
    track
        .add_event(Event::Track(TrackEvent::End), Ended(ended.clone()))
        .expect("the track is live");
    tokio::time::timeout(Duration::from_secs(seconds as u64 + 10), ended.notified())
        .await
        .expect("the track ends in its time");
}

async fn visit(context: Context) {
    let hz: f64 = setting("TONE_HZ").parse().expect("a frequency");
    let listen_hz: f64 = setting("LISTEN_HZ").parse().expect("a frequency");
    let manager = songbird::get(&context).await.expect("songbird is registered");
    let channel = |name| serenity::all::ChannelId::from(id(name));

    let call = manager.join(guild(), channel("CHANNEL")).await.expect("joins");
    say("joined");

    let heard = Arc::new(Mutex::new(Vec::new()));
    call.lock()
        .await
        .add_global_event(CoreEvent::VoiceTick.into(), Listener(heard.clone()));
    play(&call, hz, 5).await;
    say("played");
    {
        let heard = heard.lock().expect("no holder panics");
        let second = &heard[heard.len() / 2..][..RATE.min(heard.len() / 2)];
        println!(r#"{{"event":"heard","level":{:.1}}}"#, level(second, listen_hz));
    }

    manager
        .join(guild(), channel("SECOND_CHANNEL"))
        .await
        .expect("moves");
    play(&call, hz, 1).await;
    say("moved");
    manager.remove(guild()).await.expect("leaves");
    say("left");
}

struct Ready(mpsc::Sender<Context>);

#[async_trait]
impl EventHandler for Ready {
    async fn cache_ready(&self, context: Context, _: Vec<GuildId>) {
        // The receiver takes the first one only; a reconnect's second one has nowhere to go.
        let _ = self.0.send(context).await;
    }
}

pub async fn run() {
    let (ready, mut contexts) = mpsc::channel(1);
    let config = Config::default().decode_mode(DecodeMode::Decode(DecodeConfig::new(
        Channels::Stereo,
        SampleRate::Hz48000,
    )));
    let mut bot = client(GatewayIntents::GUILDS | GatewayIntents::GUILD_VOICE_STATES)
        .event_handler(Ready(ready))
        .register_songbird_from_config(config)
        .await
        .expect("the client is built");
    let shards = bot.shard_manager.clone();
    tokio::spawn(async move { bot.start().await });
    let context = tokio::time::timeout(Duration::from_secs(20), contexts.recv())
        .await
        .expect("logs in within 20 s")
        .expect("the client runs");
    visit(context).await;
    shards.shutdown_all().await;
}

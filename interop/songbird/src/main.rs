//! A bot on serenity and songbird: joins, plays a tone, listens, moves, plays again, leaves.
//! See ../README.md for the contract.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serenity::all::{
    ClientBuilder, Context, EventHandler, GatewayIntents, GuildId, HttpBuilder,
};
use serenity::async_trait;
use songbird::driver::{Channels, DecodeMode, DecodeConfig, SampleRate};
use songbird::input::{Input, RawAdapter};
use songbird::{Config, CoreEvent, Event, EventContext, EventHandler as VoiceHandler, SerenityInit, TrackEvent};
use tokio::sync::{mpsc, Notify};

const RATE: usize = 48_000;

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("the judge sets {name}"))
}

fn id(name: &str) -> NonZeroU64 {
    setting(name).parse().expect("an id")
}

/// Interleaved stereo samples of a sine wave, as little-endian 32-bit floats.
fn tone(hz: f64, seconds: usize) -> Input {
    let wave = (0..seconds * RATE).flat_map(|i| {
        let sample = (0.37 * (TAU * hz * i as f64 / RATE as f64).sin()) as f32;
        [sample, sample]
    });
    let bytes: Vec<u8> = wave.flat_map(f32::to_le_bytes).collect();
    RawAdapter::new(Cursor::new(bytes), RATE as u32, 2).into()
}

/// Level of one frequency in dBFS (Goertzel).
fn level(samples: &[f64], hz: f64) -> f64 {
    let step = 2.0 * (TAU * hz / RATE as f64).cos();
    let (mut a, mut b) = (0.0, 0.0);
    for sample in samples {
        (a, b) = (sample + step * a - b, a);
    }
    let amplitude = 2.0 * (a * a + b * b - step * a * b).max(0.0).sqrt() / samples.len() as f64;
    20.0 * amplitude.max(1e-9).log10()
}

/// Collects the decoded left channel of everyone who speaks.
struct Listener(Arc<Mutex<Vec<f64>>>);

#[async_trait]
impl VoiceHandler for Listener {
    async fn act(&self, context: &EventContext<'_>) -> Option<Event> {
        if let EventContext::VoiceTick(tick) = context {
            let mut heard = self.0.lock().expect("no holder panics");
            for voice in tick.speaking.values().filter_map(|voice| voice.decoded_voice.as_ref()) {
                heard.extend(voice.iter().step_by(2).map(|sample| f64::from(*sample) / 32_768.0));
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
    track.add_event(Event::Track(TrackEvent::End), Ended(ended.clone())).expect("the track is live");
    tokio::time::timeout(Duration::from_secs(seconds as u64 + 10), ended.notified())
        .await
        .expect("the track ends in its time");
}

async fn run(context: Context) {
    let guild = GuildId::from(id("GUILD"));
    let hz: f64 = setting("TONE_HZ").parse().expect("a frequency");
    let listen_hz: f64 = setting("LISTEN_HZ").parse().expect("a frequency");
    let manager = songbird::get(&context).await.expect("songbird is registered");
    let channel = |name| serenity::all::ChannelId::from(id(name));

    let call = manager.join(guild, channel("CHANNEL")).await.expect("joins");
    println!(r#"{{"event":"joined"}}"#);

    let heard = Arc::new(Mutex::new(Vec::new()));
    call.lock().await.add_global_event(CoreEvent::VoiceTick.into(), Listener(heard.clone()));
    play(&call, hz, 5).await;
    println!(r#"{{"event":"played"}}"#);
    {
        let heard = heard.lock().expect("no holder panics");
        let second = &heard[heard.len() / 2..][..RATE.min(heard.len() / 2)];
        println!(r#"{{"event":"heard","level":{:.1}}}"#, level(second, listen_hz));
    }

    manager.join(guild, channel("SECOND_CHANNEL")).await.expect("moves");
    play(&call, hz, 1).await;
    println!(r#"{{"event":"moved"}}"#);
    manager.remove(guild).await.expect("leaves");
    println!(r#"{{"event":"left"}}"#);
}

struct Ready(mpsc::Sender<Context>);

#[async_trait]
impl EventHandler for Ready {
    async fn cache_ready(&self, context: Context, _: Vec<GuildId>) {
        // The receiver takes the first one only; a reconnect's second one has nowhere to go.
        let _ = self.0.send(context).await;
    }
}

#[tokio::main]
async fn main() {
    let (ready, mut contexts) = mpsc::channel(1);
    // The library's own rate limiter does not know of a proxy and would wait for nothing.
    let http = HttpBuilder::new(setting("TOKEN")).proxy(setting("BASE")).ratelimiter_disabled(true).build();
    let config = Config::default()
        .decode_mode(DecodeMode::Decode(DecodeConfig::new(Channels::Stereo, SampleRate::Hz48000)));
    let mut bot =
        ClientBuilder::new_with_http(http, GatewayIntents::GUILDS | GatewayIntents::GUILD_VOICE_STATES)
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
    run(context).await;
    shards.shutdown_all().await;
}

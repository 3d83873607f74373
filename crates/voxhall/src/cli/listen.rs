//! `voxhall listen`: tell what each person in a channel sends, for people or for programs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use voxhall_client::{ConnectionState, OpusPacket, SpeakerPcm, SpeakingChange, VoiceConnection};
use voxhall_media::signal::analysis::{SILENCE_DB, rms_db};
use voxhall_protocol::gateway::Event;
use voxhall_protocol::ids::{ChannelId, UserId};

use super::account::{Account, AccountArgs, Fallback};
use super::session::Session;

/// How often it is told what was heard.
const WINDOW: Duration = Duration::from_millis(200);
/// Packets, ticks and events that may wait to be looked at; what is lost beyond that is told.
const WAITING: usize = 4096;

/// Tell what each person in a voice channel sends: level, source, packets, gaps
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  voxhall listen
  voxhall listen 966416163309518878 --json --frames
  voxhall listen --seconds 5 --json")]
pub struct Args {
    /// The voice channel [default: the first of dev.json]
    #[arg(value_name = "CHANNEL")]
    channel: Option<ChannelId>,

    /// One JSON object per line, for programs
    #[arg(long)]
    json: bool,

    /// With every window the Opus packets themselves, in hex
    #[arg(long, requires = "json")]
    frames: bool,

    /// Stop after this many seconds [default: when asked to]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,

    #[command(flatten)]
    account: AccountArgs,
}

impl Args {
    /// Listens until the time is over or the person asks to stop.
    pub async fn run(self) -> Result<()> {
        let account = self.account.resolve(Fallback::Bot(1))?;
        let channel = account.voice_channel(self.channel)?;
        let Some(mut session) = Session::log_in(&account).await? else {
            return Ok(());
        };
        let events = session.client.events(WAITING);
        let Some(connection) = session.join(&account, channel).await? else {
            return Ok(());
        };
        let report = Report {
            json: self.json,
            frames: self.frames,
            account: &account,
        };
        report.tell(json!({"event": "joined", "channel": channel, "user": session.client.user().id}))?;
        let listening = report.listen(&connection, events, self.seconds.map(Duration::from_secs));
        let ended = session.during(&connection, listening).await;
        session.leave(&connection).await;
        ended.map(drop)
    }
}

/// How what happens is told.
struct Report<'a> {
    json: bool,
    frames: bool,
    account: &'a Account,
}

/// What one person sent within a window.
#[derive(Default)]
struct Heard {
    packets: Vec<OpusPacket>,
    pcm: Vec<f32>,
}

impl Report<'_> {
    async fn listen(
        &self,
        connection: &VoiceConnection,
        mut events: voxhall_client::Subscription<Arc<Event>>,
        time: Option<Duration>,
    ) -> Result<()> {
        let mut packets = connection.packets(WAITING);
        let mut ticks = connection.pcm(WAITING);
        let mut speaking = connection.speaking(WAITING);
        let mut states = connection.watch();
        let mut window = tokio::time::interval(WINDOW);
        let mut gaps = Gaps::default();
        let mut heard: BTreeMap<UserId, Heard> = BTreeMap::new();
        let mut over = std::pin::pin!(tokio::time::sleep(time.unwrap_or(Duration::MAX)));
        loop {
            tokio::select! {
                () = over.as_mut() => return Ok(()),
                packet = packets.recv() => {
                    let packet = packet.context("the connection has ended")?;
                    heard.entry(packet.user).or_default().packets.push(packet);
                }
                Some(tick) = ticks.recv() => {
                    for SpeakerPcm { user, pcm } in tick.speaking {
                        heard.entry(user).or_default().pcm.extend_from_slice(&pcm);
                    }
                }
                Some(change) = speaking.recv() => self.tell(described(change))?,
                Some(event) = events.recv() => self.tell_dispatch(&event)?,
                Ok(()) = states.changed() => {
                    let state = states.borrow_and_update().clone();
                    self.tell(json!({"event": "state", "connected": state == ConnectionState::Connected, "state": state.to_string()}))?;
                }
                _ = window.tick() => {
                    let missed = packets.missed() + ticks.missed();
                    if missed > gaps.unheard {
                        gaps.unheard = missed;
                        bail!("{missed} packets were not looked at in time; this machine is too slow to listen");
                    }
                    for (user, heard) in std::mem::take(&mut heard) {
                        self.tell_heard(user, heard, &mut gaps)?;
                    }
                }
            }
        }
    }

    fn tell_heard(&self, user: UserId, heard: Heard, gaps: &mut Gaps) -> Result<()> {
        let ssrc = heard.packets.last().map(|packet| packet.ssrc);
        let lost: u64 = heard.packets.iter().map(|packet| gaps.before(packet)).sum();
        let level = if heard.pcm.is_empty() {
            SILENCE_DB
        } else {
            rms_db(&heard.pcm)
        };
        let mut line = json!({
            "event": "heard", "user": user, "ssrc": ssrc, "level": (level * 10.0).round() / 10.0,
            "packets": heard.packets.len(), "lost": lost, "window_ms": WINDOW.as_millis(),
        });
        if self.frames {
            let frames: Vec<String> = heard.packets.iter().map(|packet| hex(&packet.payload)).collect();
            line["frames"] = json!(frames);
        }
        self.tell(line)
    }

    /// Tells what the main Gateway says of voice.
    fn tell_dispatch(&self, event: &Event) -> Result<()> {
        let data = match event {
            Event::VoiceStateUpdate(state) => serde_json::to_value(state)?,
            Event::ChannelDelete(channel) => serde_json::to_value(channel)?,
            _ => return Ok(()),
        };
        self.tell(json!({"event": "dispatch", "name": event.name(), "data": data}))
    }

    fn tell(&self, mut line: Value) -> Result<()> {
        let text = if self.json {
            line["at_ms"] = json!(unix_ms());
            line.to_string()
        } else {
            match self.in_words(&line) {
                Some(words) => words,
                None => return Ok(()),
            }
        };
        let mut output = std::io::stdout();
        writeln!(output, "{text}")
            .and_then(|()| output.flush())
            .context("nobody reads what is heard any more")
    }

    fn in_words(&self, line: &Value) -> Option<String> {
        let name = || {
            let user = line["user"].as_str()?.parse().ok()?;
            Some(self.account.name_of(user))
        };
        Some(match line["event"].as_str()? {
            "joined" => format!(
                "Listening in channel {}. Ctrl-C stops.",
                line["channel"].as_str()?
            ),
            "heard" => format!(
                "{}  {:6.1} dBFS  {} packets, {} lost, SSRC {}",
                name()?,
                line["level"].as_f64()?,
                line["packets"],
                line["lost"],
                line["ssrc"],
            ),
            "speaking" if line["speaking"] == true => format!("{} speaks", name()?),
            "speaking" => format!("{} is silent", name()?),
            _ => return None,
        })
    }
}

fn described(change: SpeakingChange) -> Value {
    let (user, speaking) = match change {
        SpeakingChange::Started(user) => (user, true),
        SpeakingChange::Stopped(user) => (user, false),
    };
    json!({"event": "speaking", "user": user, "speaking": speaking})
}

/// Finds packets that never came, by the numbers of those that did.
#[derive(Default)]
struct Gaps {
    /// The highest number of each source.
    last: BTreeMap<u32, u16>,
    /// Packets that came, but were not looked at in time.
    unheard: u64,
}

/// A jump by more than this is a new beginning and no loss (RFC 3550, appendix A.1).
const LARGEST_GAP: u16 = 3000;

impl Gaps {
    /// How many packets are missing before this one.
    fn before(&mut self, packet: &OpusPacket) -> u64 {
        let last = self.last.insert(packet.ssrc.0, packet.sequence);
        let Some(last) = last else { return 0 };
        match packet.sequence.wrapping_sub(last) {
            0 => 0,
            step @ 1..=LARGEST_GAP => u64::from(step) - 1,
            // One that comes late: the newest stays the newest.
            back if back > u16::MAX - LARGEST_GAP => {
                self.last.insert(packet.ssrc.0, last);
                0
            }
            _ => 0,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use voxhall_protocol::voice::Ssrc;

    use super::*;

    fn packet(ssrc: u32, sequence: u16) -> OpusPacket {
        OpusPacket {
            user: UserId(1),
            ssrc: Ssrc(ssrc),
            sequence,
            timestamp: 0,
            payload: vec![0xf8, 0xff, 0xfe].into(),
            arrived: Instant::now(),
            captured: None,
        }
    }

    #[test]
    fn what_never_came_is_counted_and_what_came_late_is_not() {
        let mut gaps = Gaps::default();
        let found: Vec<u64> = [
            (1, 65_534),
            (1, 65_535),
            (1, 2),
            (1, 1),
            (1, 3),
            (2, 900),
            (2, 20_000),
            (2, 20_001),
        ]
        .map(|(ssrc, sequence)| gaps.before(&packet(ssrc, sequence)))
        .to_vec();
        assert_eq!(found, [0, 0, 2, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn packets_are_written_in_hex() {
        assert_eq!(hex(&packet(1, 1).payload), "f8fffe");
    }
}

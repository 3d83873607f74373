//! A bot that joins, plays, listens, moves and leaves.

use anyhow::{Context as _, Result, ensure};
use voxhall_client::{Subscription, VoiceClient, VoiceConnection, VoiceTick};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_system::World;
use voxhall_system::sound::tone;

use crate::bot::Bot;
use crate::library::Library;
use crate::sound::{LOUD_DB, OUR_HZ, hear};
use crate::told::Told;

/// One client being judged: our own one listens in both channels and plays in the first.
struct Visit<'a> {
    library: &'a Library,
    bot: Bot,
    user: UserId,
    told: Told,
}

/// Judges a bot of a library.
pub async fn judge(library: &Library, world: &World) -> Result<()> {
    let [first, second] = world.voice_channels[..] else {
        anyhow::bail!("the world has two voice channels")
    };
    let ours = world.login_bot(0).await?;
    let told = Told::to(&ours);
    let connection = ours.join(world.guild_id, first).await?;
    let _music = connection.play(tone(OUR_HZ));
    let mut pcm = connection.pcm(512);

    let variables = [
        ("CHANNEL", first.to_string()),
        ("SECOND_CHANNEL", second.to_string()),
        ("TONE_HZ", library.hz.to_string()),
        ("LISTEN_HZ", OUR_HZ.to_string()),
    ];
    let mut visit = Visit {
        library,
        bot: Bot::start(library, library.visit, world, &variables)?,
        user: world.bots[1].id,
        told,
    };
    visit.joins(first).await?;
    visit.is_heard(&mut pcm, 4.5).await?;
    visit.plays_and_hears().await?;
    visit.moves(&ours, world, second).await?;
    visit.leaves().await?;
    connection.leave().await;
    ours.close().await;
    Ok(())
}

impl Visit<'_> {
    fn passed(&self, what: &str) {
        println!("{}: {what}", self.library.name);
    }

    async fn joins(&mut self, channel: ChannelId) -> Result<()> {
        self.bot.expect("joined").await?;
        self.told.sees_in(self.user, Some(channel)).await?;
        self.passed("joins");
        Ok(())
    }

    async fn is_heard(&mut self, pcm: &mut Subscription<VoiceTick>, seconds: f32) -> Result<()> {
        let how = hear(pcm, self.user, self.library.hz, seconds).await?;
        self.passed(&how);
        Ok(())
    }

    async fn plays_and_hears(&mut self) -> Result<()> {
        self.bot.expect("played").await?;
        self.passed("plays to the end");
        if self.library.listens {
            let heard = self.bot.expect("heard").await?;
            let level = heard.level.context("`heard` tells a level")?;
            ensure!(level > LOUD_DB, "it heard our tone at {level:.1} dBFS");
            self.passed(&format!("hears us at {level:.1} dBFS"));
        }
        Ok(())
    }

    async fn moves(&mut self, ours: &VoiceClient, world: &World, channel: ChannelId) -> Result<()> {
        self.told.sees_in(self.user, Some(channel)).await?;
        let connection: VoiceConnection = ours.join(world.guild_id, channel).await?;
        let mut pcm = connection.pcm(512);
        self.is_heard(&mut pcm, 0.5).await.context("after the move")?;
        self.bot.expect("moved").await?;
        self.passed("moves");
        Ok(())
    }

    async fn leaves(&mut self) -> Result<()> {
        self.told.sees_in(self.user, None).await?;
        self.bot.expect("left").await?;
        let status = self.bot.end().await?;
        ensure!(status.success(), "it ended with {status}");
        self.passed("leaves");
        Ok(())
    }
}

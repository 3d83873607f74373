//! Reads `dev.json`, where `voxhall serve --dev` says how to reach it.

use std::error::Error;
use std::fs;

use serde::Deserialize;
use voxhall_client::{ClientConfig, Trust};
use voxhall_protocol::ids::{ChannelId, GuildId};

/// A development server and what is in it.
pub struct World {
    file: File,
    /// Its guild.
    pub guild: GuildId,
    /// The first voice channel of the guild.
    pub channel: ChannelId,
}

#[derive(Deserialize)]
struct File {
    api: String,
    ca: std::path::PathBuf,
    guild_id: GuildId,
    voice_channels: Vec<ChannelId>,
    bots: Vec<Account>,
}

#[derive(Deserialize)]
struct Account {
    token: String,
}

impl World {
    /// Reads the file.
    pub fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let file: File = serde_json::from_str(&text)?;
        let channel = *file
            .voice_channels
            .first()
            .ok_or("dev.json names no voice channel")?;
        Ok(Self {
            guild: file.guild_id,
            channel,
            file,
        })
    }

    /// How to log in as one of its bots.
    pub fn bot(&self, index: usize) -> ClientConfig {
        let token = &self.file.bots[index % self.file.bots.len()].token;
        ClientConfig::bot(&self.file.api, token).with_trust(Trust::CaFile(self.file.ca.clone()))
    }
}

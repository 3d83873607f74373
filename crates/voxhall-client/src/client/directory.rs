use std::collections::{HashMap, HashSet};

use voxhall_protocol::gateway::Event;
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::model::{Channel, Guild, ReadyGuild, ReadyPayload};

use crate::Error;

/// The guilds and channels the account sees: just enough to say "there is no such channel" at once, because the server
/// answers a wrong op 4 with silence.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// `None` while only a stub of the guild has come.
    guilds: HashMap<GuildId, Option<HashSet<ChannelId>>>,
}

impl Directory {
    /// A session begins with this list.
    pub(super) fn reset(&mut self, ready: &ReadyPayload) {
        self.guilds.clear();
        for guild in &ready.guilds {
            match guild {
                ReadyGuild::Whole(guild) => self.whole(guild),
                ReadyGuild::Unavailable(stub) => {
                    self.guilds.insert(stub.id, None);
                }
            }
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::GuildCreate(guild) => self.whole(guild),
            Event::GuildDelete(gone) => {
                self.guilds.remove(&gone.id);
            }
            Event::ChannelCreate(channel) => {
                if let Some(channels) = self.channels_beside(channel) {
                    channels.insert(channel.id);
                }
            }
            Event::ChannelDelete(channel) => {
                if let Some(channels) = self.channels_beside(channel) {
                    channels.remove(&channel.id);
                }
            }
            _ => {}
        }
    }

    /// What is known for certain to be wrong.
    pub(super) fn check(&self, guild: GuildId, channel: ChannelId) -> Result<(), Error> {
        match self.guilds.get(&guild) {
            None => Err(Error::UnknownGuild { guild }),
            Some(Some(channels)) if !channels.contains(&channel) => {
                Err(Error::UnknownChannel { guild, channel })
            }
            Some(_) => Ok(()),
        }
    }

    fn whole(&mut self, guild: &Guild) {
        let channels = guild.channels.iter().map(|channel| channel.id).collect();
        self.guilds.insert(guild.id, Some(channels));
    }

    fn channels_beside(&mut self, channel: &Channel) -> Option<&mut HashSet<ChannelId>> {
        self.guilds.get_mut(&channel.guild_id?)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certain_mistakes_are_refused() {
        let mut directory = Directory::default();
        let (guild, channel) = (GuildId(1), ChannelId(2));
        assert!(matches!(
            directory.check(guild, channel),
            Err(Error::UnknownGuild { .. })
        ));
        directory.guilds.insert(guild, None);
        assert!(
            directory.check(guild, channel).is_ok(),
            "a stub says nothing about channels"
        );
        directory
            .guilds
            .insert(guild, Some(HashSet::from([ChannelId(3)])));
        assert!(matches!(
            directory.check(guild, channel),
            Err(Error::UnknownChannel { .. })
        ));
        assert!(directory.check(guild, ChannelId(3)).is_ok());
    }
}

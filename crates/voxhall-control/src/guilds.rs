//! Guilds that change while people are in them.
//!
//! [`Core::change_guild`] is the one way: it decides, writes, tells those whom it concerns, and then looks at every
//! room of the guild again, because nearly any change may take or give somebody a right.

mod news;
mod sight;

use std::time::Duration;

use voxhall_protocol::ids::{ChannelId, GuildId, UserId};

use crate::calls::timers::Timer;
use crate::control::Core;
use crate::directory::{GuildWrite, World};
use crate::{Error, wall};
use news::Pending;

/// Who changes a guild, and why: what the log says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Author {
    /// The account; `None` for the operator.
    pub(crate) user: Option<UserId>,
    /// Why, in its own words.
    pub(crate) reason: Option<String>,
}

impl Core {
    /// Decides on a change of a guild and carries it out: SQL, the copy in memory, events, running calls.
    ///
    /// Changes are taken one after the other, so what `decide` saw still holds when its writes are carried out, and
    /// everybody is told of changes in the order in which they were made.
    ///
    /// # Errors
    /// Those of `decide`, which leave all as it was; those of directory and switchboard.
    pub(crate) async fn change_guild<E: From<Error>>(
        &self,
        guild: GuildId,
        author: &Author,
        decide: impl FnOnce(&World) -> Result<Vec<GuildWrite>, E>,
    ) -> Result<(), E> {
        let _changing = self.changing_guilds.lock().await;
        let writes = decide(&self.directory.read())?;
        if writes.is_empty() {
            return Ok(());
        }
        // Whoever loses its place leaves first, as long as the others may still be told where it was.
        self.calls.act(|facts| facts.take_out(guild, &writes)).await?;
        let regions = self.changed_regions(&writes);
        let pending = Pending::before(&self.directory.read(), &self.hub, guild, &writes);
        self.directory.write_guild(guild, writes.clone()).await?;
        log(guild, author, &writes);
        self.tell(pending, &writes);
        for (channel, region) in regions {
            self.calls
                .act(|facts| facts.change_region(channel, region.as_deref()))
                .await?;
        }
        self.watch_time_outs(guild, &writes);
        self.look_at_rooms(guild).await?;
        Ok(())
    }

    /// Looks at every room of a guild again: who must leave, who may speak.
    pub(crate) async fn look_at_rooms(&self, guild: GuildId) -> Result<bool, Error> {
        self.calls.act(|facts| facts.reconsider(guild)).await
    }

    fn tell(&self, pending: Pending, writes: &[GuildWrite]) {
        let world = self.directory.read();
        let dispatches = pending.after(&world, &self.calls.view(), writes);
        for dispatch in dispatches {
            self.hub.deliver(&world, dispatch);
        }
    }

    /// The channels that get another region, and which.
    fn changed_regions(&self, writes: &[GuildWrite]) -> Vec<(ChannelId, Option<String>)> {
        let world = self.directory.read();
        let changed = writes.iter().filter_map(|write| {
            let GuildWrite::PutChannel(after) = write else {
                return None;
            };
            let (_, before) = world.guild_channel(after.id)?;
            (before.rtc_region != after.rtc_region).then(|| (after.id, after.rtc_region.clone()))
        });
        changed.collect()
    }

    /// When a time-out ends, its owner may speak again.
    fn watch_time_outs(&self, guild: GuildId, writes: &[GuildWrite]) {
        let now = wall::now_ms();
        for write in writes {
            let GuildWrite::PutMember(member) = write else {
                continue;
            };
            let timer = Timer::TimeOut(guild, member.user_id);
            match member.timed_out_until_ms.filter(|until| *until > now) {
                Some(until) => self.calls.set_timer(timer, Duration::from_millis(until - now)),
                None => self.calls.clear_timer(&timer),
            }
        }
    }
}

fn log(guild: GuildId, author: &Author, writes: &[GuildWrite]) {
    let reason = author.reason.as_deref();
    let user = author.user.map(tracing::field::display);
    for write in writes {
        tracing::info!(%guild, user, reason, change = write.name(), id = write.subject(), "a guild is changed");
    }
}

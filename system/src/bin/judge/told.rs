//! What the judge's own client is told on its main Gateway.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use voxhall_client::{Subscription, VoiceClient};
use voxhall_protocol::gateway::Event;
use voxhall_protocol::ids::{ChannelId, UserId};

use crate::PATIENCE;

/// Events that may wait to be looked at.
const WAITING: usize = 1024;

/// Events in the order in which they are asked for, whatever the order in which they came: a bot may answer before or
/// after it joins.
#[derive(Debug)]
pub struct Told {
    coming: Subscription<Arc<Event>>,
    kept: Vec<Arc<Event>>,
}

impl Told {
    /// What `client` is told from now on.
    pub fn to(client: &VoiceClient) -> Self {
        Self {
            coming: client.events(WAITING),
            kept: Vec::new(),
        }
    }

    /// The first event since the last [`Self::forget`] of which `look` makes something, each only once.
    pub async fn find<T>(&mut self, what: &str, mut look: impl FnMut(&Event) -> Option<T>) -> Result<T> {
        let known = self.kept.iter().enumerate();
        if let Some((place, found)) = known
            .filter_map(|(place, event)| Some((place, look(event)?)))
            .next()
        {
            self.kept.remove(place);
            return Ok(found);
        }
        tokio::time::timeout(PATIENCE, async {
            loop {
                let event = self
                    .coming
                    .recv()
                    .await
                    .context("our own Gateway session ended")?;
                match look(&event) {
                    Some(found) => return anyhow::Ok(found),
                    None => self.kept.push(event),
                }
            }
        })
        .await
        .with_context(|| format!("nobody was told {what}"))?
    }

    /// Passes over everything that came so far.
    pub fn forget(&mut self) {
        self.kept.clear();
        while self.coming.try_recv().is_some() {}
    }

    /// Waits until `user` is in this channel, or with `None` in none.
    pub async fn sees_in(&mut self, user: UserId, channel: Option<ChannelId>) -> Result<()> {
        self.find(&format!("that it is in {channel:?}"), |event| match event {
            Event::VoiceStateUpdate(state) if state.user_id == user && state.channel_id == channel => {
                Some(())
            }
            _ => None,
        })
        .await
    }
}

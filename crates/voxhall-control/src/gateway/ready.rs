//! What a session begins with: READY and what follows it (gateway-and-calls, section 3).

use serde_json::{Value, json};
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{Capabilities, Event, Intents, ReadySupplemental, SupplementalGuild};
use voxhall_protocol::ids::ApplicationId;
use voxhall_protocol::model::{self, PartialApplication, ReadyGuild, ReadyPayload, UnavailableGuild};

use super::hub::Profile;
use crate::calls::reaction;
use crate::calls::view::LiveView;
use crate::directory::{Guild, User, World};
use crate::render::{self, OtherMembers};

/// The most members in a guild object that nobody asked for.
const MOST_OTHER_MEMBERS: usize = 250;

/// All that READY is made of.
pub(crate) struct Greeting<'a> {
    pub(crate) world: &'a World,
    pub(crate) view: &'a LiveView,
    pub(crate) account: &'a User,
    pub(crate) profile: &'a Profile,
    pub(crate) session_id: &'a str,
    /// The Gateway version that was asked for.
    pub(crate) version: u8,
    /// The outside address of the Gateway.
    pub(crate) gateway_url: &'a str,
    /// Region ids, nearest first.
    pub(crate) regions: Vec<String>,
}

impl Greeting<'_> {
    /// The events a session begins with, in their order.
    pub(crate) fn events(&self) -> Vec<Event> {
        if self.profile.bot {
            self.events_of_bot()
        } else {
            self.events_of_person()
        }
    }

    fn guilds(&self) -> impl Iterator<Item = &Guild> {
        let guilds = self.world.guilds_of(self.account.id);
        guilds.filter(|guild| self.profile.holds_guild(guild.id))
    }

    fn ready(&self) -> ReadyPayload {
        let own = render::own_user(self.account);
        ReadyPayload {
            geo_ordered_rtc_regions: self.regions.clone(),
            ..ReadyPayload::new(self.version, own, self.session_id, self.gateway_url)
        }
    }

    fn events_of_bot(&self) -> Vec<Event> {
        let stub = |guild: &Guild| ReadyGuild::Unavailable(UnavailableGuild::stub(guild.id));
        let ready = ReadyPayload {
            guilds: self.guilds().map(stub).collect(),
            application: Some(PartialApplication {
                id: ApplicationId(self.account.id.0),
                flags: 0,
                extra: Extra::new(),
            }),
            shard: self.profile.shard,
            ..self.ready()
        };
        let mut events = vec![Event::Ready(Box::new(ready))];
        if self.profile.intents.contains(Intents::GUILDS) {
            events.extend(
                self.guilds()
                    .map(|guild| Event::GuildCreate(Box::new(self.guild(guild)))),
            );
        }
        events
    }

    fn guild(&self, guild: &Guild) -> model::Guild {
        // A bot that did not ask for members has no use for those that nobody talks about.
        let others = if !self.profile.bot || self.profile.intents.contains(Intents::GUILD_MEMBERS) {
            (self.profile.large_threshold as usize).min(MOST_OTHER_MEMBERS)
        } else {
            0
        };
        render::guild(
            self.world,
            self.view,
            guild,
            self.account.id,
            OtherMembers(others),
        )
    }

    fn events_of_person(&self) -> Vec<Event> {
        let capabilities = self.profile.capabilities;
        let whole = |guild: &Guild| ReadyGuild::Whole(Box::new(self.guild(guild)));
        let mut ready = ReadyPayload {
            guilds: self.guilds().map(whole).collect(),
            private_channels: self.private_channels(),
            ..self.ready()
        };
        let versioned = capabilities.contains(Capabilities::VERSIONED_READ_STATES);
        ready.add_account_fields(&uuid_of(self.session_id), &self.acquaintances(), versioned);
        ready
            .extra
            .insert("sessions", json!([own_session(self.session_id)]));
        let mut events = vec![Event::Ready(Box::new(ready))];
        if capabilities.contains(Capabilities::PRIORITIZED_READY_PAYLOAD) {
            events.push(Event::ReadySupplemental(Box::new(self.supplemental())));
        }
        if capabilities.contains(Capabilities::AUTO_CALL_CONNECT) {
            events.extend(self.running_calls());
        }
        events
    }

    fn private_channels(&self) -> Vec<model::Channel> {
        let channels = self.world.private_of(self.account.id);
        let rendered = channels.map(|channel| render::private_channel(self.world, channel, self.account.id));
        let both = rendered.map(|channel| {
            let ids = channel.recipients.iter().flatten().map(|user| user.id).collect();
            model::Channel {
                recipient_ids: Some(ids),
                ..channel
            }
        });
        both.collect()
    }

    /// The people of all private channels.
    fn acquaintances(&self) -> Vec<model::User> {
        let recipients = self
            .world
            .private_of(self.account.id)
            .flat_map(|channel| &channel.recipients);
        let others: std::collections::BTreeSet<_> =
            recipients.filter(|user| **user != self.account.id).collect();
        others
            .into_iter()
            .map(|user| render::user_by_id(self.world, *user))
            .collect()
    }

    fn supplemental(&self) -> ReadySupplemental {
        let guilds = self.guilds().map(|guild| SupplementalGuild {
            id: guild.id,
            voice_states: render::visible_channels(self.world, guild, self.account.id)
                .flat_map(|channel| self.view.room(channel.id))
                .map(render::inner_voice_state)
                .collect(),
            activity_instances: Vec::new(),
            extra: Extra::new(),
        });
        let guilds: Vec<SupplementalGuild> = guilds.collect();
        ReadySupplemental {
            merged_members: vec![Vec::new(); guilds.len()],
            guilds,
            ..ReadySupplemental::default()
        }
    }

    fn running_calls(&self) -> impl Iterator<Item = Event> {
        let channels = self.world.private_of(self.account.id);
        let calls = channels.filter_map(|channel| self.view.call(channel.id));
        calls.filter_map(|call| reaction::call_create(call, self.view.room(call.channel_id).collect()))
    }
}

/// The session itself as one of the account's: some clients look for it there.
fn own_session(id: &str) -> Value {
    json!({
        "session_id": id, "active": true, "status": "online", "activities": [],
        "client_info": {"client": "unknown", "os": "unknown", "version": 0},
    })
}

/// 32 hex digits in the grouping of a UUID.
fn uuid_of(hex: &str) -> String {
    let group = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [
        group(0, 8),
        group(8, 12),
        group(12, 16),
        group(16, 20),
        group(20, 32),
    ]
    .join("-")
}

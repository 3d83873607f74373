//! What a session begins with: READY and what follows it (gateway-and-calls, section 3).

use serde::Serialize;
use serde_json::{Value, json};
use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{
    Capabilities, Event, Intents, MergedPresences, Presence, ReadySupplemental, SupplementalGuild,
};
use voxhall_protocol::ids::{ApplicationId, UserId};
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
        let rendered = render::guild(
            self.world,
            self.view,
            guild,
            self.account.id,
            OtherMembers(others),
        );
        let shown = !self.profile.bot || self.profile.intents.contains(Intents::GUILD_PRESENCES);
        let presences = if shown {
            self.presences(&rendered)
        } else {
            Vec::new()
        };
        model::Guild {
            presences: presences.iter().map(|presence| json!(presence)).collect(),
            ..rendered
        }
    }

    /// The presences of a guild object's members who are not offline.
    fn presences(&self, guild: &model::Guild) -> Vec<Presence> {
        let users = guild
            .members
            .iter()
            .filter_map(|member| Some(member.user.as_ref()?.id));
        let presences = self.view.presences();
        let online = users.filter(|user| presences.is_online(*user));
        online.map(|user| presences.render(user)).collect()
    }

    fn events_of_person(&self) -> Vec<Event> {
        let capabilities = self.profile.capabilities;
        let guilds: Vec<model::Guild> = self.guilds().map(|guild| self.guild(guild)).collect();
        let supplemental = self.supplemental(&guilds);
        let users = self.known_users(&guilds);
        let own = self.merged_members(&guilds, |user| user == self.account.id);
        let whole = |guild| ReadyGuild::Whole(Box::new(guild));
        let mut ready = ReadyPayload {
            guilds: guilds.into_iter().map(whole).collect(),
            private_channels: self.private_channels(),
            ..self.ready()
        };
        ready.add_account_fields(&uuid_of(self.session_id), &users, capabilities);
        ready
            .extra
            .insert("sessions", json!([own_session(self.session_id)]));
        ready.extra.insert("merged_members", json!(own));
        let mut events = vec![Event::Ready(Box::new(ready))];
        if capabilities.contains(Capabilities::PRIORITIZED_READY_PAYLOAD) {
            events.push(Event::ReadySupplemental(Box::new(supplemental)));
        }
        if capabilities.contains(Capabilities::AUTO_CALL_CONNECT) {
            events.extend(self.running_calls());
        }
        events
    }

    fn private_channels(&self) -> Vec<model::Channel> {
        let channels = self.world.open_private_of(self.account.id);
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

    /// The people of all private channels and guild objects.
    fn known_users(&self, guilds: &[model::Guild]) -> Vec<model::User> {
        let members = guilds.iter().flat_map(|guild| &guild.members);
        let members = members.filter_map(|member| Some(&member.user.as_ref()?.id));
        let recipients = self
            .world
            .private_of(self.account.id)
            .flat_map(|channel| &channel.recipients);
        let others: std::collections::BTreeSet<_> = recipients
            .chain(members)
            .filter(|user| **user != self.account.id)
            .collect();
        others
            .into_iter()
            .map(|user| render::user_by_id(self.world, *user))
            .collect()
    }

    /// Members of each guild object, with `user_id` in place of the user.
    fn merged_members(&self, guilds: &[model::Guild], wanted: impl Fn(UserId) -> bool) -> Vec<Vec<Value>> {
        let of_guild = |guild: &model::Guild| {
            let members = guild.members.iter().filter_map(|member| {
                let user = member.user.as_ref()?.id;
                wanted(user).then(|| with_user_id(&json!(member), user))
            });
            members.collect()
        };
        guilds.iter().map(of_guild).collect()
    }

    fn supplemental(&self, rendered: &[model::Guild]) -> ReadySupplemental {
        let guilds = self.guilds().map(|guild| SupplementalGuild {
            id: guild.id,
            voice_states: render::visible_channels(self.world, guild, self.account.id)
                .flat_map(|channel| self.view.room(channel.id))
                .map(render::inner_voice_state)
                .collect(),
            activity_instances: Vec::new(),
            extra: Extra::new(),
        });
        let presences = |guild| {
            let presences = self.presences(guild).into_iter();
            let merged = presences.map(|presence| {
                let user = presence.user["id"].clone();
                with_user_id(&json!(presence), user)
            });
            merged.collect()
        };
        ReadySupplemental {
            merged_members: self.merged_members(rendered, |user| user != self.account.id),
            merged_presences: MergedPresences {
                guilds: rendered.iter().map(presences).collect(),
                ..MergedPresences::default()
            },
            guilds: guilds.collect(),
            ..ReadySupplemental::default()
        }
    }

    fn running_calls(&self) -> impl Iterator<Item = Event> {
        let channels = self.world.private_of(self.account.id);
        let calls = channels.filter_map(|channel| self.view.call(channel.id));
        // One that lost its server is unavailable; everybody is told when it is back.
        let available = calls.filter(|call| self.view.node(&call.node).is_some());
        available.filter_map(|call| reaction::call_create(call, self.view.room(call.channel_id).collect()))
    }
}

/// An object with `user_id` in place of `user`.
fn with_user_id(object: &Value, user: impl Serialize) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("user");
        fields.insert("user_id".to_owned(), json!(user));
    }
    object
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

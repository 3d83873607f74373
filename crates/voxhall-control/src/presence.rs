//! Presences: what the sessions of an account say together, and who is told of it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use voxhall_live::{Platform, PresenceRecord};
use voxhall_protocol::gateway::{ClientStatus, Event, Presence, Status};
use voxhall_protocol::ids::UserId;

use crate::calls::reaction::{Audience, Dispatch};
use crate::directory::World;
use crate::gateway::outgoing::Outgoing;

/// What others see of an account whose sessions are not all invisible.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    status: Status,
    activities: Vec<Value>,
    client_status: ClientStatus,
}

/// What every session says, by account.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    said: HashMap<UserId, BTreeMap<String, PresenceRecord>>,
}

impl Presences {
    /// A session says something.
    pub(crate) fn put(&mut self, record: PresenceRecord) {
        let sessions = self.said.entry(record.user_id).or_default();
        sessions.insert(record.session_id.clone(), record);
    }

    /// A session is gone.
    pub(crate) fn remove(&mut self, user: UserId, session: &str) {
        if let Some(sessions) = self.said.get_mut(&user) {
            sessions.remove(session);
            if sessions.is_empty() {
                self.said.remove(&user);
            }
        }
    }

    /// What others see of an account; `None` means offline.
    pub(crate) fn of(&self, user: UserId) -> Option<Shown> {
        let visible = self.said.get(&user)?.values();
        merge(visible.filter(|record| record.status.is_visible()))
    }

    /// Whether others see an account as being there.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        let sessions = self.said.get(&user).into_iter().flat_map(BTreeMap::values);
        sessions.into_iter().any(|record| record.status.is_visible())
    }

    /// The presence of an account as it stands in lists.
    pub(crate) fn render(&self, user: UserId) -> Presence {
        render(user, self.of(user).as_ref())
    }
}

/// What several sessions say together: the status of the most pressing one, and all activities.
fn merge<'a>(records: impl Iterator<Item = &'a PresenceRecord>) -> Option<Shown> {
    let mut shown: Option<Shown> = None;
    for record in records {
        let shown = shown.get_or_insert_with(|| Shown {
            status: record.status.clone(),
            activities: Vec::new(),
            client_status: ClientStatus::default(),
        });
        prefer(&mut shown.status, &record.status);
        let platform = match record.platform {
            Platform::Desktop => &mut shown.client_status.desktop,
            Platform::Mobile => &mut shown.client_status.mobile,
            Platform::Web => &mut shown.client_status.web,
        };
        prefer(
            platform.get_or_insert_with(|| record.status.clone()),
            &record.status,
        );
        let new = record
            .activities
            .iter()
            .filter(|it| !shown.activities.contains(it));
        let new: Vec<Value> = new.cloned().collect();
        shown.activities.extend(new);
    }
    shown
}

/// Who asks anywhere not to be disturbed is not disturbed; who is active anywhere is not away.
fn prefer(status: &mut Status, other: &Status) {
    let rank = |status: &Status| match status {
        Status::Dnd => 3,
        Status::Online => 2,
        Status::Idle => 1,
        Status::Invisible | Status::Offline | Status::Other(_) => 0,
    };
    if rank(other) > rank(status) {
        *status = other.clone();
    }
}

fn render(user: UserId, shown: Option<&Shown>) -> Presence {
    match shown {
        Some(shown) => Presence::new(
            user,
            shown.status.clone(),
            shown.activities.clone(),
            shown.client_status.clone(),
        ),
        None => Presence::new(user, Status::Offline, Vec::new(), ClientStatus::default()),
    }
}

/// PRESENCE_UPDATE to those who watch the account, once for each guild.
pub(crate) fn events(
    user: UserId,
    before: Option<&Shown>,
    after: Option<&Shown>,
    world: &World,
) -> Vec<Dispatch> {
    if before == after {
        return Vec::new();
    }
    let update = |guild| {
        let presence = Presence {
            guild_id: Some(guild),
            ..render(user, after)
        };
        let event = Event::PresenceUpdate(presence);
        Dispatch::now(Audience::Watchers(guild, user), Outgoing::to_all(&event))
    };
    world.guilds_of(user).map(|guild| update(guild.id)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USER: UserId = UserId(7);

    fn said(session: &str, status: Status, platform: Platform, activities: Vec<Value>) -> PresenceRecord {
        PresenceRecord {
            user_id: USER,
            session_id: session.to_owned(),
            status,
            since_ms: None,
            activities,
            afk: false,
            platform,
        }
    }

    #[test]
    fn sessions_speak_with_one_voice() {
        let mut presences = Presences::default();
        assert_eq!(presences.of(USER), None);
        let game = json!({"name": "chess", "type": 0});
        presences.put(said("a", Status::Idle, Platform::Mobile, vec![game.clone()]));
        presences.put(said("b", Status::Online, Platform::Desktop, vec![game.clone()]));
        presences.put(said(
            "c",
            Status::Invisible,
            Platform::Web,
            vec![json!({"name": "secret"})],
        ));
        let shown = presences.of(USER).unwrap();
        assert_eq!((&shown.status, &shown.activities), (&Status::Online, &vec![game]));
        assert_eq!(shown.client_status.mobile, Some(Status::Idle));
        assert_eq!(
            shown.client_status.web, None,
            "nobody learns of the invisible one"
        );
        presences.put(said("a", Status::Dnd, Platform::Mobile, Vec::new()));
        assert_eq!(presences.of(USER).unwrap().status, Status::Dnd);
        presences.remove(USER, "a");
        presences.remove(USER, "b");
        assert!(!presences.is_online(USER));
        assert_eq!(presences.render(USER).status, Some(Status::Offline));
        presences.remove(USER, "c");
        assert!(presences.said.is_empty());
    }
}

//! What a session says about its user: the presence of op 2 and op 3, on its way to the switchboard.

use serde_json::Value;
use voxhall_live::{Platform, PresenceRecord};
use voxhall_protocol::gateway::{PresenceUpdate, Status};

use super::hub::SessionCell;
use crate::control::Core;

/// Activities that are kept of one session.
const MOST_ACTIVITIES: usize = 16;

impl Core {
    /// Writes what a session says. Others hear of it from the watcher.
    pub(crate) async fn announce(&self, cell: &SessionCell, update: Option<&PresenceUpdate>) {
        let record = record(cell, update);
        if let Err(error) = self.calls.put_presence(&record).await {
            tracing::error!(%error, user = %cell.profile.user, "a presence cannot be kept");
        }
        // A session that ended meanwhile would leave its presence behind for ever.
        if self.hub.session(&cell.id).is_none() {
            self.withdraw(cell).await;
        }
    }

    /// Takes back what a session that is over has said.
    pub(crate) async fn withdraw(&self, cell: &SessionCell) {
        if let Err(error) = self.calls.remove_presence(cell.profile.user, &cell.id).await {
            tracing::error!(%error, user = %cell.profile.user, "a presence cannot be taken back");
        }
    }
}

fn record(cell: &SessionCell, update: Option<&PresenceUpdate>) -> PresenceRecord {
    let said = update.and_then(|update| update.status.as_deref());
    let status = match said.map(Status::from) {
        // Clients say `unknown` before they know, and whoever says nothing is there.
        None | Some(Status::Other(_)) => Status::Online,
        Some(status) => status,
    };
    let activities = update.and_then(|update| update.activities.as_ref());
    let activities = activities.into_iter().flatten().filter(|it| is_activity(it));
    PresenceRecord {
        user_id: cell.profile.user,
        session_id: cell.id.clone(),
        status,
        since_ms: update.and_then(|update| update.since.as_ref()?.as_u64()),
        activities: activities.take(MOST_ACTIVITIES).cloned().collect(),
        afk: update.and_then(|update| update.afk).unwrap_or(false),
        platform: cell.profile.platform,
    }
}

/// Whether other clients can read it: strict ones lose the whole message otherwise.
fn is_activity(activity: &Value) -> bool {
    activity["name"].is_string() && activity["type"].as_u64().is_some_and(|kind| kind <= 255)
}

/// What kind of client says this about itself in Identify.
pub(crate) fn platform_of(bot: bool, properties: &Value) -> Platform {
    let word = |key: &str| properties[key].as_str().unwrap_or_default().to_lowercase();
    let browser = word("browser") + &word("$browser");
    if bot {
        Platform::Web
    } else if ["android", "ios", "mobile"].iter().any(|it| browser.contains(it)) {
        Platform::Mobile
    } else if browser.contains("client") {
        Platform::Desktop
    } else {
        Platform::Web
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn clients_are_told_apart_by_what_they_call_themselves() {
        let platform = |bot, name: &str| platform_of(bot, &json!({"browser": name}));
        assert_eq!(platform(false, "Discord Client"), Platform::Desktop);
        assert_eq!(platform(false, "Discord Android"), Platform::Mobile);
        assert_eq!(platform(false, "Chrome"), Platform::Web);
        assert_eq!(platform(true, "Discord iOS"), Platform::Web);
        assert_eq!(platform_of(false, &Value::Null), Platform::Web);
    }
}

//! What a client is told on its main Gateway, event by event.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use voxhall_client::{Subscription, VoiceClient};
use voxhall_protocol::gateway::Event;

use crate::PATIENCE;

/// Events that may wait to be looked at.
const CAPACITY: usize = 4096;

/// Sees every event of one client from its creation on, and insists on their order.
///
/// Its methods panic when the story goes otherwise: they belong to tests.
#[derive(Debug)]
pub struct Witness {
    who: &'static str,
    events: Subscription<Arc<Event>>,
}

impl Witness {
    /// Watches `client`, called `who` in messages.
    #[must_use]
    pub fn of(client: &VoiceClient, who: &'static str) -> Self {
        let events = client.events(CAPACITY);
        Self { who, events }
    }

    /// The next event, which must come soon: its name and payload.
    pub async fn next(&mut self) -> (String, Value) {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("{} was told nothing more", self.who));
            let event = event.unwrap_or_else(|| panic!("{}'s session ended", self.who));
            if let Some(told) = told(&event) {
                return told;
            }
        }
    }

    /// The payload of the next event, which must have this name.
    pub async fn expect(&mut self, name: &str) -> Value {
        let (told, data) = self.next().await;
        assert_eq!(told, name, "what {} was told next: {data}", self.who);
        data
    }

    /// The payload of the next event, which must have this name and at least these fields with these values.
    pub async fn expect_with(&mut self, name: &str, fields: Value) -> Value {
        let data = self.expect(name).await;
        assert_contains(&data, &fields, &format!("{name} as told to {}", self.who));
        data
    }

    /// The payload of the first event of this name that `is_it`; what comes before is passed over.
    pub async fn find(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (told, data) = self.next().await;
            if told == name && is_it(&data) {
                return data;
            }
        }
    }

    /// Checks that nothing comes for this long.
    pub async fn is_told_nothing(&mut self, time: Duration) {
        let told = tokio::time::timeout(time, self.next()).await;
        if let Ok((name, data)) = told {
            panic!(
                "{} should have been told nothing, but was: {name} {data}",
                self.who
            );
        }
    }
}

/// A bot's guild comes with the login, whenever that is; it is no part of any story.
fn told(event: &Event) -> Option<(String, Value)> {
    if matches!(event, Event::GuildCreate(_)) {
        return None;
    }
    let data = serde_json::from_str(&event.to_data()).expect("events are written as JSON");
    Some((event.name().to_owned(), data))
}

/// Checks that `actual` has every field of `expected` with the same value, at every depth.
///
/// # Panics
/// If it does not; `what` names the whole.
pub fn assert_contains(actual: &Value, expected: &Value, what: &str) {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            for (name, value) in expected {
                let found = actual.get(name);
                let found = found.unwrap_or_else(|| panic!("{what}: {name} is missing in {actual:?}"));
                assert_contains(found, value, &format!("{what}, {name}"));
            }
        }
        _ => assert_eq!(actual, expected, "{what}"),
    }
}

//! Events on their way to sessions: encoded once, whoever takes them.

use voxhall_protocol::gateway::{EncodedEvent, Event, Intents};

/// Which sessions among those that an event concerns take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subscription {
    /// All of them: it answers something, or everybody needs it.
    Everyone,
    /// User accounts, and bots that asked for these intents.
    Intents(Intents),
    /// User accounts only: private calls are no business of bots.
    Users,
}

/// An event without its number in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    event: EncodedEvent,
    subscription: Subscription,
}

impl Outgoing {
    /// An event for those who subscribe to it.
    pub(crate) fn new(event: &Event, subscription: Subscription) -> Self {
        Self {
            event: event.encode(),
            subscription,
        }
    }

    /// An event that every session takes that it is given to.
    pub(crate) fn to_all(event: &Event) -> Self {
        Self::new(event, Subscription::Everyone)
    }

    /// The event.
    pub(crate) const fn event(&self) -> &EncodedEvent {
        &self.event
    }

    /// Who takes it.
    pub(crate) const fn subscription(&self) -> Subscription {
        self.subscription
    }

    /// Bytes of its payload.
    pub(crate) fn len(&self) -> usize {
        self.event.data().len()
    }
}

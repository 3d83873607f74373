//! Events on their way to sessions: encoded once, and compressed once, whoever takes them.

use std::sync::OnceLock;

use voxhall_protocol::gateway::{EncodedEvent, Event, Intents};

use super::compression::{Shared, deflate, zstandard};

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
    deflated: OnceLock<Shared>,
    zstandard: OnceLock<Shared>,
}

impl Outgoing {
    /// An event for those who subscribe to it.
    pub(crate) fn new(event: &Event, subscription: Subscription) -> Self {
        Self {
            event: event.encode(),
            subscription,
            deflated: OnceLock::new(),
            zstandard: OnceLock::new(),
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
        self.event.tail().len()
    }

    /// All but its number as a part of a deflate stream.
    ///
    /// # Errors
    /// What the compressor says.
    pub(crate) fn deflated(&self) -> std::io::Result<Shared> {
        once(&self.deflated, || {
            deflate::compressed(self.event.tail().as_bytes())
        })
    }

    /// All but its number as a part of a zstd frame.
    ///
    /// # Errors
    /// What the compressor says.
    pub(crate) fn zstandard(&self) -> std::io::Result<Shared> {
        once(&self.zstandard, || {
            zstandard::compressed(self.event.tail().as_bytes())
        })
    }
}

/// What was made before, or is made now. Two that come at once may both make it, which harms nothing.
fn once(cell: &OnceLock<Shared>, make: impl FnOnce() -> std::io::Result<Shared>) -> std::io::Result<Shared> {
    match cell.get() {
        Some(made) => Ok(made.clone()),
        None => make().map(|made| cell.get_or_init(|| made).clone()),
    }
}

//! Messages that only one account sees. They are in no history: they live as long as the token of the interaction
//! that they answer, and not past a restart.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use voxhall_protocol::ids::{MessageId, UserId};

use super::TOKEN_LIFE;
use crate::directory::StoredMessage;

/// How many of them are kept for one account; the oldest goes.
const MOST_OF_USER: usize = 100;

/// The messages that only one account sees, by account.
#[derive(Debug, Default)]
pub(crate) struct EphemeralMessages(HashMap<UserId, BTreeMap<MessageId, (Instant, StoredMessage)>>);

impl EphemeralMessages {
    /// Keeps a message.
    pub(crate) fn put(&mut self, user: UserId, message: StoredMessage, now: Instant) {
        let messages = self.0.entry(user).or_default();
        messages.insert(message.id, (now + TOKEN_LIFE, message));
        if messages.len() > MOST_OF_USER {
            messages.pop_first();
        }
    }

    /// A message that an account sees alone.
    pub(crate) fn get(&self, user: UserId, id: MessageId, now: Instant) -> Option<&StoredMessage> {
        let (until, message) = self.0.get(&user)?.get(&id)?;
        (now < *until).then_some(message)
    }

    /// Takes a message away; says whether it was there.
    pub(crate) fn remove(&mut self, user: UserId, id: MessageId) -> bool {
        self.0
            .get_mut(&user)
            .is_some_and(|messages| messages.remove(&id).is_some())
    }

    /// Forgets those whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.0.retain(|_, messages| {
            messages.retain(|_, (until, _)| now < *until);
            !messages.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use voxhall_protocol::ids::ChannelId;
    use voxhall_protocol::model::MessageKind;

    use super::*;

    const USER: UserId = UserId(1);

    fn message(id: u64) -> StoredMessage {
        StoredMessage::new(
            MessageId(id),
            ChannelId(2),
            UserId(3),
            MessageKind::ChatInputCommand,
        )
    }

    #[test]
    fn they_are_there_for_one_account_and_for_a_while() {
        let start = Instant::now();
        let mut kept = EphemeralMessages::default();
        kept.put(USER, message(5), start);
        assert_eq!(kept.get(USER, MessageId(5), start), Some(&message(5)));
        assert_eq!(kept.get(UserId(2), MessageId(5), start), None);
        assert_eq!(kept.get(USER, MessageId(5), start + TOKEN_LIFE), None);
        kept.put(USER, message(6), start + Duration::from_secs(1));
        kept.expire(start + TOKEN_LIFE);
        assert!(!kept.remove(USER, MessageId(5)));
        assert!(kept.remove(USER, MessageId(6)));
        kept.expire(start + TOKEN_LIFE);
        assert!(kept.0.is_empty());
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let start = Instant::now();
        let mut kept = EphemeralMessages::default();
        for id in 0..=MOST_OF_USER as u64 {
            kept.put(USER, message(id), start);
        }
        assert_eq!(kept.get(USER, MessageId(0), start), None);
        assert!(kept.get(USER, MessageId(1), start).is_some());
    }
}

//! Bounded hand-over of events to whoever listens; a slow listener loses events, and is told how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Receives events of one kind until it is dropped or the connection ends.
#[derive(Debug)]
pub struct Subscription<T> {
    receiver: mpsc::Receiver<T>,
    missed: Arc<AtomicU64>,
}

impl<T> Subscription<T> {
    /// The next event; `None` when the connection has ended. Safe to cancel.
    pub async fn recv(&mut self) -> Option<T> {
        self.receiver.recv().await
    }

    /// The next event from a thread that is no task; `None` when the connection has ended.
    pub fn blocking_recv(&mut self) -> Option<T> {
        self.receiver.blocking_recv()
    }

    /// An event that is there already.
    pub fn try_recv(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }

    /// How many events were lost because the listener was behind by more than its capacity.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// The sending end of one [`Subscription`].
#[derive(Debug)]
pub(crate) struct Publisher<T> {
    sender: mpsc::Sender<T>,
    missed: Arc<AtomicU64>,
}

/// A subscription that holds at most `capacity` events (at least one).
pub(crate) fn channel<T>(capacity: usize) -> (Publisher<T>, Subscription<T>) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let missed = Arc::new(AtomicU64::new(0));
    let publisher = Publisher {
        sender,
        missed: Arc::clone(&missed),
    };
    (publisher, Subscription { receiver, missed })
}

impl<T> Publisher<T> {
    /// Hands an event over; `false` if nobody listens any more.
    pub(crate) fn publish(&self, event: T) -> bool {
        match self.sender.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

/// The listeners to one kind of event.
#[derive(Debug)]
pub(crate) struct Audience<T>(Vec<Publisher<T>>);

impl<T> Default for Audience<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> Audience<T> {
    pub(crate) fn add(&mut self, publisher: Publisher<T>) {
        self.0.push(publisher);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Hands `event` to everyone and forgets those who stopped listening.
    pub(crate) fn publish(&mut self, event: &T) {
        self.0.retain(|publisher| publisher.publish(event.clone()));
    }

    /// Forgets those who stopped listening.
    pub(crate) fn prune(&mut self) {
        self.0.retain(|publisher| !publisher.sender.is_closed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_is_counted_not_blocked() {
        let (publisher, mut subscription) = channel(2);
        for number in 0..5 {
            assert!(publisher.publish(number));
        }
        assert_eq!(
            (
                subscription.try_recv(),
                subscription.try_recv(),
                subscription.try_recv()
            ),
            (Some(0), Some(1), None)
        );
        assert_eq!(subscription.missed(), 3);
        drop(subscription);
        assert!(!publisher.publish(9));
    }

    #[test]
    fn listeners_that_left_are_forgotten() {
        let mut audience = Audience::default();
        let (first, subscription) = channel(1);
        let (second, mut kept) = channel(1);
        audience.add(first);
        audience.add(second);
        drop(subscription);
        audience.publish(&7);
        assert_eq!(kept.try_recv(), Some(7));
        assert_eq!(audience.0.len(), 1);
        drop(kept);
        audience.prune();
        assert!(audience.is_empty());
    }
}

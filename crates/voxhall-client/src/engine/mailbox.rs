use std::fmt;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// Commands to a thread that otherwise sleeps until its next deadline.
pub(super) struct Mailbox<T> {
    waiting: Mutex<Vec<T>>,
    arrived: Condvar,
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mailbox")
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            arrived: Condvar::new(),
        }
    }
}

impl<T> Mailbox<T> {
    /// Hands a command over and wakes the thread.
    pub(super) fn post(&self, command: T) {
        self.waiting.lock().push(command);
        self.arrived.notify_one();
    }

    /// Moves all commands into `taken`; sleeps until there is one, or until `deadline`.
    pub(super) fn take(&self, deadline: Option<Instant>, taken: &mut Vec<T>) {
        let mut waiting = self.waiting.lock();
        while waiting.is_empty() {
            match deadline {
                None => self.arrived.wait(&mut waiting),
                Some(deadline) => {
                    if self.arrived.wait_until(&mut waiting, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        taken.append(&mut waiting);
    }
}

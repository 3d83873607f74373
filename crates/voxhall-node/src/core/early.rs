//! Identifies that came before their ticket.
//!
//! Control tells the client where to go as soon as it has written the ticket, and the client may be faster than the
//! switchboard. So an Identify whose token nobody knows waits a moment; few may wait, so that strangers who guess cost
//! nothing but their patience.

use std::collections::HashMap;

use voxhall_protocol::Token;
use voxhall_protocol::voice::Identify;

use super::ConnectionId;

/// The Identifies that wait.
#[derive(Debug, Default)]
pub(super) struct EarlyIdentifies {
    waiting: HashMap<ConnectionId, Identify>,
}

impl EarlyIdentifies {
    /// Lets an Identify wait; `false` if `most` wait already.
    pub(super) fn keep(&mut self, connection: ConnectionId, identify: &Identify, most: usize) -> bool {
        let room = self.waiting.len() < most;
        if room {
            self.waiting.insert(connection, identify.clone());
        }
        room
    }

    /// Takes out the one of a socket.
    pub(super) fn take(&mut self, connection: ConnectionId) -> Option<Identify> {
        self.waiting.remove(&connection)
    }

    /// Takes out those that waited for a token, the oldest socket first.
    pub(super) fn take_for(&mut self, token: &Token) -> Vec<(ConnectionId, Identify)> {
        let mut came: Vec<_> = self
            .waiting
            .extract_if(|_, identify| identify.token == *token)
            .collect();
        came.sort_unstable_by_key(|(connection, _)| *connection);
        came
    }
}

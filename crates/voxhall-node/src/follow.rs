//! Follows tickets, calls and faults on the switchboard.

use std::sync::Arc;

use voxhall_live::{CallRecord, FaultKey, FaultRecord, NodeId, Record, TicketRecord, key};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_switchboard::{Change, Error, Switchboard, Watch};

use crate::core::{Input, TicketKey};
use crate::shared::Shared;

const CALLS: &str = "call.";

/// The watches of one node.
pub(crate) struct Following {
    tickets: Watch,
    calls: Watch,
    faults: Watch,
    ticket_prefix: String,
    fault_prefix: String,
    node: NodeId,
}

impl Following {
    /// Begins to watch.
    pub(crate) async fn begin(board: &dyn Switchboard, node: &NodeId) -> Result<Self, Error> {
        let (ticket_prefix, fault_prefix) = (key::tickets_of(node), key::faults_of(node));
        Ok(Self {
            calls: board.watch(CALLS).await?,
            tickets: board.watch(&ticket_prefix).await?,
            faults: board.watch(&fault_prefix).await?,
            ticket_prefix,
            fault_prefix,
            node: node.clone(),
        })
    }

    /// Hands all that exists to the core. A node that registers before that would refuse people whose right to connect
    /// is older than itself.
    pub(crate) async fn catch_up(&mut self, shared: &Shared) {
        while let Some(change) = self
            .calls
            .next()
            .await
            .filter(|change| *change != Change::SnapshotEnd)
        {
            self.handle_call(shared, change);
        }
        while let Some(change) = self
            .tickets
            .next()
            .await
            .filter(|change| *change != Change::SnapshotEnd)
        {
            self.handle_ticket(shared, change);
        }
        while let Some(change) = self
            .faults
            .next()
            .await
            .filter(|change| *change != Change::SnapshotEnd)
        {
            // What strikes has struck before this node was there.
            if self.fault_key(&change).is_some_and(|key| !key.kind.strikes()) {
                self.handle_fault(shared, change);
            }
        }
    }

    /// Hands every change to the core until the switchboard goes away.
    pub(crate) async fn run(mut self, shared: Arc<Shared>) {
        loop {
            let ticket = tokio::select! {
                // A call is written before its tickets: whatever is known of calls goes first.
                biased;
                call = self.calls.next() => match call {
                    Some(call) => {
                        self.handle_call(&shared, call);
                        continue;
                    }
                    None => break,
                },
                ticket = self.tickets.next() => ticket,
                fault = self.faults.next() => match fault {
                    Some(fault) => {
                        self.handle_fault(&shared, fault);
                        continue;
                    }
                    None => break,
                },
            };
            while let Some(call) = self.calls.try_next() {
                self.handle_call(&shared, call);
            }
            match ticket {
                Some(ticket) => self.handle_ticket(&shared, ticket),
                None => break,
            }
        }
        tracing::warn!("the switchboard has gone away: calls go on, nobody new can join");
    }

    fn handle_ticket(&self, shared: &Shared, change: Change) {
        match change {
            Change::Put(entry) => match TicketRecord::decode(&entry.key, &entry.value) {
                Ok(record) => shared.handle(Input::Ticket(Box::new(record))),
                Err(error) => tracing::error!(%error, "a ticket is ignored"),
            },
            Change::Delete { key, .. } => match self.ticket_key(&key) {
                Some(key) => shared.handle(Input::TicketDeleted(key)),
                None => tracing::error!(key, "the key of a ticket is malformed"),
            },
            Change::SnapshotEnd => {}
        }
    }

    fn ticket_key(&self, key: &str) -> Option<TicketKey> {
        let (channel, user) = key.strip_prefix(&self.ticket_prefix)?.split_once('.')?;
        Some(TicketKey {
            channel: channel.parse::<ChannelId>().ok()?,
            user: user.parse::<UserId>().ok()?,
        })
    }

    fn handle_fault(&self, shared: &Shared, change: Change) {
        let Some(key) = self.fault_key(&change) else {
            return tracing::error!(?change, "the key of a fault is malformed");
        };
        match change {
            Change::Put(entry) => match FaultRecord::decode(&entry.key, &entry.value) {
                Ok(record) => shared.handle(Input::Fault(key, Box::new(record))),
                Err(error) => tracing::error!(%error, "a fault is ignored"),
            },
            Change::Delete { .. } => shared.handle(Input::FaultEnded(key)),
            Change::SnapshotEnd => {}
        }
    }

    fn fault_key(&self, change: &Change) -> Option<FaultKey> {
        let key = match change {
            Change::Put(entry) => &entry.key,
            Change::Delete { key, .. } => key,
            Change::SnapshotEnd => return None,
        };
        FaultKey::parse(key.strip_prefix(&self.fault_prefix)?)
    }

    fn handle_call(&self, shared: &Shared, change: Change) {
        match change {
            Change::Put(entry) => match CallRecord::decode(&entry.key, &entry.value) {
                Ok(record) if record.node == self.node => shared.handle(Input::Call(Box::new(record))),
                // It lives elsewhere, or has moved there.
                Ok(record) => shared.handle(Input::CallDeleted(record.channel_id)),
                Err(error) => tracing::error!(%error, "a call is ignored"),
            },
            Change::Delete { key, .. } => {
                if let Some(channel) = key.strip_prefix(CALLS).and_then(|channel| channel.parse().ok()) {
                    shared.handle(Input::CallDeleted(channel));
                }
            }
            Change::SnapshotEnd => {}
        }
    }
}

//! What goes wrong with voice connections on purpose, for those who test a bot; set below `/dev`.

use std::time::Duration;

use voxhall_live::{
    CallRecord, FaultKey, FaultKind, FaultRecord, NodeId, Record as _, StreamRecord, TicketEnd, TicketRecord,
    VoiceRecord, key,
};
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_switchboard::Expect;

use super::plan::Plan;
use super::reaction::{self, Dispatch};
use super::rules::Facts;
use super::{Calls, view::LiveView};
use crate::Error;

/// How long the record of a fault that strikes is kept, for a node that hears late.
const STRIKE_KEPT: Duration = Duration::from_secs(2);

/// Where somebody's voice connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The node that carries the call.
    pub(crate) node: NodeId,
    /// The room.
    pub(crate) channel: ChannelId,
    /// Who.
    pub(crate) user: UserId,
}

impl Place {
    /// Where the owner of a voice state is; `None` if no call is there.
    pub(crate) fn of(view: &LiveView, record: &VoiceRecord) -> Option<Self> {
        let channel = record.channel_id?;
        Some(Self {
            node: view.call(channel)?.node.clone(),
            channel,
            user: record.user_id,
        })
    }

    /// Where somebody takes part in a stream.
    pub(crate) fn in_stream(stream: &StreamRecord, user: UserId) -> Self {
        Self {
            node: stream.node.clone(),
            channel: stream.rtc_channel_id,
            user,
        }
    }

    fn key(&self, kind: FaultKind) -> String {
        let fault = FaultKey {
            channel: self.channel,
            user: self.user,
            kind,
        };
        key::fault(&self.node, fault)
    }
}

impl Calls {
    /// Sets a fault, until `time` is over or it is taken back.
    ///
    /// # Errors
    /// Those of the switchboard.
    pub(crate) async fn set_fault(
        &self,
        place: &Place,
        kind: FaultKind,
        fault: &FaultRecord,
        time: Option<Duration>,
    ) -> Result<(), Error> {
        let time = if kind.strikes() { Some(STRIKE_KEPT) } else { time };
        let value = fault.encode().into();
        self.board.put(&place.key(kind), value, Expect::Any, time).await?;
        Ok(())
    }

    /// Takes a fault back.
    ///
    /// # Errors
    /// Those of the switchboard.
    pub(crate) async fn end_fault(&self, place: &Place, kind: FaultKind) -> Result<(), Error> {
        self.board.delete(&place.key(kind), Expect::Any).await?;
        Ok(())
    }

    /// Takes back every fault of an account, wherever it was set.
    ///
    /// # Errors
    /// Those of the switchboard.
    pub(crate) async fn end_faults_of(&self, user: UserId) -> Result<(), Error> {
        for entry in self.board.list("fault.").await? {
            let rest = entry.key.splitn(3, '.').nth(2).and_then(FaultKey::parse);
            if rest.is_some_and(|fault| fault.user == user) {
                self.board.delete(&entry.key, Expect::Any).await?;
            }
        }
        Ok(())
    }
}

impl Facts<'_> {
    /// Lets somebody's right to connect die without a new one: the client is told by its voice socket alone (4006).
    pub(crate) fn expire_ticket(self, record: &VoiceRecord) -> Option<Plan> {
        let call = self.view.call(record.channel_id?)?;
        let ticket = self.view.ticket(&call.node, call.channel_id, record.user_id)?;
        let mut plan = Plan::new();
        let ended = TicketRecord {
            ended: Some(TicketEnd::Superseded),
            ..ticket.clone()
        };
        let key = key::ticket(&call.node, call.channel_id, record.user_id);
        plan.put(self.view, key, &ended);
        Some(plan)
    }

    /// Sends somebody to another voice server: to `endpoint` if one is named, which must lead to the same node; else
    /// with the whole call to another node; else, if there is none, to the same server with a new token.
    pub(crate) fn change_server(self, record: &VoiceRecord, endpoint: Option<&str>) -> Option<Plan> {
        let call = self.view.call(record.channel_id?)?;
        let mut plan = Plan::new();
        if let Some(endpoint) = endpoint {
            let renamed = CallRecord {
                endpoint: endpoint.to_owned(),
                ..call.clone()
            };
            self.replace_tickets(&mut plan, record, &renamed)?;
            return Some(plan);
        }
        let others = self
            .view
            .nodes()
            .filter(|(id, node)| **id != call.node && !node.draining);
        let Some((node, registered)) = others.min_by_key(|(_, node)| node.members) else {
            self.replace_tickets(&mut plan, record, call)?;
            return Some(plan);
        };
        let moved = CallRecord {
            node: node.clone(),
            endpoint: registered.endpoint.clone(),
            region: registered.region.clone(),
            ..call.clone()
        };
        plan.put(self.view, key::call(call.channel_id), &moved);
        for member in self.view.room(call.channel_id) {
            self.replace_tickets(&mut plan, member, &moved)?;
        }
        Some(plan)
    }

    /// Takes somebody's voice server away. [`Facts::still_unconnected`] gives one again.
    pub(crate) fn take_server(self, record: &VoiceRecord) -> Option<Plan> {
        let call = self.view.call(record.channel_id?)?;
        self.view.ticket(&call.node, call.channel_id, record.user_id)?;
        let mut plan = Plan::new();
        plan.delete(
            self.view,
            key::ticket(&call.node, call.channel_id, record.user_id),
        );
        Some(plan)
    }
}

/// VOICE_SERVER_UPDATE with `endpoint: null`, for somebody whose server is taken away.
pub(crate) fn server_gone(view: &LiveView, place: &Place) -> Option<Dispatch> {
    let ticket = view.ticket(&place.node, place.channel, place.user)?;
    Some(reaction::server_gone(ticket))
}

//! Calls: who is in which room, and what follows from it.
//!
//! [`rules`], [`seats`], [`moderation`] and [`upheaval`] decide, [`Calls`] carries out: one decision of this process at a time, on a view that
//! has caught up with the last one. [`reaction`] turns what the switchboard reports back into events.

pub(crate) mod faults;
pub(crate) mod groups;
pub(crate) mod idle;
pub(crate) mod moderation;
mod placement;
mod plan;
pub(crate) mod reaction;
pub(crate) mod rules;
mod seats;
pub(crate) mod stages;
pub(crate) mod stream_events;
mod stream_seats;
pub(crate) mod streams;
pub(crate) mod timers;
mod upheaval;
pub(crate) mod view;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::{Notify, watch};
use voxhall_live::{NodeId, PresenceRecord, Record as _, key};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, MessageId, ServerId, UserId};
use voxhall_switchboard::{Change, Expect, Revision, Switchboard};

use crate::clock;
use crate::directory::Directory;
use crate::{Error, Limits};
use idle::Activity;
use plan::{Plan, Seen, Step};
use reaction::{Dispatch, Subject};
use rules::{Facts, Fresh};
use timers::{Timer, Timers};
use view::{LiveView, StreamId, Transition, VoiceKey};

/// How often a decision is taken again after others were faster.
const ATTEMPTS: usize = 5;

/// How long the view may take to hear of a write that was faster than ours.
const CATCH_UP: Duration = Duration::from_secs(2);

/// The live state and the one way to change it.
pub(crate) struct Calls {
    board: Arc<dyn Switchboard>,
    directory: Arc<Directory>,
    limits: Limits,
    view: RwLock<LiveView>,
    /// How far the view has come.
    applied: watch::Sender<Revision>,
    /// Held while one decision is taken and carried out; the last write of this process.
    acting: tokio::sync::Mutex<Revision>,
    timers: Mutex<Timers>,
    timers_changed: Notify,
    activity: Mutex<Activity>,
}

/// What the watcher must do about a change besides telling it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// Who must not be told something any more that still waits, before anything else is told.
    pub(crate) outdated: Option<(String, Subject)>,
    /// What to tell.
    pub(crate) dispatches: Vec<Dispatch>,
    /// What to do.
    pub(crate) chores: Vec<Chore>,
}

/// Something that a change makes necessary and that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chore {
    /// A call may need another node, or new rights to connect.
    Repair {
        /// Its room.
        channel: ChannelId,
        /// The node that was lost.
        lost: Option<NodeId>,
    },
    /// The same of a stream.
    RepairStream {
        /// Which.
        stream: StreamId,
        /// The node that was lost.
        lost: Option<NodeId>,
    },
    /// The last one has left a room of a guild.
    Emptied(ChannelId),
    /// The stream with this room of its own is over.
    StreamOver(ChannelId),
}

impl Calls {
    pub(crate) fn new(board: Arc<dyn Switchboard>, directory: Arc<Directory>, limits: Limits) -> Self {
        Self {
            board,
            directory,
            limits,
            view: RwLock::default(),
            applied: watch::Sender::new(Revision::default()),
            acting: tokio::sync::Mutex::default(),
            timers: Mutex::default(),
            timers_changed: Notify::new(),
            activity: Mutex::default(),
        }
    }

    /// The live state. Never hold it across an await.
    pub(crate) fn view(&self) -> RwLockReadGuard<'_, LiveView> {
        self.view.read()
    }

    /// Takes a change from the switchboard; `told` says whether it is news, not part of the first snapshot.
    pub(crate) fn apply(&self, change: &Change, told: bool) -> Reaction {
        let transition = match self.view.write().apply(change) {
            Ok(transition) => transition,
            Err(error) => {
                tracing::error!(%error, "a record of live state is left out");
                return Reaction::default();
            }
        };
        self.note_activity(&transition);
        if !told {
            return Reaction::default();
        }
        let world = self.directory.read();
        let view = self.view.read();
        Reaction {
            outdated: reaction::outdated(&transition).map(|(session, subject)| (session.to_owned(), subject)),
            dispatches: reaction::events(&transition, &view, &world),
            chores: chores(&transition, &view),
        }
    }

    /// Takes note of who does something, for whom idleness has a meaning.
    fn note_activity(&self, transition: &Transition) {
        let (voice, inside) = match transition {
            Transition::Voice { key, before, after } if before != after => (
                *key,
                after
                    .as_ref()
                    .is_some_and(|record| record.guild_id.is_some() && record.channel_id.is_some()),
            ),
            Transition::Link { spoke: Some(voice) } => (*voice, true),
            _ => return,
        };
        let mut activity = self.activity.lock();
        if inside {
            activity.seen(voice, clock::now());
            drop(activity);
            self.begin_timer(Timer::Sweep, idle::SWEEP);
        } else {
            activity.gone(voice);
        }
    }

    /// Who has been idle for too long. Looks again later as long as there is anybody to watch.
    pub(crate) fn idle(&self) -> Vec<VoiceKey> {
        let world = self.directory.read();
        let view = self.view.read();
        let activity = self.activity.lock();
        if !activity.is_empty() {
            self.begin_timer(Timer::Sweep, idle::SWEEP);
        }
        activity.idle(clock::now(), &view, &world)
    }

    /// Tells that everything up to this change has been applied and told.
    pub(crate) fn applied(&self, change: &Change) {
        let revision = match change {
            Change::Put(entry) => entry.revision,
            Change::Delete { revision, .. } => *revision,
            Change::SnapshotEnd => return,
        };
        self.applied.send_replace(revision);
    }

    /// Takes a decision and carries it out. Says whether there was anything to carry out. When this returns, the view
    /// has what was written and everybody has been told.
    ///
    /// # Errors
    /// Those of directory and switchboard; [`voxhall_switchboard::Error::Conflict`] if others were faster each time.
    pub(crate) async fn act(
        &self,
        decide: impl Fn(Facts<'_>) -> Option<Plan> + Send + Sync,
    ) -> Result<bool, Error> {
        let mut last = self.acting.lock().await;
        for _ in 1..ATTEMPTS {
            let mut applied = self.applied.subscribe();
            match self.try_act(&decide, &mut last).await {
                Err(Error::Switchboard(voxhall_switchboard::Error::Conflict { .. })) => {
                    // Whoever was faster is heard of soon; what was written so far must be seen as well.
                    let _ = tokio::time::timeout(CATCH_UP, applied.changed()).await;
                    self.catch_up(*last).await;
                }
                done => return done,
            }
        }
        self.try_act(&decide, &mut last).await
    }

    /// The same for a decision that says why it is refused.
    ///
    /// # Errors
    /// As [`Self::act`].
    pub(crate) async fn act_or_refuse<R: Send>(
        &self,
        decide: impl Fn(Facts<'_>) -> Result<Plan, R> + Send + Sync,
    ) -> Result<Result<(), R>, Error> {
        let refused = Mutex::new(None);
        let acting = self.act(|facts| {
            let decided = decide(facts);
            let mut refused = refused.lock();
            match decided {
                Ok(plan) => {
                    *refused = None;
                    Some(plan)
                }
                Err(refusal) => {
                    *refused = Some(refusal);
                    None
                }
            }
        });
        acting.await?;
        Ok(refused.into_inner().map_or(Ok(()), Err))
    }

    async fn try_act(
        &self,
        decide: &(impl Fn(Facts<'_>) -> Option<Plan> + Send + Sync),
        last: &mut Revision,
    ) -> Result<bool, Error> {
        let Some(plan) = self.decide(decide) else {
            return Ok(false);
        };
        self.carry_out(plan, last).await?;
        self.catch_up(*last).await;
        Ok(true)
    }

    /// Waits until the view has heard of a write.
    async fn catch_up(&self, revision: Revision) {
        let mut applied = self.applied.subscribe();
        // An engine that has gone away keeps what it has; deciding on that ends in a conflict at worst.
        let _ = tokio::time::timeout(CATCH_UP, applied.wait_for(|at| *at >= revision)).await;
    }

    fn decide(&self, decide: &impl Fn(Facts<'_>) -> Option<Plan>) -> Option<Plan> {
        let now_ms = crate::wall::now_ms();
        let [rtc_channel, rtc_server] = self.directory.next_ids();
        let fresh = Fresh {
            now_ms,
            message_id: MessageId(self.directory.next_id()),
            media_session_id: format!("{:032x}", rand::random::<u128>()),
            rtc_channel_id: ChannelId(rtc_channel),
            rtc_server_id: ServerId(rtc_server),
            token: || Token::new(format!("{:016x}", rand::random::<u64>())),
        };
        let world = self.directory.read();
        let view = self.view.read();
        decide(Facts {
            view: &view,
            world: &world,
            limits: &self.limits,
            fresh: &fresh,
        })
    }

    async fn carry_out(&self, plan: Plan, last: &mut Revision) -> Result<(), Error> {
        let mut own: HashMap<String, Revision> = HashMap::new();
        let expect = |own: &HashMap<String, Revision>, key: &str, seen| match seen {
            Seen::InView(Some(revision)) => Expect::At(revision),
            Seen::InView(None) => Expect::Absent,
            Seen::OwnWrite => own.get(key).map_or(Expect::Absent, |at| Expect::At(*at)),
        };
        for step in plan.into_steps() {
            match step {
                Step::Put { key, value, seen } => {
                    let revision = self
                        .board
                        .put(&key, value, expect(&own, &key, seen), None)
                        .await?;
                    own.insert(key, revision);
                    *last = revision;
                }
                Step::Delete { key, seen } => {
                    *last = (*last).max(self.board.delete(&key, expect(&own, &key, seen)).await?);
                    own.remove(&key);
                }
                Step::LogCall(message) => self.directory.begin_call_message(message).await?,
                Step::LogParticipant(message, user) => {
                    self.directory.add_call_participant(message, user).await?
                }
                Step::LogCallEnd(message, at) => {
                    // The call is over whether or not history can say so; half of it carried out, it would never end.
                    if let Err(error) = self.directory.end_call_message(message, at).await {
                        tracing::error!(%error, %message, "when a call ended cannot be noted");
                    }
                }
                Step::SetTimer(timer, after) => self.set_timer(timer, after),
                Step::BeginTimer(timer, after) => self.begin_timer(timer, after),
                Step::ClearTimer(timer) => self.clear_timer(&timer),
            }
        }
        Ok(())
    }

    /// Writes what a session says about its user. No decision depends on it, so it waits for none.
    ///
    /// # Errors
    /// Those of the switchboard.
    pub(crate) async fn put_presence(&self, record: &PresenceRecord) -> Result<(), Error> {
        let key = key::presence(record.user_id, &record.session_id);
        self.board
            .put(&key, record.encode().into(), Expect::Any, None)
            .await?;
        Ok(())
    }

    /// Takes back what a session has said about its user.
    ///
    /// # Errors
    /// Those of the switchboard.
    pub(crate) async fn remove_presence(&self, user: UserId, session: &str) -> Result<(), Error> {
        self.board
            .delete(&key::presence(user, session), Expect::Any)
            .await?;
        Ok(())
    }

    /// Sets a timer, in place of one of the same name.
    pub(crate) fn set_timer(&self, timer: Timer, after: Duration) {
        self.timers.lock().set(timer, clock::now() + after);
        self.timers_changed.notify_one();
    }

    /// Sets a timer unless one of that name runs.
    fn begin_timer(&self, timer: Timer, after: Duration) {
        self.timers.lock().begin(timer, clock::now() + after);
        self.timers_changed.notify_one();
    }

    /// Takes a timer back.
    pub(crate) fn clear_timer(&self, timer: &Timer) {
        self.timers.lock().clear(timer);
    }

    /// Waits until timers are due and takes them out.
    pub(crate) async fn next_timers(&self) -> Vec<Timer> {
        loop {
            let next = self.timers.lock().next();
            tokio::select! {
                () = clock::sleep_until(next) => {}
                () = self.timers_changed.notified() => {}
            }
            let due = self.timers.lock().expire(clock::now());
            if !due.is_empty() {
                return due;
            }
        }
    }
}

/// What a change makes necessary.
fn chores(transition: &Transition, view: &LiveView) -> Vec<Chore> {
    let repairs = |broken: &dyn Fn(&NodeId) -> bool, lost: Option<&NodeId>| {
        let calls = view.calls().filter(|call| broken(&call.node));
        let streams = view.streams().filter(|stream| broken(&stream.node));
        let calls = calls.map(|call| Chore::Repair {
            channel: call.channel_id,
            lost: lost.cloned(),
        });
        let streams = streams.map(|stream| Chore::RepairStream {
            stream: (stream.channel_id, stream.owner),
            lost: lost.cloned(),
        });
        calls.chain(streams).collect()
    };
    match transition {
        Transition::Node { id, after: None, .. } => repairs(&|node| node == id, Some(id)),
        Transition::Node { id, before: None, .. } => {
            repairs(&|node| node == id || view.node(node).is_none(), None)
        }
        Transition::Call {
            before: Some(before),
            after: Some(after),
        } if before.node != after.node => {
            vec![Chore::Repair {
                channel: after.channel_id,
                lost: None,
            }]
        }
        Transition::Call {
            before: Some(before),
            after: None,
        } if before.guild_id.is_some() => vec![Chore::Emptied(before.channel_id)],
        Transition::Stream {
            before: Some(before),
            after: None,
        } => vec![Chore::StreamOver(before.rtc_channel_id)],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use voxhall_switchboard::MemorySwitchboard;

    use super::*;

    #[tokio::test]
    async fn a_call_ends_though_its_end_cannot_be_noted() {
        let directory = Arc::new(Directory::in_memory().await.unwrap());
        let board = Arc::new(MemorySwitchboard::new());
        let calls = Calls::new(board.clone(), directory.clone(), Limits::default());
        let mut last = board
            .put("call", "running".into(), Expect::Absent, None)
            .await
            .unwrap();
        let mut plan = Plan::new();
        plan.push(Step::LogCallEnd(MessageId(1), 0));
        plan.push(Step::Delete {
            key: "call".to_owned(),
            seen: Seen::InView(Some(last)),
        });
        directory.lose_database().await;
        calls.carry_out(plan, &mut last).await.unwrap();
        assert_eq!(board.get("call").await.unwrap(), None);
    }
}

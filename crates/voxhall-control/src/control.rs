//! The control plane as a whole: what it is made of, how it starts, is served and ends.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use voxhall_live::NodeId;
use voxhall_protocol::gateway::GatewayCloseCode;
use voxhall_protocol::ids::ChannelId;
use voxhall_switchboard::{Change, Switchboard, Watch};

use crate::attempts::Attempts;
use crate::calls::rules::Facts;
use crate::calls::timers::Timer;
use crate::calls::{Calls, Chore, Reaction};
use crate::directory::{Directory, TokenDigest, User};
use crate::gateway::hub::Hub;
use crate::gateway::login::IdentifyGate;
use crate::gateway::member_list::subscriptions::GATHER;
use crate::interactions::Interactions;
use crate::passwords::Passwords;
use crate::previews::Previews;
use crate::rest::Throttle;
use crate::rest::messages::posting::Posting;
use crate::{ControlConfig, Error, dev};

/// The control plane: main Gateway, REST and calls. Its tasks end when it is dropped.
pub struct Control {
    core: Arc<Core>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the parts of the control plane share.
///
/// Locks are taken in this order: the directory's copy, the live view, the member lists, the hub's registry, a session. Whoever holds
/// one takes only later ones, and none is held across an await.
pub(crate) struct Core {
    pub(crate) config: ControlConfig,
    pub(crate) directory: Arc<Directory>,
    pub(crate) calls: Calls,
    pub(crate) hub: Hub,
    pub(crate) identifies: IdentifyGate,
    pub(crate) throttle: Throttle,
    pub(crate) passwords: Passwords,
    pub(crate) attempts: Attempts,
    /// Messages on their way.
    pub(crate) posting: Posting,
    /// What streams look like.
    pub(crate) previews: Previews,
    /// What people have used, for as long as it can be answered.
    pub(crate) interactions: Interactions,
    /// Becomes true when clients shall go elsewhere.
    pub(crate) draining: watch::Sender<bool>,
    /// Held while an unknown token becomes a bot, so that it becomes one bot and not two.
    adopting: tokio::sync::Mutex<()>,
    /// Held from the decision about a guild until everybody was told, so that changes are told in their order.
    pub(crate) changing_guilds: tokio::sync::Mutex<()>,
}

impl Control {
    /// Starts the control plane: from here on it watches the switchboard, and returns once it knows what is there.
    ///
    /// # Errors
    /// [`Error::Switchboard`] if the switchboard cannot be watched.
    pub async fn start(
        config: ControlConfig,
        directory: Arc<Directory>,
        board: Arc<dyn Switchboard>,
    ) -> Result<Arc<Self>, Error> {
        if !config.dev {
            directory.forget_revoked_tokens();
        }
        // One watch over everything keeps the global order of changes.
        let mut changes = board.watch("").await?;
        let core = Arc::new(Core {
            calls: Calls::new(board, directory.clone(), config.limits.clone()),
            throttle: Throttle::new(config.limits.rest),
            config,
            directory,
            hub: Hub::default(),
            identifies: IdentifyGate::default(),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            posting: Posting::default(),
            previews: Previews::default(),
            interactions: Interactions::default(),
            draining: watch::Sender::new(false),
            adopting: tokio::sync::Mutex::default(),
            changing_guilds: tokio::sync::Mutex::default(),
        });
        core.take_snapshot(&mut changes).await;
        core.watch_stages();
        let (chores, to_do) = mpsc::unbounded_channel();
        let tasks = vec![
            tokio::spawn(core.clone().tell_changes(changes, chores)),
            tokio::spawn(core.clone().do_chores(to_do)),
            tokio::spawn(core.clone().keep_time()),
            tokio::spawn(core.clone().keep_lists()),
            tokio::spawn(core.clone().keep_interactions()),
        ];
        Ok(Arc::new(Self { core, tasks }))
    }

    /// REST below `/api`, the endpoints of the command line below `/admin`, and the main Gateway on `/` and
    /// `/gateway`.
    ///
    /// Requests should carry a [`voxhall_edge::Peer`] extension: whether they came over TLS decides between `ws` and
    /// `wss` in the addresses that clients are told.
    pub fn router(&self) -> axum::Router {
        crate::rest::router(self.core.clone())
    }

    /// Tells every connected client to connect again and resume (op 7). Sessions go on until their sockets close.
    pub fn drain(&self) {
        self.core.draining.send_replace(true);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Core {
    /// Takes what the switchboard holds already. Nobody is told of it.
    async fn take_snapshot(&self, changes: &mut Watch) {
        while let Some(change) = changes.next().await {
            if change == Change::SnapshotEnd {
                return;
            }
            self.calls.apply(&change, false);
            self.calls.applied(&change);
        }
    }

    /// Ends, in a while, the stages that were live when the last process ended and that nobody comes back to.
    fn watch_stages(&self) {
        let live: Vec<_> = self
            .directory
            .read()
            .stages()
            .map(|stage| stage.channel_id)
            .collect();
        for channel in live {
            self.watch_stage(channel);
        }
    }

    /// Turns changes into events, one after the other.
    async fn tell_changes(self: Arc<Self>, mut changes: Watch, to_do: mpsc::UnboundedSender<Chore>) {
        while let Some(change) = changes.next().await {
            let Reaction {
                outdated,
                dispatches,
                chores,
            } = self.calls.apply(&change, true);
            if let Some((session, subject)) = outdated {
                self.hub.take_back(&session, subject);
            }
            for dispatch in dispatches {
                self.hub.deliver(&self.directory.read(), dispatch);
            }
            for chore in chores {
                // The receiver lives as long as this task does.
                let _ = to_do.send(chore);
            }
            self.calls.applied(&change);
        }
        tracing::error!("the switchboard has gone away; joins and moves no longer work");
    }

    /// Does what changes made necessary.
    async fn do_chores(self: Arc<Self>, mut to_do: mpsc::UnboundedReceiver<Chore>) {
        while let Some(chore) = to_do.recv().await {
            match chore {
                Chore::Repair { channel, lost } => self.repair(channel, lost.as_ref()).await,
                Chore::RepairStream { stream, lost } => {
                    let decide = |facts: Facts<'_>| facts.repair_stream(stream, lost.as_ref());
                    if let Err(error) = self.calls.act(decide).await {
                        tracing::error!(%error, ?stream, "a stream cannot be brought to another node");
                    }
                }
                Chore::StreamOver(room) => self.previews.forget(room),
                Chore::Emptied(channel) => {
                    if let Err(error) = self.room_emptied(channel).await {
                        tracing::error!(%error, %channel, "what was said about a room cannot be taken back");
                    }
                }
            }
        }
    }

    /// Brings back a call that lost its node.
    async fn repair(&self, channel: ChannelId, lost: Option<&NodeId>) {
        if let Err(error) = self.calls.act(|facts| facts.repair(channel, lost)).await {
            tracing::error!(%error, %channel, "a call cannot be brought to another node");
        }
        let call = self.calls.view().call(channel).map(|call| call.node.clone());
        if call.is_some_and(|node| self.calls.view().node(&node).is_none()) {
            tracing::warn!(%channel, "no media node takes this call; its people wait for one");
        }
    }

    /// Does what is due.
    async fn keep_time(self: Arc<Self>) {
        loop {
            for timer in self.calls.next_timers().await {
                if let Err(error) = self.expire(&timer).await {
                    tracing::error!(%error, ?timer, "what was due cannot be done");
                }
            }
        }
    }

    /// Tells those who look at member lists what has changed in them.
    async fn keep_lists(self: Arc<Self>) {
        loop {
            self.hub.lists.changed().await;
            tokio::time::sleep(GATHER).await;
            for guild in self.hub.lists.take_stale() {
                let world = self.directory.read();
                let view = self.calls.view();
                self.hub.lists.refresh(&world, view.presences(), guild);
            }
        }
    }

    async fn expire(&self, timer: &Timer) -> Result<(), Error> {
        match timer {
            Timer::Ringing(channel, user) => self.calls.act(|facts| facts.ring_ended(*channel, *user)).await,
            Timer::Waiting(channel) => self.calls.act(|facts| facts.alone_ended(*channel)).await,
            Timer::Unconnected(channel, user) => {
                self.calls
                    .act(|facts| facts.still_unconnected(*channel, *user))
                    .await
            }
            Timer::Confirmation(channel, user) => {
                self.calls.act(|facts| facts.confirm(*channel, *user)).await
            }
            Timer::TimeOut(guild, _) => self.look_at_rooms(*guild).await,
            Timer::EmptyStage(channel) => self.stage_stayed_empty(*channel).await.map(|()| true),
            Timer::Sweep => self.carry_idle().await.map(|()| true),
            Timer::Resume(session) => {
                // A resume takes the timer back, but may come while it is being taken out.
                if self.hub.session(session).is_some_and(|cell| !cell.is_attached()) {
                    self.end_session(session).await;
                }
                Ok(true)
            }
        }
        .map(|_| ())
    }

    /// Carries idle members to the channels for the idle.
    async fn carry_idle(&self) -> Result<(), Error> {
        for voice in self.calls.idle() {
            self.calls.act(|facts| facts.idle_ended(voice)).await?;
        }
        Ok(())
    }

    /// A session has no socket: it waits to be resumed.
    pub(crate) fn session_detached(&self, session: &str) {
        self.calls.set_timer(
            Timer::Resume(session.to_owned()),
            self.config.limits.resume_window,
        );
    }

    /// A session was resumed.
    pub(crate) fn session_kept(&self, session: &str) {
        self.calls.clear_timer(&Timer::Resume(session.to_owned()));
    }

    /// Ends a session: it leaves every room it is in.
    pub(crate) async fn end_session(&self, session: &str) {
        self.session_kept(session);
        let Some(cell) = self.hub.close(session) else {
            return;
        };
        self.withdraw(&cell).await;
        if let Err(error) = self.calls.act(|facts| Some(facts.session_ended(session))).await {
            tracing::error!(%error, "a session that ended cannot leave its rooms");
        }
        self.end_temporary_stays(cell.profile.user).await;
    }

    /// Ends every session that logged in with one of these tokens: sockets are closed, rooms left.
    pub(crate) async fn tokens_revoked(&self, revoked: &[TokenDigest]) {
        for cell in self.hub.logged_in_with(revoked) {
            cell.close(GatewayCloseCode::AuthenticationFailed);
            self.end_session(&cell.id).await;
        }
    }

    /// Whose token this is. In the dev world an unknown one becomes a new bot.
    pub(crate) async fn account_of(&self, token: &str) -> Result<Option<User>, Error> {
        let digest = TokenDigest::of(token);
        let known = || self.directory.read().user_of_token(digest).cloned();
        if let Some(user) = known() {
            if let Err(error) = self.directory.note_token_use(digest, crate::wall::now_ms()).await {
                // Nobody shall be kept out for this.
                tracing::error!(%error, "the use of a token cannot be noted");
            }
            return Ok(Some(user).filter(|user| !self.hub.faults.has_expired(user.id)));
        }
        let new = self.config.dev && !token.is_empty() && self.directory.read().is_new(digest);
        if !new {
            return Ok(None);
        }
        let _adopting = self.adopting.lock().await;
        if let Some(user) = known() {
            return Ok(Some(user));
        }
        let id = dev::adopt(&self.directory, token).await?;
        Ok(self.directory.read().user(id).cloned())
    }

    /// The person of this name; in the dev world, who is not known yet is made.
    pub(crate) async fn person_named(&self, shown: &str) -> Result<User, Error> {
        let _adopting = self.adopting.lock().await;
        dev::person(&self.directory, shown).await
    }
}

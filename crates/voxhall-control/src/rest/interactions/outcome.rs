//! What the account that did something is told of it, and the task that keeps the time of interactions.

use std::sync::Arc;

use voxhall_protocol::Extra;
use voxhall_protocol::gateway::{Event, InteractionCreate, InteractionOutcome};
use voxhall_protocol::model::InteractionKind;

use crate::calls::reaction::{Audience, Dispatch};
use crate::clock;
use crate::control::Core;
use crate::gateway::outgoing::Outgoing;
use crate::interactions::Running;

fn outcome(running: &Running) -> InteractionOutcome {
    InteractionOutcome {
        id: running.id,
        nonce: running.nonce.clone(),
        extra: Extra::new(),
    }
}

impl Core {
    /// Tells the sessions of an account that care what becomes of its interaction.
    pub(super) fn tell_invoker(&self, running: &Running, event: &Event) {
        let audience = match &running.session {
            Some(session) => Audience::Session(session.clone()),
            None => Audience::User(running.user),
        };
        self.hub.deliver(
            &self.directory.read(),
            Dispatch::now(audience, Outgoing::to_all(event)),
        );
    }

    /// It begins. What is only typed is not told: it comes with every letter.
    pub(super) fn tell_begun(&self, running: &Running) {
        if running.kind != InteractionKind::Autocomplete {
            let begun = InteractionCreate::Begun(outcome(running));
            self.tell_invoker(running, &Event::InteractionCreate(Box::new(begun)));
        }
    }

    /// The application has answered.
    pub(super) fn tell_success(&self, running: &Running) {
        self.tell_invoker(running, &Event::InteractionSuccess(outcome(running)));
    }

    /// The application has not answered, or cannot.
    pub(super) fn tell_failure(&self, running: &Running) {
        self.tell_invoker(running, &Event::InteractionFailure(outcome(running)));
    }

    /// Tells of interactions that nobody answers in time, and forgets those whose time is over.
    pub(crate) async fn keep_interactions(self: Arc<Self>) {
        loop {
            let next = self.interactions.desk().next();
            tokio::select! {
                () = clock::sleep_until(next) => {}
                () = self.interactions.changed.notified() => {}
            }
            let now = clock::now();
            let unanswered = self.interactions.desk().expire(now);
            self.interactions.ephemeral().expire(now);
            for running in unanswered {
                tracing::debug!(interaction = %running.id, application = %running.application, "nobody has answered");
                self.tell_failure(&running);
            }
        }
    }
}

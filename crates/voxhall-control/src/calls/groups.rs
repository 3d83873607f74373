//! People who come into a group and go from it while its call runs (gateway-and-calls, section 6.4).

use voxhall_protocol::ids::{ChannelId, UserId};

use super::reaction::{Audience, Dispatch, call_create};
use crate::Error;
use crate::control::Core;
use crate::gateway::outgoing::{Outgoing, Subscription};

impl Core {
    /// Tells somebody who has come into a group, and has been told of the channel, of the call that runs there.
    pub(crate) fn recipient_added(&self, channel: ChannelId, user: UserId) {
        let world = self.directory.read();
        let view = self.calls.view();
        let call = view.call(channel).filter(|call| view.node(&call.node).is_some());
        let event = call.and_then(|call| call_create(call, view.room(channel).collect()));
        if let Some(event) = event {
            let event = Outgoing::new(&event, Subscription::Users);
            self.hub
                .deliver(&world, Dispatch::now(Audience::User(user), event));
        }
    }

    /// Takes somebody out of the call of a group that the directory says it is no longer in.
    ///
    /// # Errors
    /// Those of directory and switchboard.
    pub(crate) async fn recipient_removed(&self, channel: ChannelId, user: UserId) -> Result<(), Error> {
        self.calls
            .act(|facts| facts.recipient_removed(channel, user))
            .await
            .map(|_| ())
    }
}

//! Who may connect: the tickets of this node, as the switchboard has them.

use std::collections::HashMap;

use voxhall_live::{MediaPermissions, TicketEnd, TicketRecord};
use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, UserId};
use voxhall_protocol::voice::{Identify, Resume, VoiceCloseCode, VoiceVersion};

/// Whose ticket it is, and for which room; also names a session, because there is one for each ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketKey {
    /// The room.
    pub channel: ChannelId,
    /// The member.
    pub user: UserId,
}

/// The tickets of a node.
#[derive(Default)]
pub(super) struct Tickets {
    by_key: HashMap<TicketKey, Ticket>,
    /// Current tokens, and the ones they replaced.
    by_token: HashMap<Token, TicketKey>,
    /// How many tickets there are for each `server_id`.
    servers: HashMap<u64, usize>,
}

struct Ticket {
    record: TicketRecord,
    /// The token before this one, so that its late user is told the truth (4006 instead of 4004).
    superseded: Option<Token>,
    /// Whether somebody connected with the current token.
    used: bool,
}

impl Tickets {
    /// Stores a ticket in place of the one before.
    pub(super) fn put(&mut self, record: TicketRecord) {
        let key = TicketKey {
            channel: record.channel_id,
            user: record.user_id,
        };
        let (superseded, used) = match self.remove(key) {
            Some(before) if before.record.token == record.token => (before.superseded, before.used),
            Some(before) => (Some(before.record.token), false),
            None => (None, false),
        };
        *self.servers.entry(record.server_id).or_default() += 1;
        self.by_token.insert(record.token.clone(), key);
        if let Some(token) = &superseded {
            self.by_token.insert(token.clone(), key);
        }
        let ticket = Ticket {
            record,
            superseded,
            used,
        };
        self.by_key.insert(key, ticket);
    }

    /// Forgets a ticket.
    pub(super) fn delete(&mut self, key: TicketKey) {
        self.remove(key);
    }

    pub(super) fn get(&self, key: TicketKey) -> Option<&TicketRecord> {
        self.by_key.get(&key).map(|ticket| &ticket.record)
    }

    /// Checks Identify in the order of `voice-gateway.md` section 6.0.
    pub(super) fn admit(
        &self,
        version: VoiceVersion,
        identify: &Identify,
    ) -> Result<&TicketRecord, VoiceCloseCode> {
        if !self.servers.contains_key(&identify.server_id.0) {
            return Err(VoiceCloseCode::ServerNotFound);
        }
        let Some(key) = self.by_token.get(&identify.token) else {
            return Err(self.blame_token(identify));
        };
        // Every token in the index belongs to a stored ticket.
        let Some(ticket) = self.get(*key) else {
            return Err(VoiceCloseCode::SessionInvalid);
        };
        if ticket.user_id != identify.user_id
            || ticket.server_id != identify.server_id.0
            || (version.has_channel_id() && identify.channel_id != Some(ticket.channel_id))
        {
            return Err(VoiceCloseCode::AuthenticationFailed);
        }
        if ticket.session_id != identify.session_id {
            return Err(self.blame_token(identify));
        }
        if ticket.token != identify.token || ticket.ended.is_some() {
            return Err(VoiceCloseCode::SessionInvalid);
        }
        Ok(ticket)
    }

    /// Whether a token is or was somebody's.
    pub(super) fn knows(&self, token: &Token) -> bool {
        self.by_token.contains_key(token)
    }

    /// The live ticket that a Resume names, if everything it says is right.
    pub(super) fn find_resumed(&self, version: VoiceVersion, resume: &Resume) -> Option<TicketKey> {
        let key = *self.by_token.get(&resume.token)?;
        let ticket = self.get(key)?;
        let right = ticket.token == resume.token
            && ticket.server_id == resume.server_id.0
            && ticket.session_id == resume.session_id
            && (!version.has_channel_id() || resume.channel_id == Some(key.channel))
            && ticket.ended.is_none();
        right.then_some(key)
    }

    /// The ticket that a Resume names although nobody has connected with it yet: the client was given a new server
    /// after it lost the old one, and had made up its mind to resume before that (discord.py does after 4015).
    pub(super) fn find_unused(&self, version: VoiceVersion, resume: &Resume) -> Option<TicketRecord> {
        let key = self.find_resumed(version, resume)?;
        let ticket = self.by_key.get(&key).filter(|ticket| !ticket.used)?;
        Some(ticket.record.clone())
    }

    /// Somebody connects with a ticket.
    pub(super) fn used(&mut self, key: TicketKey) {
        if let Some(ticket) = self.by_key.get_mut(&key) {
            ticket.used = true;
        }
    }

    /// The token is nobody's: 4004 if the session it was said for is there, else 4006.
    fn blame_token(&self, identify: &Identify) -> VoiceCloseCode {
        let known = self.by_key.values().any(|ticket| {
            ticket.record.user_id == identify.user_id && ticket.record.session_id == identify.session_id
        });
        if known {
            VoiceCloseCode::AuthenticationFailed
        } else {
            VoiceCloseCode::SessionInvalid
        }
    }

    fn remove(&mut self, key: TicketKey) -> Option<Ticket> {
        let ticket = self.by_key.remove(&key)?;
        self.by_token.remove(&ticket.record.token);
        if let Some(token) = &ticket.superseded {
            self.by_token.remove(token);
        }
        if let Some(count) = self.servers.get_mut(&ticket.record.server_id) {
            *count -= 1;
            if *count == 0 {
                self.servers.remove(&ticket.record.server_id);
            }
        }
        Some(ticket)
    }
}

/// The close code for a connection whose ticket ended.
pub(super) const fn close_code(end: TicketEnd) -> VoiceCloseCode {
    match end {
        TicketEnd::Disconnected => VoiceCloseCode::Disconnected,
        TicketEnd::CallTerminated => VoiceCloseCode::CallTerminated,
        TicketEnd::Superseded => VoiceCloseCode::SessionInvalid,
    }
}

/// What the worker has to know of a ticket's permissions.
pub(super) const fn for_worker(permissions: MediaPermissions) -> voxhall_sfu::MediaPermissions {
    voxhall_sfu::MediaPermissions {
        speak: permissions.speak,
        video: permissions.video,
        hear: permissions.hear,
        see: permissions.see,
    }
}

//! A copy of the live state, kept up by watching the switchboard.
//!
//! [`LiveView::apply`] takes the changes in their global order and says what each of them changed; everything that
//! control does about a change starts from that.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use voxhall_live::{
    CallRecord, LinkRecord, LinkState, NodeId, NodeRecord, Record, TicketRecord, VoiceRecord, key,
};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_switchboard::{Change, Entry, Revision};

/// Whose voice state: a bot's in a guild, or a user account's, which has one in all.
pub(crate) type VoiceKey = (UserId, Option<GuildId>);

/// A right to connect, and the node that holds it.
pub(crate) type TicketKey = (NodeId, ChannelId, UserId);

/// What one change changed. `None` stands for absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transition {
    /// A node came, went or changed.
    Node {
        id: NodeId,
        before: Option<NodeRecord>,
        after: Option<NodeRecord>,
    },
    /// A call began, changed or ended.
    Call {
        before: Option<CallRecord>,
        after: Option<CallRecord>,
    },
    /// A voice state came, changed or went.
    Voice {
        before: Option<VoiceRecord>,
        after: Option<VoiceRecord>,
    },
    /// A right to connect was given, changed or taken.
    Ticket {
        key: TicketKey,
        before: Option<TicketRecord>,
        after: Option<TicketRecord>,
    },
    /// A voice connection came, changed or went.
    Link,
    /// A key that control has no use for.
    Nothing,
}

/// The live state, as far as this process has heard.
#[derive(Debug, Default)]
pub(crate) struct LiveView {
    nodes: BTreeMap<NodeId, NodeRecord>,
    calls: HashMap<ChannelId, CallRecord>,
    voices: HashMap<VoiceKey, VoiceRecord>,
    tickets: BTreeMap<TicketKey, TicketRecord>,
    links: HashMap<TicketKey, LinkRecord>,
    /// Who is in a room.
    rooms: HashMap<ChannelId, BTreeSet<VoiceKey>>,
    revisions: HashMap<String, Revision>,
}

impl LiveView {
    /// Takes one change.
    ///
    /// # Errors
    /// If the record cannot be read; the view stays as it was.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<Transition, voxhall_live::Error> {
        match change {
            Change::Put(entry) => {
                let transition = self.put(entry)?;
                self.revisions.insert(entry.key.clone(), entry.revision);
                Ok(transition)
            }
            Change::Delete { key, .. } => {
                self.revisions.remove(key);
                Ok(self.delete(key))
            }
            Change::SnapshotEnd => Ok(Transition::Nothing),
        }
    }

    fn put(&mut self, entry: &Entry) -> Result<Transition, voxhall_live::Error> {
        let (key, value) = (entry.key.as_str(), &entry.value[..]);
        Ok(match Key::parse(key) {
            Some(Key::Node(id)) => {
                let after = NodeRecord::decode(key, value)?;
                let before = self.nodes.insert(id.clone(), after.clone());
                Transition::Node {
                    id,
                    before,
                    after: Some(after),
                }
            }
            Some(Key::Call(channel)) => {
                let after = CallRecord::decode(key, value)?;
                let before = self.calls.insert(channel, after.clone());
                Transition::Call {
                    before,
                    after: Some(after),
                }
            }
            Some(Key::Voice(voice)) => {
                let after = VoiceRecord::decode(key, value)?;
                let before = self.voices.insert(voice, after.clone());
                self.moved(voice, before.as_ref(), after.channel_id);
                Transition::Voice {
                    before,
                    after: Some(after),
                }
            }
            Some(Key::Ticket(ticket)) => {
                let after = TicketRecord::decode(key, value)?;
                let before = self.tickets.insert(ticket.clone(), after.clone());
                Transition::Ticket {
                    key: ticket,
                    before,
                    after: Some(after),
                }
            }
            Some(Key::Link(link)) => {
                self.links.insert(link, LinkRecord::decode(key, value)?);
                Transition::Link
            }
            None => Transition::Nothing,
        })
    }

    fn delete(&mut self, key: &str) -> Transition {
        match Key::parse(key) {
            Some(Key::Node(id)) => {
                let before = self.nodes.remove(&id);
                Transition::Node {
                    id,
                    before,
                    after: None,
                }
            }
            Some(Key::Call(channel)) => Transition::Call {
                before: self.calls.remove(&channel),
                after: None,
            },
            Some(Key::Voice(voice)) => {
                let before = self.voices.remove(&voice);
                self.moved(voice, before.as_ref(), None);
                Transition::Voice { before, after: None }
            }
            Some(Key::Ticket(ticket)) => Transition::Ticket {
                before: self.tickets.remove(&ticket),
                key: ticket,
                after: None,
            },
            Some(Key::Link(link)) => {
                self.links.remove(&link);
                Transition::Link
            }
            None => Transition::Nothing,
        }
    }

    fn moved(&mut self, voice: VoiceKey, before: Option<&VoiceRecord>, to: Option<ChannelId>) {
        if let Some(from) = before.and_then(|record| record.channel_id)
            && let Some(room) = self.rooms.get_mut(&from)
        {
            room.remove(&voice);
            if room.is_empty() {
                self.rooms.remove(&from);
            }
        }
        if let Some(to) = to {
            self.rooms.entry(to).or_default().insert(voice);
        }
    }

    /// The last write of a key, if it exists.
    pub(crate) fn revision(&self, key: &str) -> Option<Revision> {
        self.revisions.get(key).copied()
    }

    /// A node that is alive.
    pub(crate) fn node(&self, id: &NodeId) -> Option<&NodeRecord> {
        self.nodes.get(id)
    }

    /// The nodes that are alive, in the order of their names.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&NodeId, &NodeRecord)> {
        self.nodes.iter()
    }

    /// The call in a room.
    pub(crate) fn call(&self, channel: ChannelId) -> Option<&CallRecord> {
        self.calls.get(&channel)
    }

    /// All calls.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &CallRecord> {
        self.calls.values()
    }

    /// A voice state that is in a room.
    pub(crate) fn voice(&self, voice: VoiceKey) -> Option<&VoiceRecord> {
        self.voices
            .get(&voice)
            .filter(|record| record.channel_id.is_some())
    }

    /// All voice states of a main-Gateway session.
    pub(crate) fn voices_of_session<'a>(&'a self, session: &'a str) -> impl Iterator<Item = &'a VoiceRecord> {
        let inside = self.voices.values().filter(|record| record.channel_id.is_some());
        inside.filter(move |record| record.session_id == session)
    }

    /// The voice state of an account in a guild, whatever kind of account it is.
    pub(crate) fn voice_in_guild(&self, user: UserId, guild: GuildId) -> Option<&VoiceRecord> {
        let of_bot = self.voice((user, Some(guild)));
        let of_person = || {
            self.voice((user, None))
                .filter(|record| record.guild_id == Some(guild))
        };
        of_bot.or_else(of_person)
    }

    /// Who is in a room.
    pub(crate) fn room(&self, channel: ChannelId) -> impl Iterator<Item = &VoiceRecord> {
        let inside = self.rooms.get(&channel).into_iter().flatten();
        inside.filter_map(|voice| self.voices.get(voice))
    }

    /// How many are in a room.
    pub(crate) fn room_size(&self, channel: ChannelId) -> usize {
        self.rooms.get(&channel).map_or(0, BTreeSet::len)
    }

    /// A right to connect.
    pub(crate) fn ticket(&self, node: &NodeId, channel: ChannelId, user: UserId) -> Option<&TicketRecord> {
        self.tickets.get(&(node.clone(), channel, user))
    }

    /// All rights to connect to a room, on whatever node.
    pub(crate) fn tickets_of_room(
        &self,
        channel: ChannelId,
    ) -> impl Iterator<Item = (&TicketKey, &TicketRecord)> {
        self.tickets.iter().filter(move |((_, at, _), _)| *at == channel)
    }

    /// The voice connection that belongs to a right to connect: only one that was identified with its token counts.
    pub(crate) fn link_state(&self, node: &NodeId, channel: ChannelId, user: UserId) -> Option<LinkState> {
        let at = (node.clone(), channel, user);
        let token = &self.tickets.get(&at)?.token;
        let link = self.links.get(&at)?;
        (link.token == *token).then_some(link.state)
    }
}

/// The name of a voice state's key.
pub(crate) fn voice_key(voice: VoiceKey) -> String {
    key::voice(voice.0, voice.1)
}

/// What a key of the switchboard names.
enum Key {
    Node(NodeId),
    Call(ChannelId),
    Voice(VoiceKey),
    Ticket(TicketKey),
    Link(TicketKey),
}

impl Key {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('.')?;
        let parts: Vec<&str> = rest.split('.').collect();
        Some(match (kind, &parts[..]) {
            ("node", [node]) => Self::Node(NodeId((*node).to_owned())),
            ("call", [channel]) => Self::Call(channel.parse().ok()?),
            ("voice", [user, "0"]) => Self::Voice((user.parse().ok()?, None)),
            ("voice", [user, guild]) => Self::Voice((user.parse().ok()?, Some(guild.parse().ok()?))),
            ("ticket", [node, channel, user]) => Self::Ticket(Self::seat(node, channel, user)?),
            ("link", [node, channel, user]) => Self::Link(Self::seat(node, channel, user)?),
            _ => return None,
        })
    }

    fn seat(node: &str, channel: &str, user: &str) -> Option<TicketKey> {
        Some((NodeId(node.to_owned()), channel.parse().ok()?, user.parse().ok()?))
    }
}

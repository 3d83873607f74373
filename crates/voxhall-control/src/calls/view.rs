//! A copy of the live state, kept up by watching the switchboard.
//!
//! [`LiveView::apply`] takes the changes in their global order and says what each of them changed; everything that
//! control does about a change starts from that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use voxhall_live::{
    CallRecord, LinkRecord, LinkState, NodeId, NodeRecord, PresenceRecord, Record, StreamRecord,
    TicketRecord, VoiceRecord, key,
};
use voxhall_protocol::ids::{ChannelId, GuildId, UserId};
use voxhall_switchboard::{Change, Entry, Revision};

use crate::presence::{Presences, Shown};

/// Whose voice state: a bot's in a guild, or a user account's, which has one in all.
pub(crate) type VoiceKey = (UserId, Option<GuildId>);

/// A stream: the room in which it is shown, and whose it is.
pub(crate) type StreamId = (ChannelId, UserId);

/// A right to connect, and the node that holds it.
pub(crate) type TicketKey = (NodeId, ChannelId, UserId);

/// What one change changed. `None` stands for absence.
#[derive(Debug, Clone, PartialEq)]
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
        key: VoiceKey,
        before: Option<VoiceRecord>,
        after: Option<VoiceRecord>,
    },
    /// A stream began, changed or ended.
    Stream {
        before: Option<StreamRecord>,
        after: Option<StreamRecord>,
    },
    /// A right to connect was given, changed or taken.
    Ticket {
        key: TicketKey,
        before: Option<TicketRecord>,
        after: Option<TicketRecord>,
    },
    /// A voice connection came, changed or went.
    Link {
        /// Who spoke just now.
        spoke: Option<VoiceKey>,
    },
    /// What an account's sessions say together has been said anew; `None` stands for offline.
    Presence {
        user: UserId,
        before: Option<Shown>,
        after: Option<Shown>,
    },
    /// A key that control has no use for.
    Nothing,
}

/// The live state, as far as this process has heard.
#[derive(Debug, Default)]
pub(crate) struct LiveView {
    nodes: BTreeMap<NodeId, NodeRecord>,
    calls: HashMap<ChannelId, CallRecord>,
    voices: HashMap<VoiceKey, VoiceRecord>,
    streams: BTreeMap<StreamId, StreamRecord>,
    /// Streams by their own rooms.
    stream_rooms: HashMap<ChannelId, StreamId>,
    tickets: HashMap<ChannelId, BTreeMap<TicketKey, TicketRecord>>,
    links: HashMap<TicketKey, LinkRecord>,
    presences: Presences,
    /// Who is in a room.
    rooms: HashMap<ChannelId, BTreeSet<VoiceKey>>,
    /// What a main-Gateway session holds.
    sessions: HashMap<String, BTreeSet<VoiceKey>>,
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
                self.moved(voice, before.as_ref(), Some(&after));
                Transition::Voice {
                    key: voice,
                    before,
                    after: Some(after),
                }
            }
            Some(Key::Stream(id)) => {
                let after = StreamRecord::decode(key, value)?;
                self.stream_rooms.insert(after.rtc_channel_id, id);
                let before = self.streams.insert(id, after.clone());
                Transition::Stream {
                    before,
                    after: Some(after),
                }
            }
            Some(Key::Ticket(ticket)) => {
                let after = TicketRecord::decode(key, value)?;
                let room = self.tickets.entry(ticket.1).or_default();
                let before = room.insert(ticket.clone(), after.clone());
                Transition::Ticket {
                    key: ticket,
                    before,
                    after: Some(after),
                }
            }
            Some(Key::Link(link)) => {
                let after = LinkRecord::decode(key, value)?;
                let noted = after.spoke;
                let (_, channel, user) = link;
                let before = self.links.insert(link, after);
                let spoke = noted > before.map_or(0, |before| before.spoke);
                Transition::Link {
                    spoke: spoke.then(|| self.voice_in_room(channel, user)).flatten(),
                }
            }
            Some(Key::Presence(user, _)) => {
                let record = PresenceRecord::decode(key, value)?;
                self.presence_changed(user, |presences| presences.put(record))
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
                Transition::Voice {
                    key: voice,
                    before,
                    after: None,
                }
            }
            Some(Key::Stream(id)) => {
                let before = self.streams.remove(&id);
                if let Some(before) = &before {
                    self.stream_rooms.remove(&before.rtc_channel_id);
                }
                Transition::Stream { before, after: None }
            }
            Some(Key::Ticket(ticket)) => Transition::Ticket {
                before: self.take_ticket(&ticket),
                key: ticket,
                after: None,
            },
            Some(Key::Link(link)) => {
                self.links.remove(&link);
                Transition::Link { spoke: None }
            }
            Some(Key::Presence(user, session)) => {
                self.presence_changed(user, |presences| presences.remove(user, &session))
            }
            None => Transition::Nothing,
        }
    }

    fn presence_changed(&mut self, user: UserId, change: impl FnOnce(&mut Presences)) -> Transition {
        let before = self.presences.of(user);
        change(&mut self.presences);
        let after = self.presences.of(user);
        Transition::Presence { user, before, after }
    }

    fn moved(&mut self, voice: VoiceKey, before: Option<&VoiceRecord>, after: Option<&VoiceRecord>) {
        if let Some(before) = before {
            if let Some(room) = before.channel_id {
                forget(&mut self.rooms, &room, voice);
            }
            forget(&mut self.sessions, &before.session_id, voice);
        }
        if let Some(after) = after {
            if let Some(room) = after.channel_id {
                self.rooms.entry(room).or_default().insert(voice);
            }
            self.sessions
                .entry(after.session_id.clone())
                .or_default()
                .insert(voice);
        }
    }

    fn take_ticket(&mut self, at: &TicketKey) -> Option<TicketRecord> {
        let room = self.tickets.get_mut(&at.1)?;
        let taken = room.remove(at);
        if room.is_empty() {
            self.tickets.remove(&at.1);
        }
        taken
    }

    /// How available people are.
    pub(crate) fn presences(&self) -> &Presences {
        &self.presences
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

    /// The voice states of a main-Gateway session that are in a room.
    pub(crate) fn voices_of_session(&self, session: &str) -> impl Iterator<Item = &VoiceRecord> {
        let held = self.sessions.get(session).into_iter().flatten();
        held.filter_map(|voice| self.voice(*voice))
    }

    /// The voice states of an account that are in a room.
    pub(crate) fn voices_of(&self, user: UserId) -> impl Iterator<Item = &VoiceRecord> {
        let own = self.voices.iter().filter(move |((owner, _), _)| *owner == user);
        own.map(|(_, record)| record)
            .filter(|record| record.channel_id.is_some())
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

    /// Which of the voice states in a room is an account's.
    fn voice_in_room(&self, channel: ChannelId, user: UserId) -> Option<VoiceKey> {
        let mut inside = self.rooms.get(&channel)?.iter();
        inside.find(|(inside, _)| *inside == user).copied()
    }

    /// How many are in a room.
    pub(crate) fn room_size(&self, channel: ChannelId) -> usize {
        self.rooms.get(&channel).map_or(0, BTreeSet::len)
    }

    /// A stream.
    pub(crate) fn stream(&self, id: StreamId) -> Option<&StreamRecord> {
        self.streams.get(&id)
    }

    /// All streams.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &StreamRecord> {
        self.streams.values()
    }

    /// The streams that are shown in a room.
    pub(crate) fn streams_in(&self, room: ChannelId) -> impl Iterator<Item = &StreamRecord> {
        let all = (room, UserId(0))..=(room, UserId(u64::MAX));
        self.streams.range(all).map(|(_, stream)| stream)
    }

    /// The stream that has this room of its own.
    pub(crate) fn stream_with_room(&self, room: ChannelId) -> Option<&StreamRecord> {
        self.streams.get(self.stream_rooms.get(&room)?)
    }

    /// A right to connect.
    pub(crate) fn ticket(&self, node: &NodeId, channel: ChannelId, user: UserId) -> Option<&TicketRecord> {
        self.tickets.get(&channel)?.get(&(node.clone(), channel, user))
    }

    /// All rights to connect to a room, on whatever node.
    pub(crate) fn tickets_of_room(
        &self,
        channel: ChannelId,
    ) -> impl Iterator<Item = (&TicketKey, &TicketRecord)> {
        self.tickets.get(&channel).into_iter().flatten()
    }

    /// The voice connection that belongs to a right to connect: only one that was identified with its token counts.
    pub(crate) fn link_state(&self, node: &NodeId, channel: ChannelId, user: UserId) -> Option<LinkState> {
        let token = &self.ticket(node, channel, user)?.token;
        let link = self.links.get(&(node.clone(), channel, user))?;
        (link.token == *token).then_some(link.state)
    }
}

/// Takes a voice state out of an index.
fn forget<K: Eq + Hash>(index: &mut HashMap<K, BTreeSet<VoiceKey>>, at: &K, voice: VoiceKey) {
    if let Some(held) = index.get_mut(at) {
        held.remove(&voice);
        if held.is_empty() {
            index.remove(at);
        }
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
    Stream(StreamId),
    Ticket(TicketKey),
    Link(TicketKey),
    /// Whose, and of which session.
    Presence(UserId, String),
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
            ("stream", [channel, owner]) => Self::Stream((channel.parse().ok()?, owner.parse().ok()?)),
            ("ticket", [node, channel, user]) => Self::Ticket(Self::seat(node, channel, user)?),
            ("link", [node, channel, user]) => Self::Link(Self::seat(node, channel, user)?),
            ("presence", [user, session]) => Self::Presence(user.parse().ok()?, (*session).to_owned()),
            _ => return None,
        })
    }

    fn seat(node: &str, channel: &str, user: &str) -> Option<TicketKey> {
        Some((NodeId(node.to_owned()), channel.parse().ok()?, user.parse().ok()?))
    }
}

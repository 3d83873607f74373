//! What a change of a guild does to the people in its rooms (gateway-and-calls, section 5).

use voxhall_live::{TicketEnd, VoiceRecord};
use voxhall_protocol::ids::{ChannelId, GuildId};
use voxhall_protocol::model::Permissions;

use super::plan::Plan;
use super::rules::Facts;
use crate::directory::GuildWrite;

/// What becomes of somebody in a room.
enum Fate {
    /// Out of the room and out of voice.
    Leaves(TicketEnd),
    /// Stays, with this voice state.
    Stays(VoiceRecord),
}

impl Facts<'_> {
    /// Takes out of their rooms all those who lose their place by what is about to be written to a guild: the people
    /// of channels that go, members who go, everybody if the guild goes.
    pub(crate) fn take_out(self, guild: GuildId, writes: &[GuildWrite]) -> Option<Plan> {
        let end = |record: &VoiceRecord| writes.iter().find_map(|write| loses_place(record, write));
        let mut plan = Plan::new();
        let mut any = false;
        for room in self.rooms_of(guild) {
            let leaving: Vec<_> = self
                .view
                .room(room)
                .filter_map(|record| Some((record, end(record)?)))
                .collect();
            any |= !leaving.is_empty();
            self.leave_together(&mut plan, room, &leaving);
        }
        any.then_some(plan)
    }

    /// Looks at everybody in the rooms of a guild again, whatever has changed: who may no longer be there leaves, who
    /// may no longer speak is suppressed, who may again is not, and the media node is told of what each may do.
    pub(crate) fn reconsider(self, guild: GuildId) -> Option<Plan> {
        let mut plan = Plan::new();
        for room in self.rooms_of(guild) {
            let mut leaving = Vec::new();
            let mut staying = Vec::new();
            for record in self.view.room(room) {
                match self.fate(guild, room, record) {
                    Fate::Leaves(end) => leaving.push((record, end)),
                    Fate::Stays(changed) => {
                        self.put_voice(&mut plan, record, &changed)?;
                        staying.push(changed);
                    }
                }
            }
            self.give_up_seats(&mut plan, room, &leaving);
            let left = leaving.iter().map(|(record, _)| (record.user_id, None));
            let stayed = staying.iter().map(|record| (record.user_id, Some(record)));
            self.streams_follow(&mut plan, room, &left.chain(stayed).collect());
        }
        Some(plan)
    }

    fn rooms_of(self, guild: GuildId) -> impl Iterator<Item = ChannelId> {
        let calls = self.view.calls().filter(move |call| call.guild_id == Some(guild));
        calls.map(|call| call.channel_id)
    }

    fn fate(self, guild: GuildId, room: ChannelId, record: &VoiceRecord) -> Fate {
        if self.world.guild_channel(room).is_none() {
            return Fate::Leaves(TicketEnd::CallTerminated);
        }
        let Some(member) = self.world.member(guild, record.user_id) else {
            return Fate::Leaves(TicketEnd::Disconnected);
        };
        let granted = self.granted(room, record.user_id);
        if !granted.contains(Permissions::VIEW_CHANNEL) {
            return Fate::Leaves(TicketEnd::Disconnected);
        }
        let mut changed = VoiceRecord {
            mute: member.mute,
            deaf: member.deaf,
            suppress: self.suppression_after_change(record, room),
            self_video: record.self_video && granted.contains(Permissions::STREAM),
            ..record.clone()
        };
        changed.self_stream &= self.may_stream(&changed);
        Fate::Stays(changed)
    }
}

fn loses_place(record: &VoiceRecord, write: &GuildWrite) -> Option<TicketEnd> {
    match write {
        GuildWrite::Delete => Some(TicketEnd::CallTerminated),
        GuildWrite::DeleteChannel(channel) if record.channel_id == Some(*channel) => {
            Some(TicketEnd::CallTerminated)
        }
        GuildWrite::RemoveMember(user) if record.user_id == *user => Some(TicketEnd::Disconnected),
        _ => None,
    }
}

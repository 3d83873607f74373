//! Member lists: what answers ops 14 and 37.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Presence;
use crate::ids::GuildId;
use crate::model::Member;
use crate::{Extra, scalar};

/// GUILD_MEMBER_LIST_UPDATE: changes of a member list. A list is rows of headings and members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberListUpdate {
    /// Which guild.
    pub guild_id: GuildId,
    /// Which list; `everyone` for channels everybody sees.
    pub id: String,
    /// Changes, to be made one after the other.
    #[serde(default)]
    pub ops: Vec<MemberListOp>,
    /// The headings of the whole list, with counts.
    #[serde(default)]
    pub groups: Vec<MemberListGroup>,
    /// How many are online.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub online_count: u64,
    /// How many there are.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub member_count: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One change of a member list. Rows count from 0, headings included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op")]
pub enum MemberListOp {
    /// These rows, whatever stood there.
    #[serde(rename = "SYNC")]
    Sync {
        /// First and last row asked for, both included; the list may end before the last.
        range: [u32; 2],
        /// What stands there.
        items: Vec<MemberListItem>,
    },
    /// A new row; those from there on move down.
    #[serde(rename = "INSERT")]
    Insert {
        /// Where.
        index: u32,
        /// What.
        item: MemberListItem,
    },
    /// A row says something else.
    #[serde(rename = "UPDATE")]
    Update {
        /// Where.
        index: u32,
        /// What.
        item: MemberListItem,
    },
    /// A row goes; those behind it move up.
    #[serde(rename = "DELETE")]
    Delete {
        /// Where.
        index: u32,
    },
    /// These rows are no longer kept up.
    #[serde(rename = "INVALIDATE")]
    Invalidate {
        /// First and last row, both included.
        range: [u32; 2],
    },
    /// A change without a name here.
    #[serde(untagged)]
    Other(Value),
}

/// A row of a member list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberListItem {
    /// A heading.
    Group(MemberListGroup),
    /// A member.
    Member(Box<ListedMember>),
    /// A row without a name here.
    #[serde(untagged)]
    Other(Value),
}

/// A heading of a member list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberListGroup {
    /// A role's id, `online` or `offline`.
    pub id: String,
    /// How many members stand under it.
    #[serde(default, deserialize_with = "scalar::whole")]
    pub count: u64,
    /// Fields unknown here.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A member in a member list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedMember {
    /// How available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
    /// The member.
    #[serde(flatten)]
    pub member: Member,
}

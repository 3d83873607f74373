//! Handles the node gives to rooms and members.

/// A room of a worker: the members of one call hear each other. Chosen by the node, unique per worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u64);

/// One member of one room: the media half of one voice-gateway session. Chosen by the node, unique per worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

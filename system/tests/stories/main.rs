//! Stories of the whole: servers as processes of their own, and clients that use them.
//!
//! One program, because each of them would hold all of client and media once more.

mod acknowledged_writes_survive;
mod captures_hold;
mod drain;
mod go_live;
mod guild_channel_events;
mod hostile_network;
mod no_ghosts;
mod ogg_opus_arrives_unchanged;
mod one_voice_state_per_bot_and_guild;
mod private_call_events;
mod refusals_are_sentences;
mod resume_in_the_middle;
mod suppressed_members_are_not_heard;

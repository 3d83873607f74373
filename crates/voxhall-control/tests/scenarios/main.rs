//! What clients see of the control plane, one behaviour in each file.

mod harness;

mod accounts;
mod call_ends;
mod captured_sequences;
mod close_codes;
mod compression;
mod faults;
mod group_calls;
mod guild_administration;
mod hostile_input;
mod idle_members;
mod invites;
mod log_in;
mod lost_node;
mod member_lists;
mod message_content;
mod messages;
mod moderation;
mod openapi;
mod operator;
mod presence;
mod private_channels;
mod rate_limits;
mod refusals;
mod rest_limits;
mod rest_manners;
mod resume;
mod revoked_tokens;
mod ringing;
mod running_call;
mod server_updates;
mod several_sessions;
mod sign_up;
mod slow_readers;
mod stages;

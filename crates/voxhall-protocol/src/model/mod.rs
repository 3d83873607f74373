//! The objects that messages of the main Gateway and REST carry.
//!
//! Every type writes all the fields that strict client libraries ask for (gateway protocol, section 3), and reads
//! objects that lack some. Constructors give a complete object to start from.

mod channel;
mod command;
mod guild;
mod interaction;
mod message;
mod permissions;
mod ready;
mod stage;
mod timestamp;
mod user;
mod voice;

pub use channel::{Channel, ChannelKind, OverwriteKind, PermissionOverwrite};
pub use command::{
    ApplicationCommand, CommandChoice, CommandKind, CommandOption, CommandOptionKind, InteractionContext,
    Localizations,
};
pub use guild::{Guild, GuildProfile, ReadyGuild, Role, RoleColors, UnavailableGuild};
pub use interaction::{
    CommandData, CommandDataOption, ComponentKind, Interaction, InteractionKind, Resolved,
};
pub use message::{CallInfo, Message, MessageFlags, MessageKind, MessageReference, PartialMessage};
pub use permissions::Permissions;
pub use ready::{PartialApplication, ReadyPayload};
pub use stage::{CreateStageInstance, PatchStageInstance, StageInstance, StagePrivacy};
pub use timestamp::Timestamp;
pub use user::{Member, User};
pub use voice::{VoiceRegion, VoiceState, VoiceStateDraft};

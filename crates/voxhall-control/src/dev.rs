//! The world of the founding captures, ready to use: `voxhall serve --dev`.
//!
//! One guild with two voice channels and a text channel, the two people of the captures with their private channel,
//! and two bots. Tokens stay the same as long as the directory does.

use std::collections::BTreeSet;

use voxhall_protocol::Token;
use voxhall_protocol::ids::{ChannelId, GuildId, RoleId, UserId};
use voxhall_protocol::model::ChannelKind;

use crate::Error;
use crate::directory::{Directory, Member, NewUser, Role, TokenDigest, User, Username};
use crate::permissions::Permissions;

/// The guild.
pub const GUILD: GuildId = GuildId(934_828_556_603_764_816);
/// The voice channels.
pub const VOICE_CHANNELS: [ChannelId; 2] = [
    ChannelId(934_828_556_603_764_821),
    ChannelId(966_416_163_309_518_878),
];
/// The text channel.
pub const TEXT_CHANNEL: ChannelId = ChannelId(934_828_556_603_764_820);
/// The private channel of the two people.
pub const PRIVATE_CHANNEL: ChannelId = ChannelId(963_085_128_693_862_430);
/// The first of the people.
pub const TURBULENCE: UserId = UserId(959_467_381_011_415_120);
/// The second of the people, who owns the guild.
pub const EXP: UserId = UserId(138_397_087_229_280_257);
/// The bots.
pub const BOTS: [UserId; 2] = [UserId(966_000_000_000_000_001), UserId(966_000_000_000_000_002)];
/// The region.
pub const REGION: &str = "rotterdam";

/// Roles of [`TURBULENCE`].
const ROLES: [RoleId; 2] = [RoleId(963_747_331_558_219_786), RoleId(963_753_358_118_772_786)];
/// 2022-04-01T15:03:07.723Z.
const TURBULENCE_JOINED_MS: u64 = 1_648_825_387_723;
/// 2022-01-23T15:14:56.185Z.
const EXP_JOINED_MS: u64 = 1_642_950_896_185;
/// The setting that all tokens of the dev world come from.
const TOKEN_SEED: &str = "dev_token_seed";

/// An account that a program can log in with.
#[derive(Debug, Clone)]
pub struct DevAccount {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Its token.
    pub token: Token,
}

/// The world that [`seed`] made or found.
#[derive(Debug, Clone)]
pub struct DevWorld {
    /// The guild.
    pub guild_id: GuildId,
    /// Its voice channels.
    pub voice_channels: Vec<ChannelId>,
    /// Its text channel.
    pub text_channel: ChannelId,
    /// The private channel of the two people.
    pub private_channel: ChannelId,
    /// The two people.
    pub users: Vec<DevAccount>,
    /// The two bots.
    pub bots: Vec<DevAccount>,
}

/// Puts the world of the captures into a directory, unless it is already there.
///
/// # Errors
/// Those of the directory.
pub async fn seed(directory: &Directory) -> Result<DevWorld, Error> {
    // Each part is looked for on its own: a start that was broken off is made whole by the next one.
    for user in accounts() {
        if directory.read().user(user.id.unwrap_or(EXP)).is_none() {
            directory.create_user(user).await?;
        }
    }
    seed_guild(directory).await?;
    if directory.read().private(PRIVATE_CHANNEL).is_none() {
        let recipients = BTreeSet::from([TURBULENCE, EXP]);
        directory
            .create_private_channel(Some(PRIVATE_CHANNEL), recipients)
            .await?;
    }
    let token_seed = directory.setting(TOKEN_SEED, Directory::new_token_seed).await?;
    Ok(DevWorld {
        guild_id: GUILD,
        voice_channels: VOICE_CHANNELS.to_vec(),
        text_channel: TEXT_CHANNEL,
        private_channel: PRIVATE_CHANNEL,
        users: log_ins(directory, &token_seed, [TURBULENCE, EXP]).await?,
        bots: log_ins(directory, &token_seed, BOTS).await?,
    })
}

fn accounts() -> [NewUser; 4] {
    let person = |id, name: &str, discriminator: &str, avatar: Option<&str>| NewUser {
        id: Some(id),
        bot: false,
        name: name.to_owned(),
        discriminator: Some(discriminator.to_owned()),
        avatar: avatar.map(str::to_owned),
        ..NewUser::default()
    };
    let bot = |id, name: &str| NewUser {
        id: Some(id),
        bot: true,
        name: name.to_owned(),
        privileged_intents: true,
        ..NewUser::default()
    };
    [
        person(TURBULENCE, "turbulence", "0485", None),
        person(EXP, "Exp", "7856", Some("7062212282927ef52c1bac8cb3e33e34")),
        bot(BOTS[0], "minstrel"),
        bot(BOTS[1], "scribe"),
    ]
}

async fn seed_guild(directory: &Directory) -> Result<(), Error> {
    if directory.read().guild(GUILD).is_none() {
        directory.create_guild(Some(GUILD), "Voxhall", EXP).await?;
    }
    for (index, id) in ROLES.into_iter().enumerate() {
        let role = Role {
            position: i32::try_from(index).unwrap_or(0) + 1,
            ..Role::new(id, ["regulars", "musicians"][index], Permissions::NONE)
        };
        let known = directory
            .read()
            .guild(GUILD)
            .is_some_and(|guild| guild.roles.contains_key(&id));
        if !known {
            directory.put_role(GUILD, role).await?;
        }
    }
    let channels = [
        (TEXT_CHANNEL, ChannelKind::GuildText, "general"),
        (VOICE_CHANNELS[0], ChannelKind::GuildVoice, "General"),
        (VOICE_CHANNELS[1], ChannelKind::GuildVoice, "Music"),
    ];
    for (id, kind, name) in channels {
        if directory.read().guild_channel(id).is_none() {
            directory.create_channel(GUILD, Some(id), kind, name).await?;
        }
    }
    seed_members(directory).await
}

async fn seed_members(directory: &Directory) -> Result<(), Error> {
    let people = [
        (TURBULENCE, TURBULENCE_JOINED_MS, &ROLES[..]),
        (EXP, EXP_JOINED_MS, &[]),
    ];
    for (user_id, joined_at_ms, roles) in people {
        let known = directory.read().member(GUILD, user_id).cloned();
        // The owner became a member when the guild was made, with the time of that.
        if known.is_none_or(|member| member.joined_at_ms != joined_at_ms) {
            let member = Member {
                roles: roles.iter().copied().collect(),
                ..crate::directory::new_member(user_id, joined_at_ms)
            };
            directory.put_member(GUILD, member).await?;
        }
    }
    for bot in BOTS {
        directory.add_member(GUILD, bot).await?;
    }
    Ok(())
}

async fn log_ins(directory: &Directory, seed: &str, users: [UserId; 2]) -> Result<Vec<DevAccount>, Error> {
    let mut accounts = Vec::with_capacity(users.len());
    for id in users {
        let token = directory.seeded_token(id, seed).await?;
        let name = directory
            .read()
            .user(id)
            .map(|user| user.name.clone())
            .unwrap_or_default();
        accounts.push(DevAccount { id, name, token });
    }
    Ok(accounts)
}

/// Makes the bot that an unknown token stands for, as a member of the guild.
///
/// # Errors
/// Those of the directory.
pub(crate) async fn adopt(directory: &Directory, token: &str) -> Result<UserId, Error> {
    let bot = NewUser {
        bot: true,
        name: Directory::name_for_token(token),
        privileged_intents: true,
        ..NewUser::default()
    };
    let user = directory.create_user(bot).await?;
    directory.add_member(GUILD, user.id).await?;
    // Last, so that a token that is known stands for a bot that is whole.
    directory.accept_token(user.id, &Token::from(token), "").await?;
    Ok(user.id)
}

/// Finds the person whom somebody means that goes by this name, or makes an account for them. Guilds are the
/// caller's business.
///
/// # Errors
/// Those of the directory.
pub(crate) async fn person(directory: &Directory, shown: &str) -> Result<User, Error> {
    let name = account_name(shown);
    if let Some(user) = directory.read().user_of_login(&name) {
        return Ok(user.clone());
    }
    let person = NewUser {
        global_name: (name != shown).then(|| shown.to_owned()),
        name,
        ..NewUser::default()
    };
    directory.create_user(person).await
}

/// The name of the account of somebody who is shown by another: `Ada L` has the account `ada_l`. Who cannot be
/// written in the letters of account names has one that depends on the whole name, so that nobody else has it.
fn account_name(shown: &str) -> String {
    let lower = shown.to_lowercase();
    let plain = lower.replace([' ', '-'], "_");
    match Username::parse(&plain) {
        Ok(name) => name.as_str().to_owned(),
        Err(_) => format!("guest_{}", TokenDigest::of(&lower).short()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_go_by_lead_to_accounts() {
        assert_eq!(account_name("Ada L"), "ada_l");
        assert_eq!(account_name("Exp"), "exp");
        let (olga, anna) = (account_name("Ольга 1"), account_name("Анна 1"));
        assert!(Username::parse(&olga).is_ok(), "{olga}");
        assert_ne!(olga, anna);
        assert_eq!(olga, account_name("ольга 1"));
        assert!(Username::parse(&account_name("x")).is_ok());
    }
}

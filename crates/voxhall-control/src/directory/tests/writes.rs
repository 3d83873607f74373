//! Writes of every kind, each directory being closed and opened again afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use voxhall_protocol::ids::{ApplicationId, ChannelId, CommandId, GuildId, MessageId, RoleId, UserId};
use voxhall_protocol::model::{ApplicationCommand, ChannelKind};

use super::Trial;
use crate::Error;
use crate::directory::TokenDigest;
use crate::directory::{
    Ban, CallMessage, Channel, CommandChange, Directory, GuildSettings, GuildWrite, Member, NewUser,
    Overwrite, OverwriteTarget, Role, World, delete_channel, delete_role, new_member,
};
use crate::permissions::Permissions;

async fn account(directory: &Directory, name: &str) -> UserId {
    let new = NewUser {
        name: name.to_owned(),
        ..NewUser::default()
    };
    directory.create_user(new).await.unwrap().id
}

pub(super) async fn accounts_and_tokens_last(trial: &Trial) {
    let directory = trial.open().await;
    let person = account(&directory, "Anaïs 🎻").await;
    let bot = NewUser {
        id: Some(UserId(7)),
        bot: true,
        name: "minstrel".to_owned(),
        discriminator: Some("0042".to_owned()),
        avatar: Some("7062212282927ef52c1bac8cb3e33e34".to_owned()),
        privileged_intents: true,
        ..NewUser::default()
    };
    let bot = directory.create_user(bot).await.unwrap().id;
    let kept = directory.create_token(person).await.unwrap();
    let ended = directory.create_token(bot).await.unwrap();
    assert_eq!(directory.revoke_tokens(bot).await.unwrap().len(), 1);

    let directory = trial.reopen(directory).await;
    let world = directory.read();
    let owner = world.user_of_token(TokenDigest::of(kept.expose())).unwrap();
    assert_eq!((owner.id, owner.name.as_str()), (person, "Anaïs 🎻"));
    assert!(world.user_of_token(TokenDigest::of(ended.expose())).is_none());
    let bot = world.user(bot).unwrap();
    assert!(bot.bot && bot.privileged_intents && !owner.bot && !owner.privileged_intents);
}

/// A guild of two with a role, a category and a voice channel in it.
async fn guild(directory: &Directory) -> (GuildId, UserId, UserId) {
    let (owner, guest) = (
        account(directory, "owner").await,
        account(directory, "guest").await,
    );
    let guild = directory
        .create_guild(Some(GuildId(100)), "Hall", owner)
        .await
        .unwrap();
    let role = Role {
        color: 0xff_ff_ff,
        hoist: true,
        mentionable: true,
        ..Role::new(RoleId(101), "regulars", Permissions::CONNECT)
    };
    directory.put_role(guild, role).await.unwrap();
    let kind = ChannelKind::GuildCategory;
    let category = directory
        .create_channel(guild, Some(ChannelId(102)), kind, "talk")
        .await
        .unwrap();
    let channel = Channel {
        position: -1,
        parent_id: Some(category),
        bitrate: 384_000,
        user_limit: 99,
        rtc_region: Some("rotterdam".to_owned()),
        video_quality_mode: 2,
        status: Some("Bach tonight".to_owned()),
        topic: Some(String::new()),
        nsfw: true,
        rate_limit_per_user: 21_600,
        overwrites: vec![
            overwrite(
                OverwriteTarget::Role(RoleId(guild.0)),
                Permissions::NONE,
                Permissions::SPEAK,
            ),
            overwrite(
                OverwriteTarget::Role(RoleId(101)),
                Permissions::SPEAK,
                Permissions::NONE,
            ),
            overwrite(
                OverwriteTarget::Member(guest),
                Permissions::CONNECT,
                Permissions::STREAM,
            ),
        ],
        ..Channel::new(ChannelId(103), guild, ChannelKind::GuildVoice, "stage left")
    };
    directory.put_channel(channel).await.unwrap();
    let member = Member {
        nick: Some("Gäst".to_owned()),
        roles: BTreeSet::from([RoleId(101)]),
        mute: true,
        timed_out_until_ms: Some(4_102_444_800_000),
        ..new_member(guest, 1_648_825_387_723)
    };
    directory.put_member(guild, member).await.unwrap();
    (guild, owner, guest)
}

fn overwrite(target: OverwriteTarget, allow: Permissions, deny: Permissions) -> Overwrite {
    Overwrite { target, allow, deny }
}

pub(super) async fn guilds_last_with_all_that_is_in_them(trial: &Trial) {
    let directory = trial.open().await;
    let (guild, owner, guest) = guild(&directory).await;
    let directory = trial.reopen(directory).await;
    let world = directory.read();
    let (hall, voice) = world.guild_channel(ChannelId(103)).unwrap();
    assert_eq!((hall.id, hall.owner_id, hall.roles.len()), (guild, owner, 2));
    assert!(voice.nsfw && voice.position == -1 && voice.parent_id == Some(ChannelId(102)));
    let member = world.member(guild, guest).unwrap();
    assert!(member.mute && !member.deaf && member.timed_out_until_ms == Some(4_102_444_800_000));
    assert!(
        !world
            .permissions(ChannelId(103), guest)
            .contains(Permissions::STREAM)
    );
}

pub(super) async fn changes_and_deletions_last(trial: &Trial) {
    let directory = trial.open().await;
    let (guild, owner, guest) = guild(&directory).await;
    let settings = GuildSettings {
        description: Some("for voices".to_owned()),
        afk_channel_id: Some(ChannelId(103)),
        system_channel_id: Some(ChannelId(102)),
        system_channel_flags: 1 << 40,
        ..GuildSettings::default()
    };
    let (name, settings) = ("New hall".to_owned(), Box::new(settings));
    let head = GuildWrite::Head {
        name,
        owner_id: owner,
        settings,
    };
    let reason = Some("shouted".to_owned());
    let ban = GuildWrite::PutBan(Ban {
        user_id: guest,
        reason,
    });
    let changes = vec![head, GuildWrite::RemoveMember(guest), ban];
    directory.write_guild(guild, changes).await.unwrap();
    let directory = trial.reopen(directory).await;
    assert!(directory.read().guilds_of(guest).next().is_none());

    let hall = directory.read().guild(guild).unwrap().clone();
    let mut deletions = delete_role(&hall, RoleId(101));
    deletions.extend(delete_channel(&hall, ChannelId(102)));
    deletions.push(GuildWrite::RemoveBan(guest));
    directory.write_guild(guild, deletions).await.unwrap();
    let directory = trial.reopen(directory).await;
    assert_eq!(directory.read().guild(guild).unwrap().channels.len(), 1);

    directory
        .write_guild(guild, vec![GuildWrite::Delete])
        .await
        .unwrap();
    let directory = trial.reopen(directory).await;
    assert!(directory.read().home(ChannelId(103)).is_none());
}

pub(super) async fn private_channels_and_calls_last(trial: &Trial) {
    let directory = trial.open().await;
    let mut people = BTreeSet::new();
    for name in ["one", "two", "three"] {
        people.insert(account(&directory, name).await);
    }
    let group = directory
        .create_private_channel(None, people.clone())
        .await
        .unwrap();
    let author = *people.first().unwrap();
    let message = CallMessage {
        id: MessageId(directory.next_id()),
        channel_id: group.id,
        author,
    };
    directory.begin_call_message(message).await.unwrap();
    for user in &people {
        directory.add_call_participant(message.id, *user).await.unwrap();
    }
    directory
        .end_call_message(message.id, crate::wall::now_ms())
        .await
        .unwrap();
    let first = directory.acknowledge(author, group.id, message.id).await.unwrap();
    let directory = trial.reopen(directory).await;
    assert_eq!(
        directory.read().private(group.id).unwrap().last_message_id,
        Some(message.id)
    );
    let second = directory.acknowledge(author, group.id, message.id).await.unwrap();
    assert_eq!((first.version, second.version), (1, 2));
    trial.reopen(directory).await;
}

pub(super) async fn commands_last(trial: &Trial) {
    let directory = trial.open().await;
    let (guild, owner, _) = guild(&directory).await;
    let application = ApplicationId(owner.0);
    let command = |id, only: Option<GuildId>| -> ApplicationCommand {
        let mut command = serde_json::json!({
            "id": id, "application_id": application, "version": id, "type": 1, "name": "größe '1'",
            "options": [{"type": 4, "name": "n", "description": "d", "min_value": -0.5, "later": [1]}],
        });
        if let Some(guild) = only {
            command["guild_id"] = serde_json::json!(guild);
        }
        serde_json::from_value(command).unwrap()
    };
    let change = async |directory: &Directory, removed: &[u64], put: Vec<ApplicationCommand>| {
        let removed = removed.iter().map(|id| CommandId(*id)).collect();
        let decide = |_: &_| Ok::<_, Error>((CommandChange { removed, put }, ()));
        directory.change_commands(application, decide).await.unwrap();
    };
    let all = vec![command(1, None), command(2, Some(guild)), command(3, None)];
    change(&directory, &[], all).await;
    let renamed = ApplicationCommand {
        name: "other".to_owned(),
        ..command(3, None)
    };
    change(&directory, &[1], vec![renamed]).await;
    let directory = trial.reopen(directory).await;
    let names = |world: &World| -> Vec<String> {
        world
            .commands_of(application)
            .map(|command| command.name.clone())
            .collect()
    };
    assert_eq!(names(&directory.read()), ["größe '1'", "other"]);
    directory
        .write_guild(guild, vec![GuildWrite::Delete])
        .await
        .unwrap();
    let directory = trial.reopen(directory).await;
    assert_eq!(names(&directory.read()), ["other"], "a guild's own go with it");
}

pub(super) async fn the_largest_numbers_and_strangest_texts_last(trial: &Trial) {
    let directory = trial.open().await;
    let texts = [
        "'; DROP TABLE users; --",
        "\\ \" % _ $1 ?",
        "\u{202e}עברית\u{200d}",
        "line\r\nfeed\ttab",
        " ",
    ];
    for (text, id) in texts.iter().zip([u64::MAX, 1 << 63, (1 << 63) - 1, 1, 2]) {
        let (id, name) = (Some(UserId(id)), (*text).to_owned());
        let new = NewUser {
            id,
            name,
            ..NewUser::default()
        };
        directory.create_user(new).await.unwrap();
    }
    let owner = UserId(u64::MAX);
    let guild = directory
        .create_guild(Some(GuildId(u64::MAX - 1)), texts[0], owner)
        .await
        .unwrap();
    let role = Role {
        position: i32::MIN,
        ..Role::new(RoleId(u64::MAX), texts[2], Permissions::from_bits(u64::MAX))
    };
    directory.put_role(guild, role).await.unwrap();
    let directory = trial.reopen(directory).await;
    let world = directory.read();
    assert_eq!(world.users().count(), texts.len());
    let role = &world.guild(guild).unwrap().roles[&RoleId(u64::MAX)];
    assert_eq!((role.permissions.bits(), role.position), (u64::MAX, i32::MIN));
}

pub(super) async fn a_refused_write_leaves_nothing(trial: &Trial) {
    let directory = trial.open().await;
    let (guild, ..) = guild(&directory).await;
    let known = account(&directory, "known").await;
    let error = directory
        .create_private_channel(None, BTreeSet::from([known, UserId(1)]))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unknown { what: "account" }), "{error}");
    let taken = NewUser {
        id: Some(known),
        name: "other".to_owned(),
        ..NewUser::default()
    };
    assert!(matches!(
        directory.create_user(taken).await,
        Err(Error::Directory(_))
    ));
    // The second write breaks on a role that does not exist, after the first one was carried out.
    let renamed = Role::new(RoleId(101), "renamed", Permissions::NONE);
    let roles = BTreeSet::from([RoleId(404)]);
    let member = Box::new(Member {
        roles,
        ..new_member(known, 0)
    });
    let changes = vec![GuildWrite::PutRole(renamed), GuildWrite::PutMember(member)];
    assert!(matches!(
        directory.write_guild(guild, changes).await,
        Err(Error::Directory(_))
    ));
    let directory = trial.reopen(directory).await;
    assert_eq!(
        directory.read().guild(guild).unwrap().roles[&RoleId(101)].name,
        "regulars"
    );
}

pub(super) async fn writers_side_by_side_lose_nothing(trial: &Trial) {
    const WRITERS: usize = 8;
    const WRITES: usize = 10;
    let directory = Arc::new(trial.open().await);
    let (guild, ..) = guild(&directory).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let directory = directory.clone();
        writers.spawn(async move {
            for write in 0..WRITES {
                let user = account(&directory, &format!("{write} of writer {writer}")).await;
                directory.create_token(user).await.unwrap();
                directory.add_member(guild, user).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let directory = trial.reopen(Arc::into_inner(directory).unwrap()).await;
    assert_eq!(
        directory.read().guild(guild).unwrap().members.len(),
        WRITERS * WRITES + 2
    );
}

pub(super) async fn settings_are_made_once(trial: &Trial) {
    let directory = trial.open().await;
    assert_eq!(
        directory.setting("seed", || "first".to_owned()).await.unwrap(),
        "first"
    );
    let directory = trial.reopen(directory).await;
    assert_eq!(
        directory.setting("seed", || "second".to_owned()).await.unwrap(),
        "first"
    );
}

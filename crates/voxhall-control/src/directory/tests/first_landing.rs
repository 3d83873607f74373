//! A file of the first landing's program, opened with today's: everything in it is kept.
//!
//! `data/first_landing.sql` is the dump of that file. A development server had run on it; its people had talked in
//! private, one was muted, a channel set up, and an account with a token made by the operator.

use sqlx::{Connection as _, Executor as _, Row as _};
use voxhall_protocol::ids::{ChannelId, GuildId, MessageId, OverwriteId, RoleId, UserId};

use super::Trial;
use crate::directory::{
    Connection, Directory, OverwriteTarget, TokenDigest, World, database::connect_to_file,
};
use crate::permissions::Permissions;

const DUMP: &str = include_str!("data/first_landing.sql");
const GUILD: GuildId = GuildId(934_828_556_603_764_816);
const MUSIC: ChannelId = ChannelId(966_416_163_309_518_878);
const PRIVATE: ChannelId = ChannelId(963_085_128_693_862_430);
const TURBULENCE: UserId = UserId(959_467_381_011_415_120);
const EXP: UserId = UserId(138_397_087_229_280_257);
const CALL: MessageId = MessageId(1_573_534_636_709_306_368);

/// Tokens of that server, and whose they were.
const TOKENS: [(&str, &str); 4] = [
    (
        "OTU5NDY3MzgxMDExNDE1MTIw.Vbr0Zw.8NKqHUQmentRyeAPo3ANZqieTjc",
        "turbulence",
    ),
    (
        "MTM4Mzk3MDg3MjI5MjgwMjU3.POap8A.VunN4QKyYRTRM4QIneiQ9LAsfP4",
        "Exp",
    ),
    (
        "OTY2MDAwMDAwMDAwMDAwMDAx.-sjVGg.f9mVH8uYfQ7No4TN5rB8qjQ5Jpw",
        "minstrel",
    ),
    (
        "MTU3MzUzNDUwMTA1MjcyNzI5Ng.OnjdVA.xFz72nxPOAt_H4pHm8dT9-C0jIs",
        "Anaïs 🎻",
    ),
];

/// SQLite's tables and indexes, as it remembers that they were made.
async fn schema(connection: &mut Connection) -> Vec<String> {
    let query =
        "SELECT type || ' ' || name || ': ' || COALESCE(sql, '') AS made FROM sqlite_master ORDER BY 1";
    let rows = sqlx::query(query).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get("made")).collect()
}

#[tokio::test]
async fn its_data_is_kept_and_its_tables_become_those_of_a_new_file() {
    let (old, new) = (Trial::on_sqlite(), Trial::on_sqlite());
    let file = old.folder.path().join("directory.db");
    std::fs::File::create(&file).unwrap();
    let mut connection = connect_to_file(&file).await.unwrap();
    connection.execute(DUMP).await.unwrap();
    connection.close().await.unwrap();

    let directory = old.open().await;
    accounts_are_kept(&directory.read());
    the_guild_is_kept(&directory.read());
    the_private_call_is_kept(&directory).await;
    let directory = old.reopen(directory).await;

    let fresh = new.open().await;
    let (migrated, fresh) = (
        &mut directory.pool.acquire().await.unwrap(),
        &mut fresh.pool.acquire().await.unwrap(),
    );
    assert_eq!(schema(migrated).await, schema(fresh).await);
}

fn accounts_are_kept(world: &World) {
    assert_eq!(world.users().count(), 5);
    for (token, name) in TOKENS {
        assert_eq!(
            world
                .user_of_token(TokenDigest::of(token))
                .map(|user| user.name.as_str()),
            Some(name)
        );
    }
    let exp = world.user(EXP).unwrap();
    assert_eq!(exp.discriminator, "7856");
    assert_eq!(exp.avatar.as_deref(), Some("7062212282927ef52c1bac8cb3e33e34"));
}

fn the_guild_is_kept(world: &World) {
    let guild = world.guild(GUILD).unwrap();
    assert_eq!((guild.name.as_str(), guild.owner_id), ("Voxhall", EXP));
    assert_eq!(
        (guild.roles.len(), guild.channels.len(), guild.members.len()),
        (3, 3, 4)
    );
    let turbulence = &guild.members[&TURBULENCE];
    assert!(turbulence.mute && !turbulence.deaf);
    assert_eq!(turbulence.joined_at_ms, 1_648_825_387_723);
    assert!(turbulence.roles.contains(&RoleId(963_747_331_558_219_786)));
    let music = &guild.channels[&MUSIC];
    assert_eq!((music.bitrate, music.user_limit), (96_000, 12));
    assert_eq!(music.status.as_deref(), Some("Bach tonight"));
    assert_eq!(music.overwrites.len(), 2);
    let exception = music.overwrite(OverwriteId(966_000_000_000_000_001)).unwrap();
    assert!(matches!(exception.target, OverwriteTarget::Member(_)));
    assert_eq!(
        (exception.allow, exception.deny),
        (Permissions::SPEAK, Permissions::NONE)
    );
}

async fn the_private_call_is_kept(directory: &Directory) {
    {
        let world = directory.read();
        let private = world.private(PRIVATE).unwrap();
        assert_eq!(private.last_message_id, Some(CALL));
        assert!(private.recipients.contains(&EXP) && private.recipients.contains(&TURBULENCE));
        let (channel, read) = world.read_states(TURBULENCE).next().unwrap();
        assert_eq!((channel, read.message_id, read.version), (PRIVATE, CALL, 1));
    }
    let ended: i64 = sqlx::query_scalar("SELECT ended_at_ms FROM call_messages WHERE id = $1")
        .bind(i64::try_from(CALL.0).unwrap())
        .fetch_one(&directory.pool)
        .await
        .unwrap();
    assert_eq!(ended, 1_795_230_297_001);
}

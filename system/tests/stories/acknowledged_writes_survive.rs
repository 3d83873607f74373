//! SIGKILL in the middle of writes, round after round: whatever was acknowledged is there after the next start, on
//! either database, and the database is whole.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use voxhall_cluster::Cluster;
use voxhall_system::Server;
use voxhall_system::wire::{rest, try_rest};

/// So that a kill meets some of them waiting, some in SQL, some being answered.
const WRITERS: usize = 6;
/// How many writes are acknowledged before the server is killed, round by round.
const ROUNDS: [usize; 4] = [1, 17, 40, 63];

/// Whoever writes as fast as it can must not be held back.
const UNLIMITED: [&str; 2] = ["--rest-limits", "off"];

/// Something that the server said is done.
#[derive(Debug)]
enum Done {
    User(String),
    /// A token, and whose it is.
    Token(String, String),
    Member(String),
    Channel(String),
    /// How many people a channel takes.
    UserLimit(String, usize),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() -> Result<()> {
    let server = rounds(Server::start_with(&UNLIMITED)?).await?;
    let script = "import sqlite3, sys\n\
                  database = sqlite3.connect(sys.argv[1])\n\
                  print(database.execute('PRAGMA integrity_check').fetchall() == [('ok',)] \
                  and database.execute('PRAGMA foreign_key_check').fetchall() == [])";
    let file = server.folder().join("directory.db");
    let checked = Command::new("python3").args(["-c", script]).arg(file).output()?;
    assert_eq!(String::from_utf8(checked.stdout)?, "True\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql() -> Result<()> {
    let cluster = Cluster::start()?;
    let database = cluster.database()?;
    let server = rounds(Server::start_with(
        &[&UNLIMITED[..], &["--database", &database]].concat(),
    )?)
    .await?;
    ensure!(
        !server.folder().join("directory.db").exists(),
        "a file is kept beside the database"
    );
    cluster.check(&database)?;
    Ok(())
}

/// Gives back the server as the last kill left it.
async fn rounds(mut server: Server) -> Result<Server> {
    let mut all = Vec::new();
    for writes in ROUNDS {
        let (acknowledged, mut heard) = mpsc::unbounded_channel();
        let mut writers = JoinSet::new();
        for number in 0..WRITERS {
            let writer = Writer::new(&server, number)?;
            writers.spawn(writer.run(acknowledged.clone()));
        }
        drop(acknowledged);
        for _ in 0..writes {
            all.push(heard.recv().await.context("every writer gave up")?);
        }
        server.kill()?;
        writers.join_all().await;
        while let Some(done) = heard.recv().await {
            all.push(done);
        }
        server.start_again()?;
        everything_is_there(&server, &all).await?;
    }
    server.kill()?;
    Ok(server)
}

/// Makes one thing after the other until the server is gone.
struct Writer {
    number: usize,
    address: String,
    operator: String,
    owner: String,
    guild: String,
}

impl Writer {
    fn new(server: &Server, number: usize) -> Result<Self> {
        Ok(Self {
            number,
            address: server.world.address().to_owned(),
            operator: server.admin_token()?,
            owner: server.world.users[1].token.clone(),
            guild: server.world.guild_id.to_string(),
        })
    }

    async fn run(self, acknowledged: mpsc::UnboundedSender<Done>) {
        // That nobody listens to it any more does not matter either.
        while self.write(&acknowledged).await.is_some() {}
    }

    /// `None` once a request was not answered with success.
    async fn write(&self, acknowledged: &mpsc::UnboundedSender<Done>) -> Option<()> {
        let (guild, owner) = (&self.guild, &self.owner);
        // Names of people are unique.
        let person = json!({"name": format!("writer.{}.{:08x}", self.number, rand::random::<u32>())});
        let user = id(&self.operator("POST", "/admin/users", person).await?)?;
        acknowledged.send(Done::User(user.clone())).ok()?;
        let path = format!("/admin/users/{user}/tokens");
        let token = self.operator("POST", &path, json!({})).await?["token"]
            .as_str()?
            .to_owned();
        acknowledged.send(Done::Token(token, user.clone())).ok()?;
        let path = format!("/admin/guilds/{guild}/members/{user}");
        self.operator("PUT", &path, Value::Null).await?;
        acknowledged.send(Done::Member(user)).ok()?;
        let voice = json!({"name": "loud", "type": 2});
        let path = format!("/admin/guilds/{guild}/channels");
        let channel = id(&self.operator("POST", &path, voice).await?)?;
        acknowledged.send(Done::Channel(channel.clone())).ok()?;
        let (path, limit) = (format!("/api/v10/channels/{channel}"), self.number + 1);
        self.ask("PATCH", &path, owner, json!({"user_limit": limit}))
            .await?;
        acknowledged.send(Done::UserLimit(channel, limit)).ok()
    }

    async fn operator(&self, method: &str, path: &str, body: Value) -> Option<Value> {
        self.ask(method, path, &self.operator, body).await
    }

    async fn ask(&self, method: &str, path: &str, token: &str, body: Value) -> Option<Value> {
        let (status, body) = try_rest(&self.address, method, path, token, &body).await?;
        (200..300).contains(&status).then_some(body)
    }
}

fn id(body: &Value) -> Option<String> {
    body["id"].as_str().map(str::to_owned)
}

async fn everything_is_there(server: &Server, all: &[Done]) -> Result<()> {
    let address = server.world.address();
    let (operator, owner) = (server.admin_token()?, &server.world.users[1].token);
    let guild = server.world.guild_id;
    let get = async |path: String, token: &str| rest(address, "GET", &path, token, &Value::Null).await.1;
    let users = ids(&get("/admin/users".to_owned(), &operator).await, "/id")?;
    let listed = get(format!("/api/v10/guilds/{guild}/channels"), owner).await;
    let channels = ids(&listed, "/id")?;
    let limited = |channel: &str, limit: usize| {
        let channel = listed.as_array()?.iter().find(|it| it["id"] == channel)?;
        Some(channel["user_limit"] == limit)
    };
    let members = get(format!("/api/v10/guilds/{guild}/members?limit=1000"), owner).await;
    let members = ids(&members, "/user/id")?;
    for done in all {
        let there = match done {
            Done::User(user) => users.contains(user),
            Done::Member(user) => members.contains(user),
            Done::Channel(channel) => channels.contains(channel),
            Done::Token(token, user) => get("/api/v10/users/@me".to_owned(), token).await["id"] == **user,
            Done::UserLimit(channel, limit) => limited(channel, *limit) == Some(true),
        };
        ensure!(
            there,
            "{done:?} was acknowledged and is lost, of {} writes",
            all.len()
        );
    }
    Ok(())
}

fn ids(list: &Value, pointer: &str) -> Result<BTreeSet<String>> {
    let things = list.as_array().with_context(|| format!("no list: {list}"))?;
    let id = |thing: &Value| thing.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Ok(things.iter().filter_map(id).collect())
}

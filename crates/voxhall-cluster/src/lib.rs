//! A PostgreSQL server of its own for tests, gone when they end.
//!
//! It is the `postgresql` package of Debian, with a data folder made afresh and a Unix socket inside it instead of a
//! port, so that any number of tests can have one side by side and nobody else is in the way. A shell stands between
//! the test and the server: when the test's process ends, in whatever way, the shell reads the end of its input, stops
//! the server and removes the folder.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// For the server to answer; generous, because many tests run at once.
const START: Duration = Duration::from_secs(60);
/// Between two looks at whether it does.
const LOOK: Duration = Duration::from_millis(20);
/// Who owns all databases and logs in without a password.
const OWNER: &str = "voxhall";
/// Who must give a password.
const STRANGER: &str = "stranger";
/// The system's user that comes with the package: the server refuses to run as root.
const UNPRIVILEGED: &str = "postgres";

/// Why there is no PostgreSQL for a test.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The package is not there.
    #[error("PostgreSQL is not installed; run `scripts/setup test`, or install the package `postgresql`")]
    NotInstalled,
    /// A file or a program cannot be used.
    #[error("PostgreSQL cannot be started ({0}); check the temporary folder, and that setpriv is installed")]
    Io(#[from] io::Error),
    /// One of its programs failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which one.
        program: String,
        /// What it wrote.
        said: String,
    },
}

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    shell: Child,
    databases: AtomicU32,
}

impl Cluster {
    /// The one of this process, started when it is first asked for.
    ///
    /// # Panics
    /// It cannot be started; the message says why.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().unwrap_or_else(|error| panic!("{error}")))
    }

    /// Starts one, and returns when it answers.
    ///
    /// # Errors
    /// [`Error`].
    pub fn start() -> Result<Self, Error> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("voxhall-pg").tempdir()?;
        give_away(folder.path())?;
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&programs.join("initdb"), folder.path())?;
        initdb.arg("-D").arg(&data);
        run(initdb.args([
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "-U",
            OWNER,
        ]))?;
        fs::write(
            data.join("pg_hba.conf"),
            format!("local all {STRANGER} scram-sha-256\nlocal all all trust\n"),
        )?;
        let shell = serve(&programs, folder.path(), &data)?;
        let cluster = Self {
            programs,
            // The shell removes it.
            folder: folder.keep(),
            shell,
            databases: AtomicU32::new(0),
        };
        cluster.wait_until_it_answers()?;
        Ok(cluster)
    }

    /// Makes an empty database, and returns the URL with which its owner logs in.
    ///
    /// # Errors
    /// [`Error::Failed`], [`Error::Io`].
    pub fn database(&self) -> Result<String, Error> {
        let name = format!("trial{}", self.databases.fetch_add(1, Ordering::Relaxed));
        run(self.program("createdb").arg(&name))?;
        Ok(self.url(OWNER, &name))
    }

    /// The URL of a database, whether it exists or not, for one who logs in without a password.
    pub fn url(&self, user: &str, database: &str) -> String {
        let socket = self.folder.display().to_string();
        let socket = utf8_percent_encode(&socket, NON_ALPHANUMERIC);
        format!("postgres://{user}@localhost/{database}?host={socket}")
    }

    /// The URL of a user that has a password, with another one.
    ///
    /// # Errors
    /// [`Error::Failed`], [`Error::Io`].
    pub fn url_with_wrong_password(&self) -> Result<String, Error> {
        self.query(
            &self.url(OWNER, "postgres"),
            &format!("CREATE ROLE {STRANGER} LOGIN PASSWORD 'right'"),
        )?;
        Ok(self.url(&format!("{STRANGER}:wrong"), "postgres"))
    }

    /// Runs SQL as somebody outside of what is tested, and returns what it yields: a line for each row, `|` between
    /// columns.
    ///
    /// # Errors
    /// [`Error::Failed`], [`Error::Io`].
    pub fn query(&self, url: &str, sql: &str) -> Result<String, Error> {
        let mut psql = self.program("psql");
        run(psql
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
            .args(["--set=ON_ERROR_STOP=1", "--dbname", url, "--command", sql]))
    }

    /// Checks every table and index of a database for damage.
    ///
    /// # Errors
    /// [`Error::Failed`] with what is damaged, [`Error::Io`].
    pub fn check(&self, url: &str) -> Result<(), Error> {
        let mut amcheck = self.program("pg_amcheck");
        run(amcheck.args(["--install-missing", "--heapallindexed", url])).map(|_| ())
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.env("PGHOST", &self.folder).env("PGUSER", OWNER);
        command
    }

    fn wait_until_it_answers(&self) -> Result<(), Error> {
        let begin = Instant::now();
        loop {
            match run(self.program("pg_isready").arg("--quiet")) {
                Ok(_) => return Ok(()),
                Err(Error::Failed { .. }) if begin.elapsed() < START => std::thread::sleep(LOOK),
                Err(Error::Failed { program, .. }) => {
                    let said = fs::read_to_string(self.folder.join("log"))?;
                    return Err(Error::Failed { program, said });
                }
                Err(other) => return Err(other),
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The end of its input is the shell's sign to stop the server.
        drop(self.shell.stdin.take());
        // If it is gone already, so is the server.
        let _ = self.shell.wait();
    }
}

/// Starts the server behind its shell. What it holds is not worth waiting for a disk.
fn serve(programs: &Path, folder: &Path, data: &Path) -> Result<Child, Error> {
    const SCRIPT: &str = r#"
        folder=$1; shift
        "$@" & server=$!
        cat >/dev/null
        kill -INT "$server"; wait "$server"
        rm -rf "$folder"
    "#;
    let log = fs::File::create(folder.join("log"))?;
    let server = unprivileged(&programs.join("postgres"), folder)?;
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "sh"]).arg(folder);
    shell.arg(server.get_program()).args(server.get_args());
    shell.arg("-D").arg(data).arg("-k").arg(folder);
    shell.args([
        "-c",
        "listen_addresses=",
        "-c",
        "fsync=off",
        "-c",
        "shared_buffers=16MB",
    ]);
    let streams = shell.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    Ok(streams.spawn()?)
}

/// Where its programs are: of several versions, the newest.
fn programs() -> Result<PathBuf, Error> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|version| version.file_name().to_str()?.parse::<u32>().ok())
        .max();
    let packaged = newest.map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    packaged
        .into_iter()
        .chain(std::env::split_paths(&on_path))
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .ok_or(Error::NotInstalled)
}

/// Lets the unprivileged user have the folder, if we are root.
fn give_away(folder: &Path) -> Result<(), Error> {
    if !is_root(folder)? {
        return Ok(());
    }
    let id = |which: &str| -> Result<u32, Error> {
        let said = run(Command::new("id").args([which, UNPRIVILEGED]))?;
        said.trim().parse().map_err(|_| Error::NotInstalled)
    };
    chown(folder, Some(id("-u")?), Some(id("-g")?))?;
    Ok(())
}

/// A program that runs as the owner of the folder, who is not root.
fn unprivileged(program: &Path, folder: &Path) -> Result<Command, Error> {
    if !is_root(Path::new("/proc/self"))? {
        return Ok(Command::new(program));
    }
    let owner = fs::metadata(folder)?;
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={}", owner.uid()))
        .arg(format!("--regid={}", owner.gid()))
        .arg("--clear-groups")
        .arg(program);
    Ok(command)
}

fn is_root(owned_by_us: &Path) -> io::Result<bool> {
    Ok(fs::metadata(owned_by_us)?.uid() == 0)
}

fn run(command: &mut Command) -> Result<String, Error> {
    // What is printed is read by this program, in whatever language its user speaks.
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(Error::Failed {
        program: command.get_program().to_string_lossy().into_owned(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_and_leaves_nothing_behind() {
        let cluster = Cluster::start().unwrap();
        let (one, two) = (cluster.database().unwrap(), cluster.database().unwrap());
        cluster
            .query(
                &one,
                "CREATE TABLE things (name TEXT); INSERT INTO things VALUES ('a'), ('b')",
            )
            .unwrap();
        assert_eq!(
            cluster.query(&one, "SELECT name, 1 FROM things").unwrap(),
            "a|1\nb|1"
        );
        assert!(cluster.query(&two, "SELECT name FROM things").is_err());
        cluster.check(&one).unwrap();
        assert!(
            cluster
                .query(&cluster.url_with_wrong_password().unwrap(), "SELECT 1")
                .is_err()
        );
        let folder = cluster.folder.clone();
        drop(cluster);
        assert!(!folder.exists());
    }
}

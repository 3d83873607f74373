//! Where the directory is kept.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

/// Where the directory is kept: a file of SQLite, or a database of a PostgreSQL server.
///
/// Text that begins with `postgres://` or `postgresql://` names a server's database, any other text a file. Shown, it
/// has neither the password nor the options of its URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Location(pub(super) Kind);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// SQLite.
    File(PathBuf),
    /// PostgreSQL: the whole URL, with its password.
    Server(String),
}

impl From<OsString> for Location {
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some(text) if is_server(text) => Self(Kind::Server(text.to_owned())),
            _ => Self(Kind::File(text.into())),
        }
    }
}

impl From<&str> for Location {
    fn from(text: &str) -> Self {
        OsString::from(text).into()
    }
}

impl From<PathBuf> for Location {
    fn from(file: PathBuf) -> Self {
        Self(Kind::File(file))
    }
}

impl From<&PathBuf> for Location {
    fn from(file: &PathBuf) -> Self {
        Self(Kind::File(file.clone()))
    }
}

impl From<&Path> for Location {
    fn from(file: &Path) -> Self {
        Self(Kind::File(file.to_owned()))
    }
}

fn is_server(text: &str) -> bool {
    ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => path.display().fmt(formatter),
            Kind::Server(url) => match shown(url) {
                Some(url) => url.fmt(formatter),
                // Where it cannot be told apart, the password must not slip through.
                None => formatter.write_str("postgres://…"),
            },
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Location({self})")
    }
}

/// The URL without its password and without its options, one of which may be the password; those that say where the
/// server is stay.
fn shown(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let mut shown = url.clone();
    if url.password().is_some() {
        shown.set_password(None).ok()?;
    }
    shown.set_query(None);
    shown.set_fragment(None);
    for (name, value) in url.query_pairs() {
        if matches!(&*name, "host" | "hostaddr" | "port" | "dbname" | "user") {
            shown.query_pairs_mut().append_pair(&name, &value);
        }
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_password() {
        for secret in [
            "postgres://voxhall:hunter2@db.example:5433/calls?sslmode=require",
            "postgresql://voxhall@db.example:5433/calls?password=hunter2",
            "postgres://voxhall:hunter2@[broken/calls",
            "postgres://voxhall:hunter2@db.example:port/calls",
        ] {
            let location = Location::from(secret);
            let shown = format!("{location} {location:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let location = Location::from("postgres://voxhall:hunter2@db.example:5433/calls");
        assert_eq!(location.to_string(), "postgres://voxhall@db.example:5433/calls");
        let socket = Location::from("postgres:///calls?host=%2Frun%2Fpostgresql&password=hunter2");
        assert_eq!(socket.to_string(), "postgres:///calls?host=%2Frun%2Fpostgresql");
    }

    #[test]
    fn anything_but_a_url_of_postgresql_is_a_file() {
        assert_eq!(
            Location::from("state/directory.db"),
            Location::from(Path::new("state/directory.db"))
        );
        assert_eq!(Location::from("a%b?c.db").to_string(), "a%b?c.db");
        assert!(matches!(Location::from("postgresql://h/d").0, Kind::Server(_)));
    }
}

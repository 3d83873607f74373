//! Files of the state folder: written whole or not at all, secrets readable by their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::Error;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody (mode 0644).
    Public,
    /// The owner alone (mode 0600).
    Secret,
}

/// Writes a file so that a reader sees the old content or the new, never a part; makes its folder if it is missing.
///
/// # Errors
/// [`Error::Write`].
pub fn replace(path: &Path, content: &[u8], access: Access) -> Result<(), Error> {
    try_replace(path, content, access).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn try_replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let draft = draft_of(path);
    // A draft left behind by a crash may have another mode, which opening it again would keep.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = create(&draft, access).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&draft, path)).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })
}

/// Makes an empty file for others to fill, with this access from its first moment on; one that exists is left alone.
///
/// # Errors
/// The folder does not exist or cannot be written.
pub fn touch(path: &Path, access: Access) -> io::Result<()> {
    match create(path, access) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

#[cfg(unix)]
fn create(path: &Path, access: Access) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mode = match access {
        Access::Public => 0o644,
        Access::Secret => 0o600,
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _access: Access) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_touched_file_keeps_its_content_and_its_access() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("database");
        touch(&path, Access::Secret).unwrap();
        fs::write(&path, b"rows").unwrap();
        touch(&path, Access::Secret).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"rows");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(touch(&dir.path().join("no/folder"), Access::Secret).is_err());
    }

    #[test]
    fn replaces_whole_and_leaves_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file");
        replace(&path, b"one", Access::Public).unwrap();
        replace(&path, b"two", Access::Public).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn secrets_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(draft_of(&path), b"left behind").unwrap();
        replace(&path, b"secret", Access::Secret).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let blocked = dir.path().join("file");
        fs::write(&blocked, b"").unwrap();
        let error = replace(&blocked.join("below"), b"x", Access::Public).unwrap_err();
        assert!(error.to_string().contains("below"), "{error}");
    }
}

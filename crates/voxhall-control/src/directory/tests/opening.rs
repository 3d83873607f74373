//! What is not opened, and what is said instead.

use sqlx::Executor as _;
use voxhall_cluster::Cluster;

use super::Trial;
use crate::Error;
use crate::directory::{Directory, NewUser};

pub(super) async fn a_second_server_is_refused_until_the_first_ends(trial: &Trial) {
    let first = trial.open().await;
    let error = trial.refused().await;
    assert!(matches!(error, Error::DirectoryInUse { .. }), "{error}");
    assert!(error.to_string().contains("stop that one first"), "{error}");
    drop(first);
    trial.open().await;
}

pub(super) async fn tables_of_a_newer_version_are_refused(trial: &Trial) {
    let directory = trial.open().await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    directory.pool.execute(later).await.unwrap();
    drop(directory);
    let error = trial.refused().await;
    assert!(
        matches!(error, Error::NewerDirectory { version: 9999 }),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let trial = Trial::on_sqlite();
    let text = "An essay, longer than the header of a database would be. ".repeat(40);
    let file = trial.folder.path().join("directory.db");
    std::fs::write(&file, &text).unwrap();
    let error = trial.refused().await;
    assert!(matches!(error, Error::NotADirectory { .. }), "{error}");
    assert!(error.to_string().contains("directory.db"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_path_may_hold_what_means_something_in_a_url() {
    let trial = Trial::on_sqlite();
    let file = trial.folder.path().join("50% of?this #1.db");
    drop(Directory::open(&file).await.unwrap());
    assert!(std::fs::metadata(&file).unwrap().len() > 0);
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_told_apart() {
    let cluster = Cluster::shared();
    let refused = async |url: String| {
        let error = Directory::open(&*url).await.unwrap_err();
        let text = error.to_string();
        (error, text)
    };

    let (error, text) = refused(cluster.url_with_wrong_password().unwrap()).await;
    assert!(matches!(error, Error::LoginRefused { .. }), "{error:?}");
    assert!(
        text.contains("check user, password") && !text.contains("wrong"),
        "{text}"
    );

    let (error, text) = refused(cluster.url("voxhall", "nothing")).await;
    assert!(matches!(error, Error::DatabaseMissing { .. }), "{error:?}");
    assert!(text.contains("createdb"), "{text}");

    let (error, text) =
        refused("postgres://voxhall:secret@localhost/trial?host=%2Fno%2Fsuch%2Ffolder".to_owned()).await;
    assert!(matches!(error, Error::DatabaseUnreachable { .. }), "{error:?}");
    assert!(
        text.contains("PostgreSQL runs there") && !text.contains("secret"),
        "{text}"
    );

    let (error, text) = refused("postgres://voxhall:secret@localhost:port/trial".to_owned()).await;
    assert!(matches!(error, Error::DatabaseUrl { .. }), "{error:?}");
    assert!(
        text.contains("postgres://USER") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn a_lost_connection_comes_back_unless_another_server_has_written() {
    let url = Cluster::shared().database().unwrap();
    let cut = || {
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                   AND pid <> pg_backend_pid()";
        Cluster::shared().query(&url, all).unwrap();
    };
    // Bots, because they may share a name.
    let bot = || NewUser {
        bot: true,
        ..NewUser::default()
    };
    let write = async |directory: &Directory| directory.create_user(bot()).await;
    let first = Directory::open(&*url).await.unwrap();
    cut();
    write(&first).await.unwrap();

    cut();
    let second = Directory::open(&*url).await.unwrap();
    write(&second).await.unwrap();
    drop(second);
    assert!(write(&first).await.is_err(), "the first one's copy is old");
    drop(first);
    let third = Directory::open(&*url).await.unwrap();
    assert_eq!(third.read().users().count(), 2);
}

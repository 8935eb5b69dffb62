//! The file of SQLite.

use std::os::unix::fs::FileExt as _;

use super::examined::{Level, doctor};
use crate::{
    folder::{Engine, Folder},
    program::eventually,
};

/// The size of a page of the file.
const PAGE: u64 = 4096;
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// Writes the log into the file, as a server does that stops.
async fn at_rest() -> Folder {
    let folder = Folder::installed(Engine::Sqlite).await;
    folder.database.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
    // The connection is closed by a thread of its own.
    eventually("the log is gone", async || (!folder.names().contains("tidegate.db-wal")).then_some(())).await;
    folder
}

#[tokio::test]
async fn a_file_that_nothing_uses_stays_alone() {
    let folder = at_rest().await;
    let before = (folder.names(), std::fs::read(folder.file("tidegate.db")).unwrap());
    let examined = doctor(&folder, &[]).await;
    examined.is_well("database");
    examined.has("database", Level::Ok, "the SQLite file is sound (quick_check)");
    assert_eq!((folder.names(), std::fs::read(folder.file("tidegate.db")).unwrap()), before);
}

/// The cells of one page are found by the check; with almost all pages the check itself fails.
#[tokio::test]
async fn a_damaged_file_is_an_error() {
    let folder = at_rest().await;
    // The cells of a table that no check reads; the head of its page stays.
    let root = folder.database.number("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").await;
    let root = u64::try_from(root - 1).unwrap() * PAGE;
    let file = std::fs::File::options().write(true).open(folder.file("tidegate.db")).unwrap();
    let length = file.metadata().unwrap().len();
    for (from, to, how) in [(root + 8, root + PAGE, "Tree "), (8 * PAGE, length, "malformed")] {
        let nonsense = vec![0x5a; usize::try_from(to - from).unwrap()];
        file.write_all_at(&nonsense, from).unwrap();
        let examined = doctor(&folder, &[]).await;
        let remedy = examined.has("database", Level::Error, "the SQLite file is damaged: ");
        assert!(remedy.contains("restore a backup"), "{remedy}");
        examined.has("database", Level::Error, how);
        assert_eq!(examined.code, Some(1));
    }
}

#[tokio::test]
async fn what_is_no_database_is_an_error() {
    let folder = Folder::empty();
    folder.write("tidegate.db", "not a database, but a text that is longer than its head\n");
    doctor(&folder, &[]).await.has("database", Level::Error, "tidegate.db is no SQLite database");
}

#[tokio::test]
async fn another_journal_mode_is_a_warning() {
    let folder = at_rest().await;
    folder.database.run("PRAGMA journal_mode = DELETE").await;
    doctor(&folder, &[]).await.has("database", Level::Warning, "tidegate.db is not in WAL mode");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error() {
    let folder = Folder::empty();
    let examined = doctor(&folder, &["--set", "database.url=sqlite:volume/tidegate.db"]).await;
    let remedy = examined.has("database", Level::Error, "the folder volume of the database does not exist");
    assert!(remedy.contains("mount the volume"), "{remedy}");
    assert_eq!((examined.code, folder.names().len()), (Some(1), 0));
}

#[tokio::test]
async fn a_master_key_without_its_database_is_an_error() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let examined = doctor(&folder, &["--set", "database.url=sqlite:other.db"]).await;
    examined.has("keys", Level::Error, "there is a master key in master.key, and no database");
    assert_eq!(examined.code, Some(1));
    folder.write("empty.db", "");
    let examined = doctor(&folder, &["--set", "database.url=sqlite:empty.db"]).await;
    let remedy =
        examined.has("keys", Level::Error, "there is a master key in master.key, and the database is empty");
    assert!(remedy.contains("tidegate init"), "{remedy}");
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_an_error() {
    let folder = Folder::installed(Engine::Sqlite).await;
    folder.database.run(&format!("UPDATE installation SET clock_floor = clock_floor + {DAY}")).await;
    let examined = doctor(&folder, &[]).await;
    let remedy = examined.has("clock", Level::Error, "the clock was set back, or was ahead then");
    assert!(remedy.contains("`tidegate forget-clock`"), "{remedy}");
    assert_eq!(examined.code, Some(1));
}

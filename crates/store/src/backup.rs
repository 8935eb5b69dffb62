//! A copy of an SQLite database, made by a program that does not hold it. It takes SQLite's own locks and not the lock of the
//! one program that serves, so that the server goes on.

use std::{
    fs::File,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("the file exists, or cannot be made")]
    Target(#[source] std::io::Error),
    #[error("the database cannot be read, or the copy cannot be written")]
    Copy(#[source] sqlx::Error),
    #[error("the copy is not whole: {0}")]
    Damaged(String),
    #[error("the copy cannot be flushed to the disk")]
    Flush(#[source] std::io::Error),
}

/// How long a write of the server may hold the copy up.
const BUSY: Duration = Duration::from_secs(30);

/// Copies what was committed before, checks the copy, and returns its size. A copy that failed is removed.
pub async fn copy(database: &Path, to: &Path) -> Result<u64, BackupError> {
    // `VACUUM INTO` fills an empty file, and so it is private from the first byte on.
    let made = File::options().write(true).create_new(true).mode(0o600).open(to);
    let made = made.map_err(BackupError::Target)?;
    let done = copied(database, to).await.and_then(|()| flushed(&made, to));
    if done.is_err() {
        let _ = std::fs::remove_file(to);
    }
    done
}

async fn copied(database: &Path, to: &Path) -> Result<(), BackupError> {
    let mut connection = open(database).await.map_err(BackupError::Copy)?;
    let copy = sqlx::query("VACUUM INTO $1").bind(to.display().to_string());
    copy.execute(&mut connection).await.map_err(BackupError::Copy)?;
    connection.close().await.map_err(BackupError::Copy)?;
    let mut copy = open(to).await.map_err(BackupError::Copy)?;
    let found = sqlx::query("PRAGMA integrity_check(1)").fetch_one(&mut copy).await;
    let found: String = found.and_then(|row| row.try_get(0)).map_err(BackupError::Copy)?;
    if found != "ok" {
        return Err(BackupError::Damaged(found));
    }
    let realms = sqlx::query("SELECT COUNT(*) FROM realms").fetch_one(&mut copy).await;
    let realms: i64 = realms.and_then(|row| row.try_get(0)).map_err(BackupError::Copy)?;
    if realms == 0 {
        return Err(BackupError::Damaged("it has no realm".to_owned()));
    }
    copy.close().await.map_err(BackupError::Copy)
}

async fn open(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(BUSY).connect().await
}

fn flushed(file: &File, path: &Path) -> Result<u64, BackupError> {
    let flush = || -> std::io::Result<u64> {
        file.sync_all()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf))?.sync_all()?;
        Ok(file.metadata()?.len())
    };
    flush().map_err(BackupError::Flush)
}

//! A master key beside an SQLite database without tables: the installation was in use, and its data is not where the
//! settings say. To initialise it would hide the loss: every account would be gone, and every credential refused.

use std::path::Path;

use anyhow::bail;
use tidegate_store::{Store, installation};

use crate::{config::Config, files};

/// Fails if there is a key, and the file of the database is missing or empty. Makes nothing.
pub fn look_for_a_file(config: &Config) -> anyhow::Result<()> {
    let Some(file) = files::database_url(&config.database)?.sqlite_file() else { return Ok(()) };
    // What is not written to the file yet lies in the log beside it.
    let is_empty =
        |path: &Path| path.metadata().is_ok_and(|found| found.len() == 0) && !log_of(path).exists();
    let is_missing = |path: &Path| path.try_exists().is_ok_and(|exists| !exists);
    if (is_missing(&file) || is_empty(&file)) && config.keys.master_file.exists() {
        return refuse(config, &file);
    }
    Ok(())
}

/// Fails if there is a key, and the database has no tables.
pub async fn look_for_tables(config: &Config, store: &Store) -> anyhow::Result<()> {
    let has_tables = installation::applied(&mut store.across("look_for_tables")).await? > 0;
    if has_tables || !config.keys.master_file.exists() {
        return Ok(());
    }
    refuse(config, &files::database_url(&config.database)?.sqlite_file().unwrap_or_default())
}

fn refuse(config: &Config, file: &Path) -> anyhow::Result<()> {
    bail!(
        "there is a master key in {}, and the database {} has no tables: the data of this installation is somewhere else. \
         Perhaps database.url names another place, the volume is not mounted, or the file was copied without its log ({}): \
         then correct it, or restore the database from a backup. For a new installation with this key run `tidegate init`",
        config.keys.master_file.display(),
        file.display(),
        log_of(file).display()
    )
}

fn log_of(file: &Path) -> std::path::PathBuf {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

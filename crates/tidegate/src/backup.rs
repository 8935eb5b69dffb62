//! `tidegate backup`: a copy of an SQLite database, also while a server uses it.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use tidegate_store::backup as copy;

use crate::{config::Config, files};

#[derive(Args)]
pub struct Backup {
    /// The new file. It holds people's addresses, so only its owner may read it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub async fn backup(config: &Config, Backup { file }: Backup) -> anyhow::Result<ExitCode> {
    let url = files::database_url(&config.database)?;
    let Some(database) = url.sqlite_file() else {
        bail!("a PostgreSQL database is copied by pg_dump: see docs/RESTORE.md");
    };
    let shown = file.display();
    let bytes = copy::copy(&database, &file).await.with_context(|| format!("failed to write {shown}"))?;
    println!("{shown} is a copy of {}, {bytes} bytes, and was checked.", database.display());
    println!(
        "Keep a copy of {} elsewhere: without it the copy cannot be read.",
        config.keys.master_file.display()
    );
    Ok(ExitCode::SUCCESS)
}

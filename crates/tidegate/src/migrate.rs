//! Brings the schema of an initialised database up to this program's.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidegate_store::{NEWEST, Schema, installation};

use crate::{config::Config, running::open};

pub async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    let store = open(config).await?;
    match installation::schema(&mut store.across("migrate")).await? {
        Schema::Absent => bail!("the database is not initialised; run `tidegate init`"),
        Schema::Usable { applied } => println!("The schema is {applied}; nothing was changed."),
        Schema::Newer { applied, .. } => bail!("the schema is {applied}, newer than this program's {NEWEST}"),
        Schema::Older { applied } => {
            store.migrate().await.context("failed to migrate the schema")?;
            println!("The schema was {applied} and is {NEWEST}.");
        }
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

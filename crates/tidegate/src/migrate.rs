//! Brings the schema of an initialised database up to this program's.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidegate_store::{NEWEST, Schema, installation};

use crate::{config::Config, running::with_store};

pub async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    with_store(config, async |store| {
        match installation::schema(&mut store.across("migrate")).await? {
            Schema::Absent => bail!("the database is not initialised; run `tidegate init`"),
            Schema::Usable { applied } => println!("The schema is {applied}; nothing was changed."),
            Schema::Newer { applied, .. } => {
                bail!("the schema is {applied}, newer than this program's {NEWEST}")
            }
            Schema::Older { applied } => {
                store.migrate().await.context("failed to migrate the schema")?;
                println!("The schema was {applied} and is {NEWEST}.");
            }
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

//! Lowers the stored time of a database that was used with a clock that was far ahead.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidegate_store::{Engine, Store, installation};

use crate::{ambient::AuthorityClock, check_schema::check_schema, config::Config, running::with_store};

pub async fn forget_clock(config: &Config) -> anyhow::Result<ExitCode> {
    with_store(config, forget_in).await
}

async fn forget_in(store: &Store) -> anyhow::Result<ExitCode> {
    check_schema(store).await?;
    if store.engine() == Engine::Postgres {
        bail!("the clock of a PostgreSQL database is its server's; there is nothing to forget");
    }
    let found = installation::find(&mut store.across("forget_clock")).await?;
    let installation = found.context("the database is not initialised; run `tidegate init`")?;
    let host = AuthorityClock::host();
    store.set_clock_floor(&installation, host).await?;
    println!("The clock was {}; from now on it is {host}.", installation.clock_floor);
    println!(
        "Sessions and links that expired by the wrong clock may be valid again: end sessions to be safe."
    );
    Ok(ExitCode::SUCCESS)
}

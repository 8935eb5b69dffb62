//! The way back after the clock that decides was ahead: the stored time is lowered, and what the wrong clock left in the
//! future is brought down to now.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidegate_service::installation::{Met, forget_clock as bring_back};
use tidegate_store::{Store, installation};

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    check_schema::check_schema,
    config::Config,
    running::with_store,
};

/// Accounts of a realm that are named.
const NAMED: usize = 20;

pub async fn forget_clock(config: &Config) -> anyhow::Result<ExitCode> {
    with_store(config, forget).await.map(|()| ExitCode::SUCCESS)
}

async fn forget(store: &Store) -> anyhow::Result<()> {
    check_schema(store).await?;
    let found = installation::find(&mut store.across("forget_clock")).await?;
    let installation = found.context("the database is not initialised; run `tidegate init`")?;
    // A server that runs goes on from the time that it has shown, and would store it again.
    if store.is_in_use(installation.first_realm).await? {
        bail!("a server is using this database: stop all servers first");
    }
    let (now, whose) = match store.clock().await? {
        Some(server) => (server, "the database's server"),
        None => (AuthorityClock::host(), "this machine"),
    };
    let met = bring_back(store, &SystemEntropy, &installation, now).await?;
    println!("The clock was {}; from now on it is {now}, as {whose} shows.", installation.clock_floor);
    say(&met);
    Ok(())
}

fn say(met: &Met) {
    if met.is_empty() {
        println!("Nothing lay in the future.");
    }
    for (realm, left) in met {
        println!("Realm {realm}: brought down to now, or ended:");
        for (what, count) in &left.counts {
            println!("  {count} {what}");
        }
        let named: Vec<_> = left.accounts.iter().take(NAMED).map(ToString::to_string).collect();
        let more = left.accounts.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if !named.is_empty() {
            println!("  of the accounts {}{more}", named.join(", "));
        }
    }
}

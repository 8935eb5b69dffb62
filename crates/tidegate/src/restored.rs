//! `tidegate restored`: what must be done after the database was restored from a copy, before anything is served from it.
//! The steps are in `service/src/installation/restored.rs`.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use tidegate_core::Title;
use tidegate_service::installation::{
    KeyCheck, Restore, Restored, Rewrapper, Voided, check, restored as void,
};
use tidegate_store::Store;

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    check_schema::check_schema,
    config::Config,
    files, keep_time,
    keys::title,
    recover::is_in_use,
    running::{app, open_patiently},
};

#[derive(Args)]
pub struct RestoredArgs {
    /// The person who restored the database.
    #[arg(long, value_name = "NAME", value_parser = title)]
    by: Title,
    /// Why; the event says so for good.
    #[arg(long, value_name = "TEXT", value_parser = title)]
    reason: Title,
    /// Everybody is signed out, and recovery codes are void: that is meant.
    #[arg(long)]
    yes: bool,
}

/// A server that runs is seen more often than that.
const SERVERS: Duration = Duration::from_secs(8);

pub async fn restored(config: &Config, args: RestoredArgs) -> anyhow::Result<ExitCode> {
    if !args.yes {
        bail!(
            "this signs everybody out at all products, voids links and recovery codes, and tells the owners of codes by \
             mail. It is needed after the database was restored from a copy, and for nothing else. Add --yes"
        );
    }
    let store = match open_patiently(config).await {
        Err(error) if is_in_use(&error) => return Err(error.context("stop the server first")),
        opened => opened?,
    };
    let done = restored_in(config, &store, args).await;
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn restored_in(config: &Config, store: &Store, args: RestoredArgs) -> anyhow::Result<()> {
    let master_file = &config.keys.master_file;
    check_schema(store).await?;
    let keyring = files::keyring(master_file)?;
    match check(store, &keyring).await? {
        KeyCheck::Right => {}
        KeyCheck::NotInitialised => bail!("the database is not initialised; there is nothing to restore"),
        KeyCheck::Wrong => {
            bail!("the master key in {} is not the one the database was made with", master_file.display())
        }
    }
    let clock = Arc::new(AuthorityClock::default());
    keep_time::begin(store, &clock).await?;
    let keyring = Arc::new(keyring);
    let rewrapper = Rewrapper::new(store.clone(), keyring.clone(), clock.clone(), Arc::new(SystemEntropy));
    let found = rewrapper.holders().await?;
    if !found.is_empty() {
        // Servers that were seen a moment ago, or whose rows came with a copy that is as new.
        tokio::time::sleep(SERVERS).await;
    }
    let app = app(config, store, keyring, &clock, None, None)?;
    let RestoredArgs { by, reason, yes: _ } = args;
    let restore = Restore { by, reason };
    let progress = |realm: &str, accounts: u64| {
        // A line for each page would be too many.
        if accounts.is_multiple_of(10_000) {
            println!("{realm}: {accounts} accounts");
        }
    };
    let done = void(&app, &restore, &found, progress).await;
    app.close().await;
    match done.context("failed to void what was issued before; run this again, it goes on where it was")? {
        Restored::NotInitialised => bail!("the database is not initialised; there is nothing to restore"),
        Restored::Running(servers) => {
            bail!("{servers} servers run on this database: stop them, and run this again half a minute later")
        }
        Restored::Now(Voided { accounts, sessions, totp, recovery_codes }) => {
            println!("Done: {accounts} accounts.");
            println!("  sessions ended          {sessions}");
            println!("  authenticators raised   {totp}");
            println!("  recovery codes voided   {recovery_codes} sets; their owners are told by mail");
            println!(
                "What was changed since the copy is as it was: passwords, suspensions, credentials that were"
            );
            println!(
                "revoked, accounts that were deleted. docs/RESTORE.md says what to look at before you serve."
            );
            Ok(())
        }
    }
}

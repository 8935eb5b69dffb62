//! `tidegate credential recover`: an operator's credential for those who have lost all of them.
//!
//! It needs what only the machine of the server has: the master key and the database. The token goes into a new file,
//! and is printed nowhere (INV-47).

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Args;
use tidegate_core::Title;
use tidegate_service::installation::{
    KeyCheck, OperatorToken, Recovered, Recovery, check, recover as store_recovered,
};
use tidegate_store::{OpenError, Store};

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    check_schema::check_schema,
    check_settings,
    config::Config,
    files, keep_time,
    running::open,
};

#[derive(Args)]
pub struct Recover {
    /// The person who will answer for the credential.
    #[arg(long, value_name = "NAME", value_parser = title)]
    holder: Title,
    /// Why it is made; the event says so for good.
    #[arg(long, value_name = "TEXT", value_parser = title)]
    reason: Title,
    /// The new file for the token; beside `bootstrap.credential_file`, with the credential's id in its name, if it is not given.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

fn title(text: &str) -> Result<Title, String> {
    text.parse().map_err(|error| format!("it {error}"))
}

pub async fn recover(config: &Config, recover: Recover) -> anyhow::Result<ExitCode> {
    let store = match open(config).await {
        Err(error) if is_in_use(&error) => {
            return Err(error.context(
                "stop the server first, and start it again afterwards: one program at a time uses an SQLite file. With \
                 PostgreSQL, servers may run meanwhile",
            ));
        }
        opened => opened?,
    };
    let recovered = recover_in(config, &store, recover).await;
    store.close().await;
    recovered.map(|()| ExitCode::SUCCESS)
}

pub(crate) fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<OpenError>(), Some(OpenError::InUse { .. }))
}

async fn recover_in(config: &Config, store: &Store, recover: Recover) -> anyhow::Result<()> {
    let Recover { holder, reason, file } = recover;
    let master_file = &config.keys.master_file;
    check_schema(store).await?;
    match check(store, &files::keyring(master_file)?).await? {
        KeyCheck::Right => {}
        KeyCheck::NotInitialised => bail!("the database is not initialised; run `tidegate init`"),
        KeyCheck::Wrong => {
            bail!("the master key in {} is not the one the database was made with", master_file.display())
        }
    }
    let clock = AuthorityClock::default();
    keep_time::begin(store, &clock).await?;
    let realm = check_settings::realm(config)?;
    let title = title("recovered operator").map_err(anyhow::Error::msg)?;
    let recovery = Recovery { realm: realm.clone(), title, holder, reason };
    let token = OperatorToken::mint(&clock, &SystemEntropy);
    let file = file.unwrap_or_else(|| beside(&config.bootstrap.credential_file, &token));
    // Written first, so no credential exists whose token is lost. Refuses a file that exists.
    files::write_secret(&file, token.text())
        .context("failed to write the credential; name another --file")?;
    let shown = file.display();
    match store_recovered(store, &clock, &SystemEntropy, (&recovery, &token)).await {
        Ok(Recovered::Now { others }) => {
            tracing::warn!(
                credential = %token.id(), holder = %recovery.holder, reason = %recovery.reason,
                "an operator's credential was made by `tidegate credential recover`"
            );
            println!("Recovered.");
            println!("  operator credential  {shown}");
            println!(
                "Operators' credentials that were accepted already: {others}. Revoke those that are lost:"
            );
            println!("AccessService/ListCredentials shows when each was used last.");
            Ok(())
        }
        Ok(Recovered::NoSuchRealm) => {
            std::fs::remove_file(&file).context("failed to remove the credential file")?;
            bail!("there is no realm {realm}: name one that exists by `--set bootstrap.realm=KEY`")
        }
        // The commit may have happened nevertheless; then this file is the way in.
        Err(error) => Err(error).with_context(|| format!("failed to store the credential; {shown} was kept")),
    }
}

/// `operator.credential` becomes `operator-01h2….credential`.
fn beside(first: &Path, token: &OperatorToken) -> PathBuf {
    let id = token.id().to_string();
    let id = id.trim_start_matches("cred_");
    let stem = first.file_stem().map_or_else(|| "operator".into(), |stem| stem.to_string_lossy());
    let end = first.extension().map_or_else(|| "credential".into(), |end| end.to_string_lossy());
    first.with_file_name(format!("{stem}-{id}.{end}"))
}

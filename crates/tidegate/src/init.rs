//! Creates the database, the master key and the first credential, where they are missing.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use tidegate_core::{Secret, Title};
use tidegate_keyring::Keyring;
use tidegate_service::installation::{First, Initialised, OperatorToken, initialise};
use tidegate_store::{Store, installation};

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    check_settings,
    config::Config,
    files, output,
    running::with_store,
};

pub async fn init(config: &Config) -> anyhow::Result<ExitCode> {
    with_store(config, async |store| {
        if is_initialised(store).await? {
            println!("The database is initialised; nothing was changed.");
            println!(
                "If all operators' credentials are lost, `tidegate credential recover` makes another one."
            );
        } else {
            initialise_here(config, store).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

pub async fn is_initialised(store: &Store) -> anyhow::Result<bool> {
    // Another program may be migrating it.
    Ok(installation::find_in_any_schema(&mut store.across("is_initialised")).await?.is_some())
}

/// Migrates, and creates what is missing. Prints the paths of the secrets, never the secrets (INV-47).
pub async fn initialise_here(config: &Config, store: &Store) -> anyhow::Result<Keyring> {
    let realm = check_settings::realm(config)?;
    let title: Title =
        "operator".parse().map_err(|error| anyhow::anyhow!("the first credential's title {error}"))?;
    // Checked first, so that nothing is created when the file cannot be used.
    let credential_file = &config.bootstrap.credential_file;
    let given = given_token(credential_file)?;
    store.migrate().await.context("failed to create the schema")?;
    let master_file = &config.keys.master_file;
    let (keyring, new) = files::keyring_or_new(master_file, &SystemEntropy)?;
    let (clock, was_given) = (AuthorityClock::default(), given.is_some());
    let token = given.unwrap_or_else(|| OperatorToken::mint(&clock, &SystemEntropy));
    let first = First::with(token, realm, title, &clock, &SystemEntropy);
    if !was_given {
        // The token is written before the credential is stored, so no credential exists whose token is lost.
        files::write_secret(credential_file, &first.token).context("failed to write the first credential")?;
    }
    let done = initialise(store, &keyring, &SystemEntropy, &first).await;
    match done {
        Ok(Initialised::Now) => say(new.then_some(master_file), credential_file),
        Ok(Initialised::Before) => {
            if !was_given {
                std::fs::remove_file(credential_file).context("failed to remove the credential file")?;
            }
            println!("The database was initialised meanwhile by another program.");
        }
        // The commit may have happened nevertheless; then this file is the only way in.
        Err(error) => {
            let kept = credential_file.display();
            return Err(error).with_context(|| format!("failed to initialise the database; {kept} was kept"));
        }
    }
    Ok(keyring)
}

/// The token in the file, which a secret store may have put there; `None`: there is no file.
fn given_token(file: &Path) -> anyhow::Result<Option<OperatorToken>> {
    if !file.exists() {
        return Ok(None);
    }
    let text = files::read_secret(file)?;
    let token = OperatorToken::read(Secret::new(text.expose().trim().to_owned()));
    let what =
        || format!("{} exists and holds no credential: move it away, or name another file", file.display());
    token.with_context(what).map(Some)
}

/// Standard output may be closed, and the installation is made nevertheless.
fn say(master_file: Option<&std::path::PathBuf>, credential_file: &Path) {
    let mut text = "Initialised.\n".to_owned();
    if let Some(path) = master_file {
        let kept = "keep a copy: without it the database cannot be read";
        text = format!("{text}  master key           {}   {kept}\n", path.display());
    }
    text = format!("{text}  operator credential  {}\n", credential_file.display());
    if let Err(error) = output::print(&text) {
        tracing::warn!("{error:#}");
    }
}

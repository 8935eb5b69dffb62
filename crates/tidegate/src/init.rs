//! Creates the database, the master key and the first credential, where they are missing.

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use tidegate_core::{RealmKey, Title};
use tidegate_keyring::Keyring;
use tidegate_service::installation::{First, Initialised, initialise};
use tidegate_store::{Store, installation};

use crate::{
    ambient::{AuthorityClock, SystemEntropy},
    config::Config,
    files,
    running::open,
};

pub async fn init(config: &Config) -> anyhow::Result<ExitCode> {
    let store = open(config).await?;
    if is_initialised(&store).await? {
        println!("The database is initialised; nothing was changed.");
    } else {
        initialise_here(config, &store).await?;
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

pub async fn is_initialised(store: &Store) -> anyhow::Result<bool> {
    let mut across = store.across("is_initialised");
    Ok(installation::applied(&mut across).await? > 0 && installation::find(&mut across).await?.is_some())
}

/// Migrates, and creates what is missing. Prints the paths of the secrets, never the secrets (INV-47).
pub async fn initialise_here(config: &Config, store: &Store) -> anyhow::Result<Keyring> {
    let realm: RealmKey =
        config.bootstrap.realm.parse().map_err(|error| anyhow::anyhow!("bootstrap.realm {error}"))?;
    let title: Title =
        "operator".parse().map_err(|error| anyhow::anyhow!("the first credential's title {error}"))?;
    // Checked first, so that nothing is created when the file is in the way.
    let credential_file = &config.bootstrap.credential_file;
    if credential_file.exists() {
        bail!("{} exists: move it away, or name another file", credential_file.display());
    }
    store.migrate().await.context("failed to create the schema")?;
    let master_file = &config.keys.master_file;
    let (keyring, new) = files::keyring_or_new(master_file, &SystemEntropy)?;
    let first = First::new(realm, title, &AuthorityClock::default(), &SystemEntropy);
    // The token is written before the credential is stored, so no credential exists whose token is lost.
    files::write_secret(credential_file, &first.token).context("failed to write the first credential")?;
    let done = initialise(store, &keyring, &SystemEntropy, &first).await;
    match done {
        Ok(Initialised::Now) => say(new.then_some(master_file), credential_file),
        Ok(Initialised::Before) => {
            std::fs::remove_file(credential_file).context("failed to remove the credential file")?;
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

fn say(master_file: Option<&std::path::PathBuf>, credential_file: &Path) {
    println!("Initialised.");
    if let Some(path) = master_file {
        println!(
            "  master key           {}   keep a copy: without it the database cannot be read",
            path.display()
        );
    }
    println!("  operator credential  {}", credential_file.display());
}

//! Whether the master key is there, can be read, and is the one that the database was made with.

use std::{path::Path, sync::Arc};

use tidegate_keyring::Keyring;
use tidegate_service::installation::fits;
use tidegate_store::{
    Engine,
    installation::{self, Installation},
};

use super::{
    broken,
    database::{Opened, failed, installed},
    finding::{Check, Finding},
};
use crate::{config::Config, files};

const CHECK: Check = Check::Keys;
const NEVER_A_NEW_ONE: &str = "put the key of this database back, from its copy. Never make a new one: without the old key the \
    database cannot be read";

pub(super) async fn look(config: Arc<Config>, opened: Opened) -> Vec<Finding> {
    let file = config.keys.master_file.clone();
    let read = tokio::task::spawn_blocking(move || file.exists().then(|| files::keyring(&file)));
    let Ok(key) = read.await else { return vec![broken(CHECK)] };
    let is_empty = match &opened {
        Opened::Yes(inspection) if inspection.engine() == Engine::Sqlite => {
            installation::applied(&mut inspection.across()).await.is_ok_and(|applied| applied == 0)
        }
        _ => false,
    };
    let installation = match &opened {
        Opened::Yes(inspection) => match installed(inspection).await {
            Ok(installation) => Some(installation),
            Err(error) => return vec![failed(CHECK, &error)],
        },
        Opened::NotYet => Some(None),
        Opened::No => None,
    };
    let shown = config.keys.master_file.display();
    vec![match (key, installation) {
        // Before a first start too: `init` uses a key that is there.
        (Some(Err(error)), _) => CHECK.error(
            format!("keys.master_file: {error:#}, so `serve` does not start"),
            format!("let the program's user read {shown}, or {NEVER_A_NEW_ONE}"),
        ),
        (Some(Ok(key)), Some(Some(installation))) => compare(&config.keys.master_file, &key, &installation),
        (None, Some(Some(_))) => CHECK.error(
            format!("the database is initialised, and its master key is not in {shown}, so `serve` does not start"),
            format!("correct keys.master_file, or {NEVER_A_NEW_ONE}"),
        ),
        (None, Some(None)) => CHECK.ok(format!("there is no master key yet: the first start makes {shown}")),
        (Some(Ok(_)), Some(None)) if matches!(opened, Opened::NotYet) => CHECK.error(
            format!(
                "there is a master key in {shown}, and no database, so `serve` does not start. If this installation was in \
                 use, its database is lost, or database.url names another place"
            ),
            "correct database.url, or restore the database; for a new installation with this key run `tidegate init`",
        ),
        (Some(Ok(_)), Some(None)) if is_empty => CHECK.error(
            format!(
                "there is a master key in {shown}, and the database is empty, so `serve` does not start. Perhaps the file was \
                 copied without its log (-wal), or database.url names another place"
            ),
            "correct database.url, or restore the database; for a new installation with this key run `tidegate init`",
        ),
        (Some(Ok(_)), Some(None)) => CHECK.ok(format!("the first start will use the master key in {shown}")),
        (_, None) => CHECK.unknown(
            format!("the master key in {shown} was not compared: the database was not opened"),
            "see what `database` says",
        ),
    }]
}

fn compare(file: &Path, key: &Keyring, installation: &Installation) -> Finding {
    let shown = file.display();
    if fits(installation, key) {
        return CHECK.ok(format!("the master key in {shown} opens the database"));
    }
    CHECK.error(
        format!(
            "the master key in {shown} is not the one the database was made with, so `serve` does not start"
        ),
        format!(
            "{NEVER_A_NEW_ONE}. Or correct database.url, if it names the database of another installation"
        ),
    )
}

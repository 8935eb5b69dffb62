//! Opens the database for reading, and runs the checks that need it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tidegate_store::{
    Engine, Error, Inspection,
    installation::{self, Installation},
};
use tokio::time::timeout;

use super::{
    bounded, broken, clock,
    finding::{Check, Finding},
    hangs, keys, operators, postgres, schema, sqlite, story,
};
use crate::{
    config::{Config, DatabaseUrl},
    files, running,
};

/// How long the server may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What became of opening the database.
#[derive(Clone)]
pub(super) enum Opened {
    Yes(Arc<Inspection>),
    /// The SQLite file does not exist; the first `serve` makes it.
    NotYet,
    No,
}

pub(super) async fn look(config: Arc<Config>, deadline: Duration) -> Vec<Finding> {
    let (opened, mut found) = open(&config, deadline).await;
    let (database, schema, clock, keys, operators) = tokio::join!(
        examine(config.clone(), opened.clone(), deadline),
        bounded(Check::Schema, deadline, schema::look(opened.clone())),
        bounded(Check::Clock, deadline, clock::look(opened.clone())),
        bounded(Check::Keys, deadline, keys::look(config, opened.clone())),
        bounded(Check::Operators, deadline, operators::look(opened.clone())),
    );
    found.extend([database, schema, clock, keys, operators].into_iter().flatten());
    if let Opened::Yes(inspection) = opened {
        // A server that does not answer is not waited for.
        let _ = timeout(CLOSE_TIMEOUT, inspection.close()).await;
    }
    found
}

/// How the engine is set, or whether its file is sound.
async fn examine(config: Arc<Config>, opened: Opened, deadline: Duration) -> Vec<Finding> {
    let Opened::Yes(inspection) = opened else { return Vec::new() };
    match inspection.engine() {
        Engine::Postgres => bounded(Check::Database, deadline, postgres::look(config, inspection)).await,
        Engine::Sqlite => sqlite::integrity(&inspection, deadline).await,
    }
}

async fn open(config: &Arc<Config>, deadline: Duration) -> (Opened, Vec<Finding>) {
    let (url, settings) = match timeout(deadline, settings(config.clone())).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => {
            let what = format!("{error:#}, so `serve` does not start");
            return (Opened::No, vec![Check::Database.error(what, "correct the file, or database.url_file")]);
        }
        Err(_) => return (Opened::No, vec![hangs(Check::Database, deadline)]),
    };
    let mut found = Vec::new();
    if let Some(file) = url.sqlite_file() {
        let path = file.clone();
        let looked = async move {
            let looked = tokio::task::spawn_blocking(move || sqlite::look(&path)).await;
            looked.unwrap_or_else(|_| vec![broken(Check::Database)])
        };
        found = bounded(Check::Database, deadline, looked).await;
        if !file.exists() {
            return (Opened::NotYet, found);
        }
    }
    match timeout(deadline, Inspection::open(&settings)).await {
        Ok(Ok(inspection)) => (Opened::Yes(Arc::new(inspection)), found),
        Ok(Err(error)) => {
            let what = format!("{url} cannot be opened: {}", story(&error));
            found.push(Check::Database.error(what, remedy(&error)));
            (Opened::No, found)
        }
        Err(_) => {
            found.push(hangs(Check::Database, deadline));
            (Opened::No, found)
        }
    }
}

/// The address and the settings. The address may be in a file.
async fn settings(config: Arc<Config>) -> anyhow::Result<(DatabaseUrl, tidegate_store::Settings)> {
    let read = move || Ok((files::database_url(&config.database)?, running::database(&config)?));
    tokio::task::spawn_blocking(read).await?
}

/// The file of SQLite. `None`: the database is of PostgreSQL, or its address cannot be read.
pub(super) fn file(config: &Config) -> Option<PathBuf> {
    files::database_url(&config.database).ok()?.sqlite_file()
}

fn remedy(error: &tidegate_store::OpenError) -> &'static str {
    let text = story(error);
    let has = |part: &str| text.contains(part);
    if has("password authentication failed") || has("no pg_hba.conf entry") || has("does not exist") {
        "correct user, password or database name in database.url, or what the server allows (pg_hba.conf)"
    } else if has("too many clients") || has("remaining connection slots") || has("too many connections") {
        "close connections, or raise max_connections of the server: `SELECT * FROM pg_stat_activity` shows who has them"
    } else if has("starting up") || has("shutting down") || has("recovery mode") {
        "wait for the server, and look at its log"
    } else {
        "see that the server runs and can be reached from here: host, port, firewall or NetworkPolicy, TLS"
    }
}

/// The row that `init` makes. `None`: the database is not initialised.
pub(super) async fn installed(inspection: &Inspection) -> Result<Option<Installation>, Error> {
    installation::find_in_any_schema(&mut inspection.across()).await
}

/// A finding of a check whose statement failed.
pub(super) fn failed(check: Check, error: &Error) -> Finding {
    check.unknown(
        format!("the database could not be asked: {}", story(error)),
        "see what else `database` says, and look at the log of the database server",
    )
}

/// A finding of a check that needs a database that was not opened.
pub(super) fn not_opened(check: Check) -> Finding {
    check.unknown("not looked at: the database was not opened", "see what `database` says")
}

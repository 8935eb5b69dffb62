//! Whether the schema is the one that this program serves.

use tidegate_store::{Engine, Error, Inspection, NEWEST, Schema, installation};

use super::{
    database::{Opened, failed, installed, not_opened},
    finding::{Check, Finding},
};

const CHECK: Check = Check::Schema;

pub(super) async fn look(opened: Opened) -> Vec<Finding> {
    match opened {
        Opened::Yes(inspection) => match compare(&inspection).await {
            Ok(finding) => vec![finding],
            Err(error) => vec![failed(CHECK, &error)],
        },
        Opened::NotYet => vec![CHECK.ok("there is no schema yet: the first `serve` makes it")],
        Opened::No => vec![not_opened(CHECK)],
    }
}

async fn compare(inspection: &Inspection) -> Result<Finding, Error> {
    let schema = installation::schema(&mut inspection.across()).await?;
    // The tables alone are no installation.
    let schema = if installed(inspection).await?.is_some() { schema } else { Schema::Absent };
    Ok(match schema {
        Schema::Absent if inspection.engine() == Engine::Sqlite => {
            CHECK.ok("the database is empty: the first `serve` initialises it")
        }
        Schema::Absent => CHECK.error(
            "the database is not initialised, so `serve` refuses it",
            format!("run `tidegate init`{}", as_owner(inspection).await?),
        ),
        Schema::Older { applied } => CHECK.error(
            format!("the database has schema {applied}, and this program needs {NEWEST}, so `serve` refuses it"),
            format!("run `tidegate migrate`{}", as_owner(inspection).await?),
        ),
        Schema::Newer { applied, min_binary } => CHECK.error(
            format!(
                "the database has schema {applied}, which needs a program of schema {min_binary} or newer; this one is of \
                 schema {NEWEST}, so `serve` refuses it"
            ),
            "run the newer version of the program: a schema is not taken back",
        ),
        Schema::Usable { applied } => CHECK.ok(format!("the schema is {applied}, which this program serves")),
    })
}

/// Which user must do it, if not the one that was looked with.
async fn as_owner(inspection: &Inspection) -> Result<String, Error> {
    Ok(match inspection.server().await? {
        Some(server) if !server.user.may_create => {
            format!(
                " with a database.url whose user owns the tables: {} may not create any",
                server.user.name
            )
        }
        _ => String::new(),
    })
}

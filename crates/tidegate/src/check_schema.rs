//! Checks whether this program may serve the database's schema; the error names the command that fixes it.

use anyhow::bail;
use tidegate_store::{NEWEST, Schema, Store, installation};

pub async fn check_schema(store: &Store) -> anyhow::Result<()> {
    match installation::schema(&mut store.across("check_schema")).await? {
        Schema::Usable { .. } => Ok(()),
        Schema::Absent => bail!("the database is not initialised; run `tidegate init`"),
        Schema::Older { applied } => bail!(
            "the database has schema {applied}, and this program needs {NEWEST}; run `tidegate migrate`"
        ),
        Schema::Newer { applied, min_binary } => bail!(
            "the database has schema {applied}, which needs a program of schema {min_binary} or newer; \
             this one is of schema {NEWEST}"
        ),
    }
}

//! Named transactions.

use std::ops::{Deref, DerefMut};

use tidegate_core::RealmId;
use tracing::Instrument as _;

use crate::{
    Error, Store, View,
    executor::{Query, Via},
    lent::Lent,
    open::Db,
    statement::Change,
};

/// A transaction of one realm. Ends by `Store::tx` alone: there is no `commit` to forget.
pub struct Tx {
    view: View,
    abandoned: bool,
}

impl Deref for Tx {
    type Target = View;
    fn deref(&self) -> &View {
        &self.view
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut View {
        &mut self.view
    }
}

impl Tx {
    pub(crate) fn change(&mut self, statement: Change) -> Query<'_> {
        let View { via, realm, name } = &mut self.view;
        Query::new(via, name, statement.0).bind(*realm)
    }

    /// Undoes everything when the transaction ends, and still returns its value. For a lost race
    /// that is run again; never for a denial, which must be remembered.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }
}

impl Store {
    /// Runs `work` in one transaction: `Ok` commits, whatever it says; `Err` rolls back. A denial
    /// that must be remembered is therefore an `Ok`.
    pub async fn tx<T, E: From<Error>>(
        &self,
        name: &'static str,
        realm: RealmId,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let span = tracing::debug_span!("tx", name);
        async {
            let via = Via::Lent(self.begin().await.map_err(|source| Error::of(name, source))?);
            let mut tx = Tx { view: View { via, realm, name }, abandoned: false };
            let done = work(&mut tx).await;
            let keep = done.is_ok() && !tx.abandoned;
            let end = match tx.view.via {
                Via::Lent(lent) => lent.end(keep).await,
                Via::SqlitePool(_) | Via::PostgresPool(..) => Ok(()),
            };
            match end {
                Err(source) if keep => Err(Error::Unconfirmed { tx: name, source }.into()),
                _ => done,
            }
        }
        .instrument(span)
        .await
    }

    async fn begin(&self) -> Result<Lent, sqlx::Error> {
        match &self.db {
            Db::Sqlite { write, .. } => Lent::sqlite(write).await,
            Db::Postgres(pool, breakage) => Lent::postgres(pool, breakage).await,
        }
    }
}

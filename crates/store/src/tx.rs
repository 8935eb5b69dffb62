//! Named transactions: of several statements, or of one deed.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use tidegate_core::RealmId;
use tracing::Instrument as _;

use crate::{
    Error, Store, View,
    executor::{Query, Via},
    group::Place,
    lent::Lent,
    open::Db,
    statement::{Change, Deed, Select, Statement},
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

/// Executor for one statement: as a transaction of its own, or as a part of a larger one.
pub struct Executor<'t> {
    view: &'t mut View,
    /// With others of its kind, if it likes.
    alone: Option<&'t Store>,
}

impl<'t> Executor<'t> {
    pub(crate) fn deed(self, Deed(within, alone): Deed) -> Query<'t> {
        let sqlite = if self.alone.is_some() { alone.text } else { within.sqlite };
        self.query(Statement { sqlite, ..within })
    }

    /// A deed that another one will follow before anybody is told of it: it need not be on disk before that.
    /// PostgreSQL's text says so itself.
    pub(crate) fn deed_ahead(self, Deed(within, alone): Deed) -> Query<'t> {
        if self.alone.is_none() {
            return self.query(within);
        }
        self.query(Statement { sqlite: alone.ahead, ..within }).ahead()
    }

    /// On the connection that writes: what it has just written, it has at hand.
    pub(crate) fn select(self, select: Select) -> Query<'t> {
        self.view.select(select)
    }

    /// A single change is a deed too.
    pub(crate) fn change(self, change: Change) -> Query<'t> {
        self.query(change.0)
    }

    /// Where it would be a transaction of its own.
    pub(crate) fn place(&self) -> Option<Place> {
        let View { realm, name, .. } = *self.view;
        self.alone.map(|store| Place { store: store.clone(), realm, name })
    }

    fn query(self, statement: Statement) -> Query<'t> {
        let View { via, realm, name } = self.view;
        let query = Query::new(via, name, statement).bind(*realm);
        if self.alone.is_some() { query.alone() } else { query }
    }
}

impl Tx {
    pub fn executor(&mut self) -> Executor<'_> {
        Executor { view: &mut self.view, alone: None }
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
                Via::SqlitePool(_) | Via::SqliteWriter(_) | Via::Postgres(_) => Ok(()),
            };
            match end {
                Err(source) if keep => Err(Error::Unconfirmed { tx: name, source }.into()),
                _ => done,
            }
        }
        .instrument(span)
        .await
    }

    /// Runs one deed as a transaction of its own. Dropped at any moment, it is done or not done, and no
    /// transaction is left open.
    pub async fn alone<T, E: From<Error>>(
        &self,
        name: &'static str,
        realm: RealmId,
        work: impl AsyncFnOnce(Executor<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let span = tracing::debug_span!("tx", name);
        let via = match &self.db {
            Db::Sqlite { write, .. } => Via::SqliteWriter(Arc::clone(write)),
            Db::Postgres(lines) => Via::Postgres(lines.clone()),
        };
        let mut view = View { via, realm, name };
        work(Executor { view: &mut view, alone: Some(self) }).instrument(span).await
    }

    async fn begin(&self) -> Result<Lent, sqlx::Error> {
        match &self.db {
            Db::Sqlite { write, .. } => Lent::sqlite(write).await,
            Db::Postgres(lines) => Lent::postgres(lines).await,
        }
    }
}

//! Named transactions: of several statements (`Store::tx`), or of one (`Store::autocommit`). The name appears in
//! errors and traces.

use std::ops::{Deref, DerefMut};

use tidegate_core::{Id, Kind, ProcessId, RealmId};
use tracing::{Instrument as _, Span};

use crate::{
    Error, Store, View,
    batcher::BatchOrigin,
    executor::{Query, Via},
    liveness::Liveness,
    open::Db,
    statement::{AtomicWrite, Change, Select, Statement},
    transaction_connection::TransactionConnection,
};

/// A transaction of one realm. Only `Store::tx` ends it, so there is no `commit` to forget.
pub struct Tx {
    view: View,
    abandoned: bool,
    liveness: Liveness,
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

    /// The process that runs the transaction, where it is registered.
    pub(crate) fn process(&self) -> Option<ProcessId> {
        self.liveness.own().map(|own| own.id)
    }

    /// Whether the process that made the claim is known to be dead.
    pub(crate) fn is_of_the_dead<K: Kind>(&self, claim: Id<K>) -> bool {
        self.liveness.is_of_the_dead(claim)
    }

    /// Rolls back when the transaction ends, and still returns its value. For a lost race that is run again; never for
    /// a denial, whose writes must be committed.
    pub fn abandon(&mut self) {
        self.abandoned = true;
    }
}

/// The right to run one statement: as a transaction of its own, or as a part of a larger one.
pub struct Executor<'t> {
    view: &'t mut View,
    /// The store, where the statement is a transaction of its own. Such a statement may be batched.
    autocommit: Option<&'t Store>,
}

impl<'t> Executor<'t> {
    pub(crate) fn atomic_write(self, AtomicWrite(within, autocommit): AtomicWrite) -> Query<'t> {
        let sqlite = if self.autocommit.is_some() { autocommit.text } else { within.sqlite };
        self.query(Statement { sqlite, ..within }).single()
    }

    /// Commits without waiting for fsync (`synchronous_commit = off`, which PostgreSQL's text sets itself). Only for a
    /// write whose result is not told to a caller before a later write that waits: the later one flushes both.
    pub(crate) fn atomic_write_deferred(self, AtomicWrite(within, autocommit): AtomicWrite) -> Query<'t> {
        if self.autocommit.is_none() {
            return self.query(within).single();
        }
        self.query(Statement { sqlite: autocommit.deferred_sync, ..within }).single().deferred_sync()
    }

    /// Reads on the connection that writes, so within a transaction it sees the transaction's own writes.
    pub(crate) fn select(self, select: Select) -> Query<'t> {
        self.view.select(select)
    }

    /// Runs a single change, which is atomic by itself.
    pub(crate) fn change(self, change: Change) -> Query<'t> {
        self.query(change.0)
    }

    /// Where a batch would run; `None` within a transaction.
    pub(crate) fn batch_origin(&self) -> Option<BatchOrigin> {
        let View { realm, name, .. } = *self.view;
        self.autocommit.map(|store| BatchOrigin { store: store.clone(), realm, name })
    }

    fn query(self, statement: Statement) -> Query<'t> {
        let View { via, realm, name } = self.view;
        let query = Query::new(via, name, statement).bind(*realm);
        if self.autocommit.is_some() { query.autocommit() } else { query }
    }
}

impl Tx {
    pub fn executor(&mut self) -> Executor<'_> {
        Executor { view: &mut self.view, autocommit: None }
    }
}

impl Store {
    /// Runs `work` in one transaction. `Ok` commits, whatever the value; `Err` rolls back. A denial whose writes must
    /// stay is therefore an `Ok`.
    pub async fn tx<T, E: From<Error>>(
        &self,
        name: &'static str,
        realm: RealmId,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let span = self.span(name);
        async {
            let via = Via::Transaction(self.begin().await.map_err(|source| Error::of(name, source))?);
            let liveness = self.liveness.clone();
            let mut tx = Tx { view: View { via, realm, name }, abandoned: false, liveness };
            let done = work(&mut tx).await;
            let keep = done.is_ok() && !tx.abandoned;
            let end = match tx.view.via {
                Via::Transaction(connection) => connection.end(keep).await,
                Via::SqliteReaders(..) | Via::SqliteWriter(_) | Via::Postgres(..) => Ok(()),
            };
            match end {
                Err(source) if keep => Err(Error::Unconfirmed { tx: name, source }.into()),
                _ => done,
            }
        }
        .instrument(span)
        .await
    }

    /// Runs one statement as a transaction of its own. If the caller drops it at any moment, the
    /// statement is done as a whole or not at all, and no transaction stays open (INV-53).
    pub async fn autocommit<T, E: From<Error>>(
        &self,
        name: &'static str,
        realm: RealmId,
        work: impl AsyncFnOnce(Executor<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let span = self.span(name);
        let via = match &self.db {
            Db::Sqlite { write, .. } => Via::SqliteWriter(write.clone()),
            Db::Postgres(pool) => Via::Postgres(pool.clone(), self.share),
        };
        let mut view = View { via, realm, name };
        work(Executor { view: &mut view, autocommit: Some(self) }).instrument(span).await
    }

    fn span(&self, name: &'static str) -> Span {
        let engine = match &self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgresql",
        };
        tracing::debug_span!("tx", name, "db.system.name" = engine)
    }

    async fn begin(&self) -> Result<TransactionConnection, sqlx::Error> {
        match &self.db {
            Db::Sqlite { write, .. } => TransactionConnection::sqlite(write).await,
            Db::Postgres(pool) => TransactionConnection::postgres(pool, self.share).await,
        }
    }
}

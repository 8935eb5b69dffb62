//! Table `processes`: the beats of the programs that serve the database, and the pulse, which writes them. Reads and writes
//! `installation`, and reads sqlx's own table of migrations.

use std::time::{Duration, Instant};

use tidegate_core::{ProcessId, RealmId, Span, Timestamp};

use crate::{
    Engine, Error, Store,
    column::{Row, Unreadable},
    delivery_claims,
    executor::Record,
    installation::Installation,
    liveness::OwnProcess,
    open::Db,
    statement::sql,
};

sql! {
    Change BEAT = "INSERT INTO processes (realm_id, process_id, beat, patience, ballast) VALUES ($1, $2, 1, $3, $4) \
        ON CONFLICT (realm_id, process_id) DO UPDATE SET beat = processes.beat + 1, patience = excluded.patience, ballast = excluded.ballast";
    Select ALL = "SELECT process_id, beat, patience FROM processes WHERE realm_id = $1";
    Change REMOVE = "DELETE FROM processes WHERE realm_id = $1 AND process_id = $2";
    Change REMOVE_OTHERS = "DELETE FROM processes WHERE realm_id = $1 AND process_id <> $2";
    Select INSTALLED = "SELECT singleton, first_realm_id, min_binary, key_check, clock_floor, timeline, restore_began_at FROM installation WHERE first_realm_id = $1";
    Select APPLIED = "SELECT (SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM _sqlx_migrations) AS version FROM installation WHERE first_realm_id = $1";
    // On PostgreSQL it waits for no lock: another process raises the floor, or the next pulse does.
    Change RAISE_FLOOR = {
        sqlite: "UPDATE installation SET clock_floor = $2 WHERE first_realm_id = $1 AND clock_floor < $3",
        postgres: "UPDATE installation SET clock_floor = $2 WHERE singleton IN \
            (SELECT singleton FROM installation WHERE first_realm_id = $1 AND clock_floor < $3 FOR UPDATE SKIP LOCKED)"
    };
}

/// The floor of the clock is not raised more often.
const FLOOR_INTERVAL: Span = Span::seconds(5);
/// What is written to see whether there is space again.
const BALLAST: usize = 64 * 1024;

/// A process as its row says.
#[derive(Debug, Clone, Copy)]
pub struct ProcessRow {
    pub id: ProcessId,
    pub beat: i64,
    /// How long its beat may stand still before it is taken for dead.
    pub patience: Duration,
}

impl Record for ProcessRow {
    const TABLE: &'static str = "processes";
    const KEY: &'static str = "process_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let patience: i64 = row.get("patience")?;
        let patience = Duration::from_micros(u64::try_from(patience).unwrap_or(0));
        Ok(Self { id: row.get("process_id")?, beat: row.get("beat")?, patience })
    }
}

struct AppliedVersion(i64);

impl Record for AppliedVersion {
    const TABLE: &'static str = "_sqlx_migrations";
    const KEY: &'static str = "version";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("version").map(Self)
    }
}

/// What a pulse found.
#[derive(Debug, Clone)]
pub struct Pulse {
    pub installation: Installation,
    /// The newest migration of the database.
    pub applied: i64,
}

impl Store {
    /// One real write and one real read: this process's beat, the floor of the clock, and the installation of this first
    /// realm. `None`: the database is another installation's, and nothing was written.
    ///
    /// `seeks_space`: it writes 64 KiB more, because small writes find room for longer than large ones.
    ///
    /// On SQLite the file itself is read, and not what is left of it in memory: otherwise a file that is overwritten would not be
    /// noticed before it is needed.
    pub async fn pulse(
        &self,
        first_realm: RealmId,
        now: Timestamp,
        seeks_space: bool,
    ) -> Result<Option<Pulse>, Error> {
        let sent = Instant::now();
        if let Db::Sqlite { write, .. } = &self.db {
            write.forget_pages().await.map_err(|source| Error::of("pulse", source))?;
        }
        let found = self
            .tx("pulse", first_realm, async |tx| {
                let Some(installation) = tx.select(INSTALLED).optional::<Installation>().await? else {
                    return Ok(None);
                };
                let applied =
                    tx.select(APPLIED).optional::<AppliedVersion>().await?.map_or(0, |found| found.0);
                let mut rows = Vec::new();
                if let Some(OwnProcess { id, patience, .. }) = self.liveness.own() {
                    // On SQLite nobody watches the beats.
                    if self.engine() == Engine::Postgres || seeks_space {
                        let patience = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
                        let ballast = seeks_space.then(|| vec![0; BALLAST]);
                        tx.change(BEAT).bind(id).bind(patience).bind(ballast).rows().await?;
                    }
                    rows = tx.select(ALL).all::<ProcessRow>().await?;
                }
                let stale = if seeks_space { now } else { now.minus(FLOOR_INTERVAL) };
                tx.change(RAISE_FLOOR).bind(now).bind(stale).rows().await?;
                Ok::<_, Error>(Some((installation, applied, rows)))
            })
            .await?;
        let Some((installation, applied, rows)) = found else { return Ok(None) };
        if seeks_space && self.engine() == Engine::Sqlite {
            self.leave(first_realm).await?;
        }
        self.liveness.beat(sent);
        for silent in self.liveness.look(&rows, Instant::now()) {
            self.release(first_realm, silent, now).await?;
        }
        Ok(Some(Pulse { installation, applied }))
    }

    /// Whether another process than this one beats: looks twice, as long apart as the most patient one takes.
    pub async fn is_in_use(&self, first_realm: RealmId) -> Result<bool, Error> {
        let mut view = self.view("is_in_use", first_realm);
        let before: Vec<ProcessRow> = view.select(ALL).all().await?;
        let Some(longest) = before.iter().map(|process| process.patience).max() else { return Ok(false) };
        tokio::time::sleep(longest).await;
        let after: Vec<ProcessRow> = view.select(ALL).all().await?;
        let stood_still =
            |now: &ProcessRow| before.iter().any(|then| then.id == now.id && then.beat == now.beat);
        Ok(!after.iter().all(stood_still))
    }

    /// Frees at once what earlier processes claimed on SQLite, where this one is the only one. Must be called before
    /// anything is claimed.
    pub async fn release_others(&self, first_realm: RealmId, now: Timestamp) -> Result<(), Error> {
        let Some(own) = self.liveness.own().filter(|_| self.engine() == Engine::Sqlite) else {
            return Ok(());
        };
        delivery_claims::release_others(self, own.id, now).await?;
        self.tx("release", first_realm, async |tx| {
            tx.change(REMOVE_OTHERS).bind(own.id).rows().await.map(drop)
        })
        .await
    }

    /// Tells the others that this process ends by itself.
    pub async fn leave(&self, first_realm: RealmId) -> Result<(), Error> {
        let Some(own) = self.liveness.own() else { return Ok(()) };
        self.tx("leave", first_realm, async |tx| tx.change(REMOVE).bind(own.id).rows().await.map(drop)).await
    }

    /// Frees the mails of a dead process, and then its row.
    async fn release(&self, first_realm: RealmId, dead: ProcessId, now: Timestamp) -> Result<(), Error> {
        delivery_claims::release_of(self, dead, now).await?;
        self.tx("release", first_realm, async |tx| tx.change(REMOVE).bind(dead).rows().await.map(drop)).await
    }
}

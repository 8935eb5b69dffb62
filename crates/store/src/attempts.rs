//! Table `attempts`: what was charged to each counter. `factors::budget` decides; this file stores.

use tidegate_core::{Budget, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Executor, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, successes, last_at, settled FROM attempts \
        WHERE realm_id = $1 AND counter_id = $2";
    Change BEGIN = "INSERT INTO attempts (realm_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (realm_id, counter_id) DO NOTHING";
    Change REPLACE = "UPDATE attempts SET tag = $4, revision = $5, hour_began = $6, in_hour = $7, day_began = $8, in_day = $9, in_row = $10, \
        last_at = $11, successes = $12, settled = CASE WHEN tag = $4 THEN settled ELSE 0 END WHERE realm_id = $1 AND counter_id = $2 AND revision = $3";
    Change FORGIVE = "UPDATE attempts SET revision = revision + 1, successes = successes + 1, in_hour = 0, in_day = 0, in_row = 0, settled = 0 \
        WHERE realm_id = $1 AND counter_id = $2";
    Change SETTLE = "UPDATE attempts SET settled = COALESCE(settled, 0) + 1 WHERE realm_id = $1 AND counter_id = $2 AND tag = $3 AND successes = $4";
    Change COUNT_IN_DAY = "INSERT INTO attempts (realm_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes) \
        VALUES ($1, $2, $3, 1, $4, 0, $4, 1, 0, $4, 0) ON CONFLICT (realm_id, counter_id) DO UPDATE SET revision = attempts.revision + 1, \
        in_day = CASE WHEN attempts.day_began <= $5 THEN 1 ELSE attempts.in_day + 1 END, \
        day_began = CASE WHEN attempts.day_began <= $5 THEN excluded.day_began ELSE attempts.day_began END RETURNING in_day";
    Change REMOVE = "DELETE FROM attempts WHERE realm_id = $1 AND counter_id = $2";
    Change CLOSE = "INSERT INTO attempts (realm_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes) \
        VALUES ($1, $2, $3, 1, $5, 0, $5, 0, $4, $5, 0) \
        ON CONFLICT (realm_id, counter_id) DO UPDATE SET revision = attempts.revision + 1, in_row = excluded.in_row";
    Change GIVE_BACK = "UPDATE attempts SET revision = revision + 1, in_hour = in_hour - 1, in_day = in_day - 1, in_row = in_row - 1, \
        last_at = CASE WHEN last_at = $4 THEN $5 ELSE last_at END \
        WHERE realm_id = $1 AND counter_id = $2 AND successes = $3 AND in_hour > 0 AND in_day > 0 AND in_row > 0";
}

/// A counter. The tag tells unknown identifiers that share a slot apart.
#[derive(Debug, Clone)]
pub struct Counter {
    pub id: Uuid,
    pub tag: Vec<u8>,
}

/// A counter as it is stored.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    pub tag: Vec<u8>,
    pub budget: Budget,
}

impl Record for AttemptRow {
    const TABLE: &'static str = "attempts";
    const KEY: &'static str = "counter_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let budget = Budget {
            revision: row.get("revision")?,
            hour_began: row.get("hour_began")?,
            in_hour: row.get("in_hour")?,
            day_began: row.get("day_began")?,
            in_day: row.get("in_day")?,
            in_row: row.get("in_row")?,
            successes: row.get("successes")?,
            last_at: row.get("last_at")?,
        };
        Ok(Self { tag: row.get("tag")?, budget })
    }
}

/// A counter, and how many of its guesses in a row have been found wrong.
pub struct SettledAttempts {
    pub row: AttemptRow,
    settled: i64,
}

impl SettledAttempts {
    /// How many guesses were charged whose outcome is not known yet.
    pub fn under_way(&self) -> i64 {
        self.row.budget.in_row - self.settled
    }
}

impl Record for SettledAttempts {
    const TABLE: &'static str = AttemptRow::TABLE;
    const KEY: &'static str = AttemptRow::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            row: AttemptRow::read(row)?,
            settled: row.get::<Option<i64>>("settled")?.unwrap_or_default(),
        })
    }
}

pub async fn find(view: &mut View, counter: &Counter) -> Result<Option<AttemptRow>, Error> {
    view.select(FIND).bind(counter.id).optional().await
}

/// The same, with the guesses that are under way. Only counters of passwords know them.
pub async fn find_settled(view: &mut View, counter: &Counter) -> Result<Option<SettledAttempts>, Error> {
    view.select(FIND).bind(counter.id).optional().await
}

/// Notes that a guess was found wrong. Does nothing if a success has reset the counter since it was charged.
pub async fn settle(tx: &mut Tx, counter: &Counter, taken: GrantedCharge) -> Result<(), Error> {
    let settle = tx.change(SETTLE).bind(counter.id).bind(counter.tag.clone());
    settle.bind(taken.budget.successes).rows().await?;
    Ok(())
}

/// Compare-and-set: puts `next` in the place of the revision `seen` (zero: inserts it); `false` when another
/// transaction changed the counter first.
pub async fn replace(
    executor: Executor<'_>,
    counter: &Counter,
    seen: i64,
    next: Budget,
) -> Result<bool, Error> {
    let change = if seen == 0 {
        executor.change(BEGIN).bind(counter.id)
    } else {
        executor.change(REPLACE).bind(counter.id).bind(seen)
    };
    let change =
        change.bind(counter.tag.clone()).bind(next.revision).bind(next.hour_began).bind(next.in_hour);
    change
        .bind(next.day_began)
        .bind(next.in_day)
        .bind(next.in_row)
        .bind(next.last_at)
        .bind(next.successes)
        .hit()
        .await
}

/// Resets the counter. Only a success of the counted factor calls this (INV-9). `answers` and
/// `sign_ins::begin` do the same within larger statements.
pub async fn forgive(tx: &mut Tx, counter: &Counter) -> Result<(), Error> {
    tx.change(FORGIVE).bind(counter.id).rows().await?;
    Ok(())
}

/// Closes the counter, as that many failures in a row do.
pub async fn close(tx: &mut Tx, counter: &Counter, in_row: i64, now: Timestamp) -> Result<(), Error> {
    tx.change(CLOSE).bind(counter.id).bind(counter.tag.clone()).bind(in_row).bind(now).rows().await?;
    Ok(())
}

/// A charge that was granted, and the instant from which waits were counted before it.
#[derive(Debug, Clone, Copy)]
pub struct GrantedCharge {
    pub budget: Budget,
    pub waited_from: Timestamp,
}

/// Gives a charge back, because the attempt was a replay (INV-6). Does nothing if a success has reset the counter since.
pub async fn give_back(tx: &mut Tx, counter: &Counter, taken: GrantedCharge) -> Result<(), Error> {
    let give_back = tx.change(GIVE_BACK).bind(counter.id).bind(taken.budget.successes);
    give_back.bind(taken.budget.last_at).bind(taken.waited_from).rows().await?;
    Ok(())
}

/// Deletes the counter of a factor that is gone.
pub async fn remove(tx: &mut Tx, counter: &Counter) -> Result<(), Error> {
    tx.change(REMOVE).bind(counter.id).rows().await?;
    Ok(())
}

struct InDay(i64);

impl Record for InDay {
    const TABLE: &'static str = AttemptRow::TABLE;
    const KEY: &'static str = AttemptRow::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("in_day")?))
    }
}

/// Counts one more in a window that began after `since`; returns how many there are in it. The window begins with a count.
pub async fn count_in_day(
    tx: &mut Tx,
    counter: &Counter,
    since: Timestamp,
    now: Timestamp,
) -> Result<i64, Error> {
    let count = tx.change(COUNT_IN_DAY).bind(counter.id).bind(counter.tag.clone()).bind(now).bind(since);
    Ok(count.optional::<InDay>().await?.map_or(0, |counted| counted.0))
}

//! Table `pauses`: factors that are asked nothing for a time, because their owner denied, or because the device cannot be
//! notified.

use tidegate_core::{FactorId, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT factor_id, denials, until, unreachable_at FROM pauses WHERE realm_id = $1 AND factor_id = $2";
    Change DENY = "INSERT INTO pauses (realm_id, factor_id, denials, until) VALUES ($1, $2, 1, $3) \
        ON CONFLICT (realm_id, factor_id) DO UPDATE SET denials = pauses.denials + 1, until = excluded.until \
        RETURNING factor_id, denials, until, unreachable_at";
    Change MISS = "INSERT INTO pauses (realm_id, factor_id, denials, unreachable_at) VALUES ($1, $2, 0, $3) \
        ON CONFLICT (realm_id, factor_id) DO UPDATE SET unreachable_at = excluded.unreachable_at";
    Change REACH = "UPDATE pauses SET unreachable_at = NULL WHERE realm_id = $1 AND factor_id = $2 AND unreachable_at IS NOT NULL";
    Change FORGET = "DELETE FROM pauses WHERE realm_id = $1 AND factor_id = $2";
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Denials since the last approval.
    pub denials: i64,
    /// After a denial: nothing is asked before.
    pub until: Option<Timestamp>,
    /// Since when the push service does not know the device any more.
    pub unreachable_at: Option<Timestamp>,
}

impl Record for Pause {
    const TABLE: &'static str = "pauses";
    const KEY: &'static str = "factor_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            denials: row.get("denials")?,
            until: row.get("until")?,
            unreachable_at: row.get("unreachable_at")?,
        })
    }
}

pub async fn find(view: &mut View, factor: FactorId) -> Result<Option<Pause>, Error> {
    view.select(FIND).bind(factor).optional().await
}

/// Counts a denial, and asks the factor nothing until then. Returns how many denials there were since the last approval.
pub async fn deny(tx: &mut Tx, factor: FactorId, until: Timestamp) -> Result<i64, Error> {
    let denied: Option<Pause> = tx.change(DENY).bind(factor).bind(until).optional().await?;
    Ok(denied.map_or(1, |pause| pause.denials))
}

/// The push service does not know the device any more.
pub async fn miss(tx: &mut Tx, factor: FactorId, now: Timestamp) -> Result<(), Error> {
    tx.change(MISS).bind(factor).bind(now).rows().await?;
    Ok(())
}

/// The device called; `false` when it was not missed.
pub async fn reach(tx: &mut Tx, factor: FactorId) -> Result<bool, Error> {
    tx.change(REACH).bind(factor).hit().await
}

/// Ends the pause and its count of denials.
pub async fn forget(tx: &mut Tx, factor: FactorId) -> Result<(), Error> {
    tx.change(FORGET).bind(factor).rows().await?;
    Ok(())
}

//! Table `leases`: background work of a realm that one replica does at a time.

use tidegate_core::{HolderId, Timestamp};

use crate::{
    Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change CLAIM = "INSERT INTO leases (realm_id, name, holder, until) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (realm_id, name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
        WHERE leases.holder = excluded.holder OR leases.until <= $5 OR leases.holder = $6";
    Select HOLDER = "SELECT holder FROM leases WHERE realm_id = $1 AND name = $2";
}

/// A replica's claim to such work.
#[derive(Debug, Clone, Copy)]
pub struct LeaseClaim {
    pub name: &'static str,
    pub holder: HolderId,
    pub until: Timestamp,
}

struct HolderRow(HolderId);

impl Record for HolderRow {
    const TABLE: &'static str = "leases";
    const KEY: &'static str = "holder";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("holder").map(Self)
    }
}

/// Claims or renews the lease; `false` while another holder has it whose process is not known to be dead. The row stays locked to the end of the transaction,
/// so two holders never work at the same time, whatever their clocks say.
pub async fn claim(tx: &mut Tx, claim: LeaseClaim, now: Timestamp) -> Result<bool, Error> {
    let LeaseClaim { name, holder, until } = claim;
    let claim = async |tx: &mut Tx, dead: Option<HolderId>| {
        tx.change(CLAIM).bind(name.to_owned()).bind(holder).bind(until).bind(now).bind(dead).hit().await
    };
    if claim(tx, None).await? {
        return Ok(true);
    }
    match tx.select(HOLDER).bind(name.to_owned()).optional().await? {
        Some(HolderRow(other)) if tx.is_of_the_dead(other) => claim(tx, Some(other)).await,
        _ => Ok(false),
    }
}

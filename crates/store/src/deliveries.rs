//! Table `deliveries`: the outbox. `service` adds rows, `courier` sends them.

use tidegate_core::{AccountId, DeliveryId, DeliveryState, RealmId, Sealed, Span, Template, Timestamp};

use crate::{
    Across, Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO deliveries (realm_id, delivery_id, account_id, template, state, payload, tries, next_try_at, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, 'queued', $5, 0, $6, $6, $7)";
    Select DUE = "SELECT realm_id, delivery_id FROM deliveries WHERE state = 'queued' AND next_try_at <= $1 ORDER BY next_try_at LIMIT $2";
    Change CLAIM = "UPDATE deliveries SET tries = tries + 1, next_try_at = $4 \
        WHERE realm_id = $1 AND delivery_id = $2 AND state = 'queued' AND next_try_at <= $3 \
        RETURNING delivery_id, account_id, template, payload, tries, expires_at";
    Change POSTPONE = "UPDATE deliveries SET next_try_at = $3 WHERE realm_id = $1 AND delivery_id = $2 AND state = 'queued'";
    Change END = "UPDATE deliveries SET state = $3, ended_at = $4, payload = NULL WHERE realm_id = $1 AND delivery_id = $2 AND state = 'queued'";
}

/// A delivery and the realm it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    pub realm: RealmId,
    pub id: DeliveryId,
}

/// A delivery that this worker has claimed until its next try.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: DeliveryId,
    pub account: AccountId,
    pub template: Template,
    /// `None` when the delivery has ended.
    pub payload: Option<Sealed>,
    /// How often it was tried, including this time.
    pub tries: i64,
    pub expires_at: Timestamp,
}

/// A delivery to be queued.
pub struct New {
    pub id: DeliveryId,
    pub account: AccountId,
    pub template: Template,
    pub payload: Sealed,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

impl Record for Due {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, id: row.get("delivery_id")? })
    }
}

impl Record for Delivery {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("delivery_id")?,
            account: row.get("account_id")?,
            template: row.get("template")?,
            payload: row.get("payload")?,
            tries: row.get("tries")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

pub async fn insert(tx: &mut Tx, new: New) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(new.id).bind(new.account).bind(new.template).bind(new.payload);
    insert.bind(new.now).bind(new.expires_at).rows().await?;
    Ok(())
}

/// Deliveries that are due in any realm; the one that has waited longest comes first.
pub async fn due(across: &mut Across, now: Timestamp, limit: i64) -> Result<Vec<Due>, Error> {
    across.select(DUE).bind(now).bind(limit).all().await
}

/// Claims a delivery for as long as `lease`; `None` when another worker claimed it. When a worker dies, its claim runs
/// out, and the delivery is tried again.
pub async fn claim(
    tx: &mut Tx,
    id: DeliveryId,
    now: Timestamp,
    lease: Span,
) -> Result<Option<Delivery>, Error> {
    tx.change(CLAIM).bind(id).bind(now).bind(now.plus(lease)).optional().await
}

pub async fn postpone(tx: &mut Tx, id: DeliveryId, until: Timestamp) -> Result<(), Error> {
    tx.change(POSTPONE).bind(id).bind(until).rows().await?;
    Ok(())
}

/// Ends the delivery and drops its payload; `false` when it had ended before.
pub async fn end(tx: &mut Tx, id: DeliveryId, state: DeliveryState, now: Timestamp) -> Result<bool, Error> {
    tx.change(END).bind(id).bind(state).bind(now).hit().await
}

//! Table `delivery_claims`: which process sends a message now. Changes `deliveries`.
//!
//! The claim itself is the time in `deliveries`, as programs of earlier schemas have it: a row here only says whose it is, so
//! that a dead process's claim can be ended before its time. The number of tries tells the claim from a later one.

use tidegate_core::{DeliveryId, ProcessId, RealmId, Timestamp};

use crate::{
    Across, Error, Store, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO delivery_claims (realm_id, delivery_id, process_id, tries) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (realm_id, delivery_id, process_id) DO UPDATE SET tries = excluded.tries";
    Change REMOVE = "DELETE FROM delivery_claims WHERE realm_id = $1 AND delivery_id = $2 AND process_id = $3";
    Select OF_PROCESS = "SELECT realm_id, delivery_id, process_id, tries FROM delivery_claims WHERE process_id = $1";
    Select OF_OTHERS = "SELECT realm_id, delivery_id, process_id, tries FROM delivery_claims WHERE process_id <> $1";
    Change RELEASE = "UPDATE deliveries SET next_try_at = $4 \
        WHERE realm_id = $1 AND delivery_id = $2 AND tries = $3 AND state = 'queued' AND next_try_at > $4";
}

/// A claim as its row says.
#[derive(Debug, Clone, Copy)]
struct DeliveryClaim {
    realm: RealmId,
    delivery: DeliveryId,
    process: ProcessId,
    tries: i64,
}

impl Record for DeliveryClaim {
    const TABLE: &'static str = "delivery_claims";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            realm: row.get("realm_id")?,
            delivery: row.get("delivery_id")?,
            process: row.get("process_id")?,
            tries: row.get("tries")?,
        })
    }
}

/// Notes that this process claimed the delivery. Nothing where it is not registered.
pub(crate) async fn insert(tx: &mut Tx, delivery: DeliveryId, tries: i64) -> Result<(), Error> {
    let Some(process) = tx.process() else { return Ok(()) };
    tx.change(INSERT).bind(delivery).bind(process).bind(tries).rows().await.map(drop)
}

/// This process's claim has ended.
pub(crate) async fn remove(tx: &mut Tx, delivery: DeliveryId) -> Result<(), Error> {
    let Some(process) = tx.process() else { return Ok(()) };
    tx.change(REMOVE).bind(delivery).bind(process).rows().await.map(drop)
}

/// Makes what the dead process was sending due at once.
pub(crate) async fn release_of(store: &Store, dead: ProcessId, now: Timestamp) -> Result<(), Error> {
    let claims = store.across("release").select(OF_PROCESS).bind(dead).all().await?;
    release(store, claims, now).await
}

/// The same for every process but this one.
pub(crate) async fn release_others(store: &Store, own: ProcessId, now: Timestamp) -> Result<(), Error> {
    let mut across: Across = store.across("release");
    let claims = across.select(OF_OTHERS).bind(own).all().await?;
    release(store, claims, now).await
}

async fn release(store: &Store, claims: Vec<DeliveryClaim>, now: Timestamp) -> Result<(), Error> {
    for DeliveryClaim { realm, delivery, process, tries } in claims {
        let free = store.tx("release", realm, async |tx| {
            tx.change(RELEASE).bind(delivery).bind(tries).bind(now).rows().await?;
            tx.change(REMOVE).bind(delivery).bind(process).rows().await.map(drop)
        });
        free.await?;
    }
    Ok(())
}

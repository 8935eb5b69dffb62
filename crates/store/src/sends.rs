//! Table `sends`: the newest sends to each destination for each purpose. `factors::sends` decides; this file stores.

use tidegate_core::{KeyedDigest, MessagePurpose, Timestamp};

use crate::{
    Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change LOCK = "INSERT INTO sends (realm_id, destination, purpose, sent) VALUES ($1, $2, $3, '[]') \
        ON CONFLICT (realm_id, destination, purpose) DO UPDATE SET purpose = excluded.purpose RETURNING sent";
    Change REPLACE = "UPDATE sends SET sent = $4 WHERE realm_id = $1 AND destination = $2 AND purpose = $3";
}

struct Sent(Vec<Timestamp>);

impl Record for Sent {
    const TABLE: &'static str = "sends";
    const KEY: &'static str = "sent";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("sent").map(Self)
    }
}

/// The sends so far. Locks them for the rest of the transaction, so that sends to one destination are counted one after
/// the other.
pub async fn lock(
    tx: &mut Tx,
    destination: KeyedDigest,
    purpose: MessagePurpose,
) -> Result<Vec<Timestamp>, Error> {
    let kept: Option<Sent> = tx.change(LOCK).bind(destination).bind(purpose).optional().await?;
    Ok(kept.map(|Sent(sent)| sent).unwrap_or_default())
}

pub async fn replace(
    tx: &mut Tx,
    destination: KeyedDigest,
    purpose: MessagePurpose,
    sent: Vec<Timestamp>,
) -> Result<(), Error> {
    tx.change(REPLACE).bind(destination).bind(purpose).bind(sent).rows().await?;
    Ok(())
}

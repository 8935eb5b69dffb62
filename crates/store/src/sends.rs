//! Table `sends`: the newest sends to each destination for each purpose. `factors::sends` decides; this file stores.

use tidegate_core::{KeyedDigest, MessagePurpose, Timestamp};

use crate::{
    Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change LOCK = "INSERT INTO sends (realm_id, destination, purpose, sent, last_at) VALUES ($1, $2, $3, '[]', $4) \
        ON CONFLICT (realm_id, destination, purpose) DO UPDATE SET purpose = excluded.purpose RETURNING sent";
    Change REPLACE = "UPDATE sends SET sent = $4, last_at = $5 WHERE realm_id = $1 AND destination = $2 AND purpose = $3";
    Select PAGE = "SELECT destination, purpose, sent FROM sends \
        WHERE realm_id = $1 AND (destination > $2 OR (destination = $2 AND purpose > $3)) ORDER BY destination, purpose LIMIT $4";
}

struct Sent(Vec<Timestamp>);

impl Record for Sent {
    const TABLE: &'static str = "sends";
    const KEY: &'static str = "sent";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("sent").map(Self)
    }
}

/// The sends so far. A row that is not replaced remembers nothing, and may go at `now` and its windows. Locks them for the rest of the transaction, so that sends to one destination are counted one after
/// the other.
pub async fn lock(
    tx: &mut Tx,
    destination: KeyedDigest,
    purpose: MessagePurpose,
    now: Timestamp,
) -> Result<Vec<Timestamp>, Error> {
    let kept: Option<Sent> = tx.change(LOCK).bind(destination).bind(purpose).bind(now).optional().await?;
    Ok(kept.map(|Sent(sent)| sent).unwrap_or_default())
}

pub async fn replace(
    tx: &mut Tx,
    destination: KeyedDigest,
    purpose: MessagePurpose,
    sent: Vec<Timestamp>,
) -> Result<(), Error> {
    let last = sent.iter().max().copied();
    tx.change(REPLACE).bind(destination).bind(purpose).bind(sent).bind(last).rows().await?;
    Ok(())
}

/// One row, as it is kept.
struct SendsRow {
    destination: Vec<u8>,
    purpose: String,
    sent: Vec<Timestamp>,
}

impl Record for SendsRow {
    const TABLE: &'static str = "sends";
    const KEY: &'static str = "purpose";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            destination: row.get("destination")?,
            purpose: row.get("purpose")?,
            sent: row.get("sent")?,
        })
    }
}

/// Rows that are read at a time.
const PAGE_SIZE: i64 = 1_000;

/// Brings sends after `now` down to now, and returns of how many rows. Reads all rows of the realm.
pub(crate) async fn bring_back(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    let (mut count, mut last) = (0, (Vec::new(), String::new()));
    loop {
        let page = tx.select(PAGE).bind(last.0).bind(last.1).bind(PAGE_SIZE);
        let page: Vec<SendsRow> = page.all().await?;
        let Some(end) = page.last() else { return Ok(count) };
        last = (end.destination.clone(), end.purpose.clone());
        for SendsRow { destination, purpose, sent } in page {
            if sent.iter().any(|at| *at > now) {
                let sent: Vec<_> = sent.into_iter().map(|at| at.min(now)).collect();
                let last = sent.iter().max().copied();
                tx.change(REPLACE).bind(destination).bind(purpose).bind(sent).bind(last).rows().await?;
                count += 1;
            }
        }
    }
}

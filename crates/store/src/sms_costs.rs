//! Table `sms_costs`: what the messages of an hour to a country have cost. `factors::sms_cost` decides; this file stores.

use tidegate_core::{Country, Timestamp};

use crate::{
    Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    // The first message of an hour never exceeds a cap: no cap is lower than a price.
    Change SPEND = "INSERT INTO sms_costs (realm_id, country, hour, cost, blocked) VALUES ($1, $2, $3, $4, FALSE) \
        ON CONFLICT (realm_id, country, hour) DO UPDATE SET cost = sms_costs.cost + excluded.cost \
        WHERE sms_costs.cost <= $5 RETURNING cost";
    Change BLOCK = "UPDATE sms_costs SET blocked = TRUE WHERE realm_id = $1 AND country = $2 AND hour = $3 AND NOT blocked";
    Change FORGET = "DELETE FROM sms_costs WHERE realm_id = $1 AND hour < $2";
}

struct Spent(i64);

impl Record for Spent {
    const TABLE: &'static str = "sms_costs";
    const KEY: &'static str = "cost";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("cost").map(Self)
    }
}

/// Adds the price of one message, unless more than `limit` is spent in the hour already. Returns what is spent then. Locks
/// the hour of the country for the rest of the transaction.
pub async fn spend(
    tx: &mut Tx,
    (country, hour): (&Country, Timestamp),
    price: i64,
    limit: Option<i64>,
) -> Result<Option<i64>, Error> {
    let change = tx.change(SPEND).bind(country.clone()).bind(hour).bind(price);
    let spent: Option<Spent> = change.bind(limit.unwrap_or(i64::MAX)).optional().await?;
    Ok(spent.map(|Spent(cost)| cost))
}

/// `false` when it was said before.
pub async fn block(tx: &mut Tx, (country, hour): (&Country, Timestamp)) -> Result<bool, Error> {
    tx.change(BLOCK).bind(country.clone()).bind(hour).hit().await
}

/// Deletes the hours before this one; returns how many.
pub async fn forget(tx: &mut Tx, hour: Timestamp) -> Result<u64, Error> {
    tx.change(FORGET).bind(hour).rows().await
}

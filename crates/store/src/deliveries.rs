//! Table `deliveries`: the outbox. `service` adds rows, `courier` sends them and reads what receipts say of them. `BY_ID`
//! reads `realms` too.

use tidegate_core::{
    AccountId, Channel, Delivery, DeliveryId, DeliveryProblem, DeliveryState, MessagePurpose, RealmId,
    Sealed, Span, Timestamp,
};

use crate::{
    Across, Error, Tx, View,
    column::{Row, Unreadable},
    delivery_claims,
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO deliveries (realm_id, delivery_id, account_id, channel, purpose, state, payload, tries, next_try_at, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, 'queued', $6, 0, $7, $8, $9)";
    Select PAGE = "SELECT delivery_id, account_id, channel, purpose, state, tries, problem, next_try_at, created_at, expires_at, ended_at FROM deliveries \
        WHERE realm_id = $1 AND delivery_id < $2 AND (CAST($3 AS TEXT) IS NULL OR state = $3) ORDER BY delivery_id DESC LIMIT $4";
    Select PAGE_OF_ACCOUNT = "SELECT delivery_id, account_id, channel, purpose, state, tries, problem, next_try_at, created_at, expires_at, ended_at FROM deliveries \
        WHERE realm_id = $1 AND account_id = $5 AND delivery_id < $2 AND (CAST($3 AS TEXT) IS NULL OR state = $3) ORDER BY delivery_id DESC LIMIT $4";
    Select DUE = "SELECT realm_id, delivery_id FROM deliveries WHERE channel = $1 AND state = 'queued' AND next_try_at <= $2 ORDER BY next_try_at LIMIT $3";
    Select OLDEST = "SELECT channel, MIN(next_try_at) AS due_at FROM deliveries WHERE state = 'queued' GROUP BY channel";
    Change CLAIM = "UPDATE deliveries SET tries = tries + 1, next_try_at = $4 \
        WHERE realm_id = $1 AND delivery_id = $2 AND state = 'queued' AND next_try_at <= $3 \
        RETURNING delivery_id, account_id, channel, purpose, payload, tries, expires_at";
    Change POSTPONE = "UPDATE deliveries SET next_try_at = $3, problem = COALESCE($4, problem) WHERE realm_id = $1 AND delivery_id = $2 AND state = 'queued' \
        AND tries = COALESCE(CAST($5 AS BIGINT), tries)";
    Change END = "UPDATE deliveries SET state = $3, ended_at = $4, problem = COALESCE($5, problem), gateway_id = $6, payload = NULL WHERE realm_id = $1 AND delivery_id = $2 AND state = 'queued'";
    Select BY_ID = "SELECT deliveries.realm_id, delivery_id, state FROM realms CROSS JOIN deliveries \
        WHERE deliveries.realm_id = realms.realm_id AND delivery_id = $1 AND channel = 'sms' LIMIT 2";
    Select BY_GATEWAY_ID = "SELECT realm_id, delivery_id, state FROM deliveries WHERE gateway_id = $1 AND channel = 'sms' LIMIT 2";
    Change REPORT = "UPDATE deliveries SET state = $3, problem = COALESCE($4, problem) \
        WHERE realm_id = $1 AND delivery_id = $2 AND state = 'sent' AND channel = 'sms' \
        RETURNING delivery_id, account_id, channel, purpose";
}

/// A delivery and the realm it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    pub realm: RealmId,
    pub id: DeliveryId,
}

/// A delivery that this worker has claimed until its next try.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub id: DeliveryId,
    pub account: AccountId,
    pub channel: Channel,
    pub purpose: MessagePurpose,
    /// `None` when the delivery has ended.
    pub payload: Option<Sealed>,
    /// How often it was tried, including this time.
    pub tries: i64,
    pub expires_at: Timestamp,
}

/// The text message that a receipt is about. A receipt names no realm.
#[derive(Debug, Clone, Copy)]
pub struct Receipted {
    pub realm: RealmId,
    pub id: DeliveryId,
    pub state: DeliveryState,
}

/// A delivery whose receipt was the first one.
#[derive(Debug, Clone, Copy)]
pub struct Reported {
    pub account: AccountId,
    pub channel: Channel,
    pub purpose: MessagePurpose,
}

/// A delivery to be queued.
pub struct New {
    pub id: DeliveryId,
    pub account: AccountId,
    pub channel: Channel,
    pub purpose: MessagePurpose,
    pub payload: Sealed,
    pub now: Timestamp,
    /// Not sent before.
    pub due_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Record for Due {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, id: row.get("delivery_id")? })
    }
}

impl Record for Claimed {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("delivery_id")?,
            account: row.get("account_id")?,
            channel: row.get("channel")?,
            purpose: row.get("purpose")?,
            payload: row.get("payload")?,
            tries: row.get("tries")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

impl Record for Receipted {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, id: row.get("delivery_id")?, state: row.get("state")? })
    }
}

impl Record for Reported {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            account: row.get("account_id")?,
            channel: row.get("channel")?,
            purpose: row.get("purpose")?,
        })
    }
}

impl Record for Delivery {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "delivery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("delivery_id")?,
            account: row.get("account_id")?,
            channel: row.get("channel")?,
            purpose: row.get("purpose")?,
            state: row.get("state")?,
            tries: row.get("tries")?,
            problem: row.get("problem")?,
            next_try_at: row.get("next_try_at")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            ended_at: row.get("ended_at")?,
        })
    }
}

/// The realm's deliveries, or one account's, the newest first: those queued before `before`.
pub async fn page(
    view: &mut View,
    before: DeliveryId,
    (account, state): (Option<AccountId>, Option<DeliveryState>),
    limit: i64,
) -> Result<Vec<Delivery>, Error> {
    match account {
        None => view.select(PAGE).bind(before).bind(state).bind(limit).all().await,
        Some(account) => {
            view.select(PAGE_OF_ACCOUNT).bind(before).bind(state).bind(limit).bind(account).all().await
        }
    }
}

pub async fn insert(tx: &mut Tx, new: New) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(new.id).bind(new.account).bind(new.channel).bind(new.purpose);
    insert.bind(new.payload).bind(new.due_at).bind(new.now).bind(new.expires_at).rows().await?;
    Ok(())
}

/// Deliveries of a channel that are due in any realm; the one that has waited longest comes first.
pub async fn due(
    across: &mut Across,
    channel: Channel,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Due>, Error> {
    across.select(DUE).bind(channel).bind(now).bind(limit).all().await
}

/// Since when the delivery of a channel that has waited longest is due.
#[derive(Debug, Clone, Copy)]
pub struct Oldest {
    pub channel: Channel,
    pub due_at: Timestamp,
}

impl Record for Oldest {
    const TABLE: &'static str = "deliveries";
    const KEY: &'static str = "channel";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { channel: row.get("channel")?, due_at: row.get("due_at")? })
    }
}

/// For each channel that has something queued, in all realms.
pub async fn oldest(across: &mut Across) -> Result<Vec<Oldest>, Error> {
    across.select(OLDEST).all().await
}

/// Claims a delivery for as long as `lease`; `None` when another worker claimed it. When a worker dies, its claim runs
/// out, and the delivery is tried again.
pub async fn claim(
    tx: &mut Tx,
    id: DeliveryId,
    now: Timestamp,
    lease: Span,
) -> Result<Option<Claimed>, Error> {
    let claimed: Option<Claimed> =
        tx.change(CLAIM).bind(id).bind(now).bind(now.plus(lease)).optional().await?;
    if let Some(claimed) = &claimed {
        delivery_claims::insert(tx, id, claimed.tries).await?;
    }
    Ok(claimed)
}

/// Tries again at `until`, and keeps why the last attempt failed. Nothing where another worker has claimed it since: then
/// `tries`, as the caller's claim said it, has grown.
pub async fn postpone(
    tx: &mut Tx,
    (id, tries): (DeliveryId, Option<i64>),
    until: Timestamp,
    problem: Option<DeliveryProblem>,
) -> Result<(), Error> {
    tx.change(POSTPONE).bind(id).bind(until).bind(problem).bind(tries).rows().await?;
    delivery_claims::remove(tx, id).await
}

/// Ends the delivery and drops its payload; `false` when it had ended before. `gateway_id`: the gateway's own id of it.
pub async fn end(
    tx: &mut Tx,
    id: DeliveryId,
    (state, problem): (DeliveryState, Option<DeliveryProblem>),
    gateway_id: Option<String>,
    now: Timestamp,
) -> Result<bool, Error> {
    let ended = tx.change(END).bind(id).bind(state).bind(now).bind(problem).bind(gateway_id).hit().await?;
    delivery_claims::remove(tx, id).await?;
    Ok(ended)
}

/// The text message with this id, in any realm. Goes through the realms, because the table's key begins with them.
pub async fn by_id(across: &mut Across, id: DeliveryId) -> Result<Option<Receipted>, Error> {
    Ok(only(across.select(BY_ID).bind(id).all().await?))
}

/// The text message that the gateway knows by this id, in any realm; `None` where several have it.
pub async fn by_gateway_id(across: &mut Across, gateway_id: &str) -> Result<Option<Receipted>, Error> {
    Ok(only(across.select(BY_GATEWAY_ID).bind(gateway_id.to_owned()).all().await?))
}

fn only(found: Vec<Receipted>) -> Option<Receipted> {
    match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// Stores what a receipt says of a text message that was handed over; `None` when an earlier receipt has said it, or the
/// message was not handed over.
pub async fn report(
    tx: &mut Tx,
    id: DeliveryId,
    (state, problem): (DeliveryState, Option<DeliveryProblem>),
) -> Result<Option<Reported>, Error> {
    tx.change(REPORT).bind(id).bind(state).bind(problem).optional().await
}

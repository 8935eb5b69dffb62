//! Table `events`: the log of what happened. Audit, exports and the follower of the cache read it.

use tidegate_core::{
    AccountId, Actor, Event, EventId, Fact, Logged, ProductKey, RealmId, RecordedFact, Sequence, Timestamp,
};

use crate::{
    Across, Error, Tx, View,
    column::{AnyOf, Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    Change INSERT_NONE = "INSERT INTO events (realm_id, event_id, at, actor, fact) \
        SELECT $1, event_id, at, actor, fact FROM events WHERE realm_id = $1 AND FALSE";
    Select NEWEST = {
        sqlite: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND event_id < $2 AND event_id >= $3 AND at >= $4 AND at < $5 \
            AND (CAST($6 AS UUID) IS NULL OR account_id = $6) AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND ($9 IS NULL OR substr(fact, 10, instr(substr(fact, 10), '\"') - 1) IN (SELECT value FROM json_each($9))) \
            AND ($11 IS NULL OR product_key IN (SELECT value FROM json_each($11))) ORDER BY event_id DESC LIMIT $10",
        postgres: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND event_id < $2 AND event_id >= $3 AND at >= $4 AND at < $5 \
            AND (CAST($6 AS UUID) IS NULL OR account_id = $6) AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND (CAST($9 AS TEXT[]) IS NULL OR split_part(fact, '\"', 4) = ANY($9)) \
            AND (CAST($11 AS TEXT[]) IS NULL OR product_key = ANY($11)) ORDER BY event_id DESC LIMIT $10"
    };
    Select NEWEST_OF_ACCOUNT = {
        sqlite: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND event_id < $2 AND event_id >= $3 AND at >= $4 AND at < $5 \
            AND account_id = $6 AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND ($9 IS NULL OR substr(fact, 10, instr(substr(fact, 10), '\"') - 1) IN (SELECT value FROM json_each($9))) \
            AND ($11 IS NULL OR product_key IN (SELECT value FROM json_each($11))) ORDER BY event_id DESC LIMIT $10",
        postgres: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND event_id < $2 AND event_id >= $3 AND at >= $4 AND at < $5 \
            AND account_id = $6 AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND (CAST($9 AS TEXT[]) IS NULL OR split_part(fact, '\"', 4) = ANY($9)) \
            AND (CAST($11 AS TEXT[]) IS NULL OR product_key = ANY($11)) ORDER BY event_id DESC LIMIT $10"
    };
    Select NEWEST_OF_KINDS = {
        sqlite: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND event_id < $2 AND event_id >= $3 AND at >= $4 AND at < $5 \
            AND (CAST($6 AS UUID) IS NULL OR account_id = $6) AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND substr(fact, 10, instr(substr(fact, 10), '\"') - 1) IN (SELECT value FROM json_each($9)) \
            AND ($11 IS NULL OR product_key IN (SELECT value FROM json_each($11))) ORDER BY event_id DESC LIMIT $10",
        postgres: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND event_id < $2 AND event_id >= $3 AND at >= $4 AND at < $5 \
            AND (CAST($6 AS UUID) IS NULL OR account_id = $6) AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND split_part(fact, '\"', 4) = ANY($9) \
            AND (CAST($11 AS TEXT[]) IS NULL OR product_key = ANY($11)) ORDER BY event_id DESC LIMIT $10"
    };
    Select STRETCH = {
        sqlite: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND sequence > $2 AND sequence <= $3 AND at >= $4 AND at < $5 \
            AND (CAST($6 AS UUID) IS NULL OR account_id = $6) AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND ($9 IS NULL OR substr(fact, 10, instr(substr(fact, 10), '\"') - 1) IN (SELECT value FROM json_each($9))) \
            AND ($10 IS NULL OR product_key IN (SELECT value FROM json_each($10))) ORDER BY sequence",
        postgres: "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
            WHERE realm_id = $1 AND sequence > $2 AND sequence <= $3 AND at >= $4 AND at < $5 \
            AND (CAST($6 AS UUID) IS NULL OR account_id = $6) AND (CAST($7 AS TEXT) IS NULL OR product_key = $7) AND (CAST($8 AS TEXT) IS NULL OR actor = $8) \
            AND (CAST($9 AS TEXT[]) IS NULL OR split_part(fact, '\"', 4) = ANY($9)) \
            AND (CAST($10 AS TEXT[]) IS NULL OR product_key = ANY($10)) ORDER BY sequence"
    };
    Select BETWEEN = "SELECT event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
        WHERE realm_id = $1 AND sequence >= $2 AND sequence <= $3 ORDER BY sequence";
    Select ABOVE = "SELECT event_id, sequence FROM events WHERE realm_id = $1 AND sequence > $2 ORDER BY sequence LIMIT 1";
    Select LOWEST = "SELECT event_id, sequence FROM events WHERE realm_id = $1 AND sequence IS NOT NULL ORDER BY sequence LIMIT 1";
    Select UNSEALED = "SELECT realm_id, event_id, sequence, at, actor, product_key, account_id, fact, personal FROM events \
        WHERE sequence IS NULL ORDER BY realm_id, event_id LIMIT $1";
    Select BACKLOG = "SELECT COUNT(*) AS count, MIN(at) AS oldest FROM events WHERE sequence IS NULL";
    Select NEXT_UNSEALED = "SELECT realm_id, event_id FROM events WHERE sequence IS NULL AND realm_id > $1 ORDER BY realm_id, event_id LIMIT 1";
    Change NUMBER = "WITH numbered AS (SELECT realm_id, event_id, ROW_NUMBER() OVER (ORDER BY event_id) AS place FROM events \
        WHERE realm_id = $1 AND sequence IS NULL ORDER BY event_id LIMIT $3) \
        UPDATE events SET sequence = $2 + numbered.place FROM numbered \
        WHERE events.realm_id = $1 AND numbered.realm_id = $1 AND events.event_id = numbered.event_id";
    Change DROP = "DELETE FROM events WHERE realm_id = $1 AND sequence <= $2";
}

/// Which events. All conditions must hold.
#[derive(Debug, Clone)]
pub struct Which {
    pub account: Option<AccountId>,
    pub product: Option<ProductKey>,
    /// At one of these products; `None`: at any, or at none.
    pub products: Option<Vec<String>>,
    pub actor: Option<Actor>,
    /// Empty: of any kind.
    pub kinds: Vec<String>,
    /// At this time or later.
    pub from: Timestamp,
    /// Before this time.
    pub until: Timestamp,
}

/// The first and last instants that an event can have: years 1 and 9999.
const EARLIEST: Timestamp = Timestamp::from_unix_micros(-62_135_596_800_000_000);
const LATEST: Timestamp = Timestamp::from_unix_micros(253_402_300_799_999_999);

impl Which {
    /// Every event.
    pub const fn any() -> Self {
        let (account, product, products, actor) = (None, None, None, None);
        Self { account, product, products, actor, kinds: Vec::new(), from: EARLIEST, until: LATEST }
    }
}

/// An event of some realm that has no sequence number yet.
#[derive(Debug, Clone)]
pub struct Unsealed {
    pub realm: RealmId,
    pub logged: Logged,
}

impl Record for Logged {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "event_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let text: String = row.get("fact")?;
        let fact = match row.get::<Fact>("fact") {
            Ok(fact) => RecordedFact::Known(fact),
            Err(_) => RecordedFact::Newer { data: text.clone() },
        };
        let event = Event {
            id: row.get("event_id")?,
            at: row.get("at")?,
            actor: row.get("actor")?,
            product: row.get("product_key")?,
            account: row.get("account_id")?,
            fact,
            personal: row.get("personal")?,
        };
        Ok(Self { sequence: row.get("sequence")?, event, fact: text })
    }
}

impl Record for Unsealed {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "event_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, logged: Logged::read(row)? })
    }
}

struct RealmRow(RealmId);

impl Record for RealmRow {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "event_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("realm_id").map(Self)
    }
}

struct SequenceRow(Sequence);

impl Record for SequenceRow {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "event_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("sequence").map(Self)
    }
}

pub async fn record(tx: &mut Tx, event: Event) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(event.id).bind(event.at).bind(event.actor).bind(event.product);
    insert.bind(event.account).bind(event.fact).bind(event.personal).rows().await?;
    Ok(())
}

/// Takes about the time of `record`, and records nothing.
pub async fn record_none(tx: &mut Tx) -> Result<(), Error> {
    tx.change(INSERT_NONE).rows().await?;
    Ok(())
}

/// Newest first, with ids from `least` on and before `before`. `least` bounds how much of the log a search by time reads.
pub async fn newest(
    view: &mut View,
    (least, before): (EventId, EventId),
    which: Which,
    limit: i64,
) -> Result<Vec<Logged>, Error> {
    // Each statement fits one index.
    let statement = match &which {
        Which { account: Some(_), .. } => NEWEST_OF_ACCOUNT,
        Which { kinds, .. } if !kinds.is_empty() => NEWEST_OF_KINDS,
        _ => NEWEST,
    };
    let select = view.select(statement).bind(before).bind(least).bind(which.from).bind(which.until);
    let select = select.bind(which.account).bind(which.product).bind(which.actor);
    select.bind(kinds(which.kinds)).bind(limit).bind(which.products.map(AnyOf)).all().await
}

/// The matching events after `after` and up to `last`, in order.
pub async fn stretch(
    view: &mut View,
    after: Sequence,
    last: Sequence,
    which: Which,
) -> Result<Vec<Logged>, Error> {
    let select = view.select(STRETCH).bind(after).bind(last).bind(which.from).bind(which.until);
    let select = select.bind(which.account).bind(which.product).bind(which.actor);
    select.bind(kinds(which.kinds)).bind(which.products.map(AnyOf)).all().await
}

fn kinds(kinds: Vec<String>) -> Option<AnyOf<String>> {
    Some(AnyOf(kinds)).filter(|kinds| !kinds.0.is_empty())
}

/// All events from `first` to `last`, in order.
pub async fn between(view: &mut View, first: Sequence, last: Sequence) -> Result<Vec<Logged>, Error> {
    view.select(BETWEEN).bind(first).bind(last).all().await
}

/// The lowest sequence number after `after`.
pub async fn above(view: &mut View, after: Sequence) -> Result<Option<Sequence>, Error> {
    Ok(view.select(ABOVE).bind(after).optional::<SequenceRow>().await?.map(|at| at.0))
}

/// The lowest sequence number.
pub async fn lowest(view: &mut View) -> Result<Option<Sequence>, Error> {
    Ok(view.select(LOWEST).optional::<SequenceRow>().await?.map(|at| at.0))
}

/// Events of any realm that have no sequence number yet. Their order means nothing: another transaction may still
/// commit an older event.
pub async fn unsealed(across: &mut Across, limit: i64) -> Result<Vec<Unsealed>, Error> {
    across.select(UNSEALED).bind(limit).all().await
}

/// The events of all realms that are not sealed: how many, and since when the oldest waits.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    pub count: i64,
    pub oldest: Option<Timestamp>,
}

impl Record for Backlog {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "count";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { count: row.get("count")?, oldest: row.get("oldest")? })
    }
}

pub async fn backlog(across: &mut Across) -> Result<Option<Backlog>, Error> {
    across.select(BACKLOG).optional().await
}

/// The next realm after this one that has something to seal.
pub async fn next_unsealed(across: &mut Across, after: RealmId) -> Result<Option<RealmId>, Error> {
    Ok(across.select(NEXT_UNSEALED).bind(after).optional::<RealmRow>().await?.map(|of| of.0))
}

/// Numbers up to `limit` events after `head`; returns how many. Only committed events are visible, so no event gets
/// its number before it can be read.
pub async fn number(tx: &mut Tx, head: Sequence, limit: i64) -> Result<i64, Error> {
    let count = tx.change(NUMBER).bind(head).bind(limit).rows().await?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Deletes the front of the record, up to `last`.
pub async fn drop_until(tx: &mut Tx, last: Sequence) -> Result<(), Error> {
    tx.change(DROP).bind(last).rows().await?;
    Ok(())
}

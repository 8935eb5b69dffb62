//! Table `events`: the log everything else reads.

use tidegate_core::{AccountId, Event, EventId, Fact, Recorded};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    Select NEWEST = "SELECT event_id, at, actor, product_key, account_id, fact, personal FROM events WHERE realm_id = $1 AND event_id < $2 ORDER BY event_id DESC LIMIT $3";
    Select NEWEST_OF_ACCOUNT = "SELECT event_id, at, actor, product_key, account_id, fact, personal FROM events \
        WHERE realm_id = $1 AND account_id = $4 AND event_id < $2 ORDER BY event_id DESC LIMIT $3";
}

impl Record for Event<Recorded> {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "event_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let fact = match row.get::<Fact>("fact") {
            Ok(fact) => Recorded::Known(fact),
            Err(_) => Recorded::Newer { data: row.get("fact")? },
        };
        Ok(Self {
            id: row.get("event_id")?,
            at: row.get("at")?,
            actor: row.get("actor")?,
            product: row.get("product_key")?,
            account: row.get("account_id")?,
            fact,
            personal: row.get("personal")?,
        })
    }
}

pub async fn record(tx: &mut Tx, event: Event) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(event.id).bind(event.at).bind(event.actor).bind(event.product);
    insert.bind(event.account).bind(event.fact).bind(event.personal).rows().await?;
    Ok(())
}

/// Newest first, before `before`.
pub async fn newest(
    view: &mut View,
    before: EventId,
    account: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Event<Recorded>>, Error> {
    match account {
        Some(account) => view.select(NEWEST_OF_ACCOUNT).bind(before).bind(limit).bind(account).all().await,
        None => view.select(NEWEST).bind(before).bind(limit).all().await,
    }
}

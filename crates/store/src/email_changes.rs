//! Table `email_changes`.

use tidegate_core::{AccountId, Contact, Email, EmailChange, EmailChangeId, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `EmailChange`.
macro_rules! change {
    () => {
        "change_id, account_id, email, email_canonical, former_email, former_canonical, former_since, former_verified_at, state, created_at, ended_at"
    };
}

sql! {
    Select FIND = (concat!("SELECT ", change!(), " FROM email_changes WHERE realm_id = $1 AND change_id = $2"));
    Select MADE_SINCE = (concat!("SELECT ", change!(), " FROM email_changes WHERE realm_id = $1 AND account_id = $2 AND state = 'made' AND ended_at > $3 ORDER BY change_id"));
    Select PAGE = (concat!("SELECT ", change!(), " FROM email_changes WHERE realm_id = $1 AND account_id = $2 AND change_id > $3 ORDER BY change_id LIMIT $4"));
    Change INSERT = "INSERT INTO email_changes (realm_id, change_id, account_id, email, email_canonical, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    Change SUPERSEDE = "UPDATE email_changes SET state = 'superseded', ended_at = $3 WHERE realm_id = $1 AND account_id = $2 AND state IN ('asked', 'claimed')";
    Change MAKE = "UPDATE email_changes SET state = 'made', ended_at = $3, former_email = $4, former_canonical = $5, former_since = $6, former_verified_at = $7 \
        WHERE realm_id = $1 AND change_id = $2 AND state IN ('asked', 'claimed')";
    Change UNDO = "UPDATE email_changes SET state = 'undone', ended_at = $3 WHERE realm_id = $1 AND change_id = $2 AND state = 'made'";
}

impl Record for EmailChange {
    const TABLE: &'static str = "email_changes";
    const KEY: &'static str = "change_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let former: (Option<String>, Option<String>, Option<Timestamp>) =
            (row.get("former_email")?, row.get("former_canonical")?, row.get("former_since")?);
        let verified_at = row.get("former_verified_at")?;
        let former = match former {
            (Some(email), Some(canonical), Some(since)) => {
                Some(Contact { email: Email::restored(email, canonical), since, verified_at })
            }
            _ => None,
        };
        Ok(Self {
            id: row.get("change_id")?,
            account: row.get("account_id")?,
            email: Email::restored(row.get("email")?, row.get("email_canonical")?),
            former,
            state: row.get("state")?,
            created_at: row.get("created_at")?,
            ended_at: row.get("ended_at")?,
        })
    }
}

pub async fn find(view: &mut View, id: EmailChangeId) -> Result<Option<EmailChange>, Error> {
    view.select(FIND).bind(id).optional().await
}

/// The account's changes that were made after `since` and not undone, the oldest first.
pub async fn made_since(
    view: &mut View,
    account: AccountId,
    since: Timestamp,
) -> Result<Vec<EmailChange>, Error> {
    view.select(MADE_SINCE).bind(account).bind(since).all().await
}

/// Inserts a change that is asked for or claimed.
pub async fn insert(tx: &mut Tx, change: &EmailChange) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(change.id).bind(change.account);
    let insert = insert.bind(change.email.as_typed().to_owned()).bind(change.email.canonical().clone());
    insert.bind(change.state).bind(change.created_at).rows().await?;
    Ok(())
}

/// What the account was asked to change before counts no more; returns how many changes that were.
pub async fn supersede(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<u64, Error> {
    tx.change(SUPERSEDE).bind(account).bind(now).rows().await
}

/// The change is made, from the former address; `false` when it was made or ended before (INV-1).
pub async fn make(
    tx: &mut Tx,
    id: EmailChangeId,
    former: Option<&Contact>,
    now: Timestamp,
) -> Result<bool, Error> {
    let make = tx.change(MAKE).bind(id).bind(now);
    let make = make.bind(former.map(|former| former.email.as_typed().to_owned()));
    let make = make.bind(former.map(|former| former.email.canonical().clone()));
    let make = make.bind(former.map(|former| former.since));
    make.bind(former.and_then(|former| former.verified_at)).hit().await
}

/// `false` when the change was undone before, or never made.
pub async fn undo(tx: &mut Tx, id: EmailChangeId, now: Timestamp) -> Result<bool, Error> {
    tx.change(UNDO).bind(id).bind(now).hit().await
}

/// The account's changes after `after`, the oldest first.
pub async fn page(
    view: &mut View,
    account: AccountId,
    after: EmailChangeId,
    limit: i64,
) -> Result<Vec<EmailChange>, Error> {
    view.select(PAGE).bind(account).bind(after).bind(limit).all().await
}

//! Table `links`: mailed tokens, stored as digests.

use tidegate_core::{Link, Timestamp, TokenDigest};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT account_id, target, email_canonical, expires_at, used_at FROM links WHERE realm_id = $1 AND token_digest = $2";
    Change INSERT = "INSERT INTO links (realm_id, token_digest, account_id, target, email_canonical, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    Change USE = "UPDATE links SET used_at = $3 WHERE realm_id = $1 AND token_digest = $2 AND used_at IS NULL AND expires_at > $3";
}

impl Record for Link {
    const TABLE: &'static str = "links";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            account: row.get("account_id")?,
            target: row.get("target")?,
            email: row.get("email_canonical")?,
            expires_at: row.get("expires_at")?,
            used_at: row.get("used_at")?,
        })
    }
}

pub async fn find(view: &mut View, token: TokenDigest) -> Result<Option<Link>, Error> {
    view.select(FIND).bind(token).optional().await
}

pub async fn insert(tx: &mut Tx, token: TokenDigest, link: &Link, now: Timestamp) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(token).bind(link.account).bind(link.target).bind(link.email.clone());
    insert.bind(now).bind(link.expires_at).rows().await?;
    Ok(())
}

/// Redeems the link; `false` when it was redeemed before or has expired (INV-1, INV-4).
pub async fn redeem(tx: &mut Tx, token: TokenDigest, now: Timestamp) -> Result<bool, Error> {
    tx.change(USE).bind(token).bind(now).hit().await
}

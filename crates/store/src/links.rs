//! Table `links`: mailed tokens, stored as digests.

use tidegate_core::{AccountId, Link, LinkTarget, Timestamp, TokenDigest};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT account_id, target, email_canonical, expires_at, used_at, superseded_at FROM links WHERE realm_id = $1 AND token_digest = $2";
    Change INSERT = "INSERT INTO links (realm_id, token_digest, account_id, target, email_canonical, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    Change USE = "UPDATE links SET used_at = $3 \
        WHERE realm_id = $1 AND token_digest = $2 AND used_at IS NULL AND superseded_at IS NULL AND expires_at > $3";
    Change VOID = "UPDATE links SET superseded_at = $3 \
        WHERE realm_id = $1 AND account_id = $2 AND target <> $4 AND used_at IS NULL AND superseded_at IS NULL";
    Change SUPERSEDE = "UPDATE links SET superseded_at = $4 \
        WHERE realm_id = $1 AND account_id = $2 AND target = $3 AND used_at IS NULL AND superseded_at IS NULL";
    Change SUPERSEDE_ALL = "UPDATE links SET superseded_at = $3 \
        WHERE realm_id = $1 AND account_id = $2 AND used_at IS NULL AND superseded_at IS NULL";
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
            superseded_at: row.get("superseded_at")?,
        })
    }
}

pub async fn find(view: &mut View, token: TokenDigest) -> Result<Option<Link>, Error> {
    view.select(FIND).bind(token).optional().await
}

/// Inserts a new link, which was neither redeemed nor superseded.
pub async fn insert(tx: &mut Tx, token: TokenDigest, link: &Link, now: Timestamp) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(token).bind(link.account).bind(link.target).bind(link.email.clone());
    insert.bind(now).bind(link.expires_at).rows().await?;
    Ok(())
}

/// Supersedes the account's unused links for the same target, before a newer one is inserted;
/// returns how many.
pub async fn supersede(
    tx: &mut Tx,
    account: AccountId,
    target: LinkTarget,
    now: Timestamp,
) -> Result<u64, Error> {
    tx.change(SUPERSEDE).bind(account).bind(target).bind(now).rows().await
}

/// Supersedes every unused link of the account, whatever it is for.
pub async fn supersede_all(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<u64, Error> {
    tx.change(SUPERSEDE_ALL).bind(account).bind(now).rows().await
}

/// Redeems the link; `false` when it was redeemed before, was superseded or has expired (INV-1, INV-4).
pub async fn redeem(tx: &mut Tx, token: TokenDigest, now: Timestamp) -> Result<bool, Error> {
    tx.change(USE).bind(token).bind(now).hit().await
}

/// Supersedes all unused links of the account but those for `spared`; returns how many.
pub async fn void(tx: &mut Tx, account: AccountId, spared: LinkTarget, now: Timestamp) -> Result<u64, Error> {
    tx.change(VOID).bind(account).bind(now).bind(spared).rows().await
}

//! Tables `master_keys` and `key_holders`: which master key is active since when, and which keys the servers that run have.
//! Their rows are of the first realm, because there is one file of master keys for all realms.

use tidegate_core::{HolderId, KeyId, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select NEWEST = "SELECT key_id, active_since, rewrapped_at FROM master_keys WHERE realm_id = $1 ORDER BY active_since DESC, key_id LIMIT 1";
    Select FIND = "SELECT key_id, active_since, rewrapped_at FROM master_keys WHERE realm_id = $1 AND key_id = $2";
    Select FORMER = "SELECT key_id, active_since, rewrapped_at FROM master_keys WHERE realm_id = $1 AND key_id <> $2 ORDER BY active_since DESC, key_id LIMIT 1";
    Change ACTIVATE = "INSERT INTO master_keys (realm_id, key_id, active_since) VALUES ($1, $2, $3) ON CONFLICT (realm_id, key_id) DO NOTHING";
    Change REWRAPPED = "UPDATE master_keys SET rewrapped_at = $3 WHERE realm_id = $1 AND key_id = $2";
    Change HOLD = "INSERT INTO key_holders (realm_id, holder, active_key, known_keys, seen_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, holder) DO UPDATE SET active_key = excluded.active_key, known_keys = excluded.known_keys, seen_at = excluded.seen_at";
    Change LEAVE = "DELETE FROM key_holders WHERE realm_id = $1 AND (holder = $2 OR seen_at < $3)";
    Select HOLDERS = "SELECT holder, active_key, known_keys, seen_at FROM key_holders WHERE realm_id = $1 AND seen_at >= $2 ORDER BY holder";
}

/// A key that is or was active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveKey {
    pub id: KeyId,
    pub since: Timestamp,
    /// When every value was sealed with it.
    pub rewrapped_at: Option<Timestamp>,
}

impl Record for ActiveKey {
    const TABLE: &'static str = "master_keys";
    const KEY: &'static str = "key_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let (since, rewrapped_at) = (row.get("active_since")?, row.get("rewrapped_at")?);
        Ok(Self { id: row.get("key_id")?, since, rewrapped_at })
    }
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    pub holder: HolderId,
    pub active: KeyId,
    /// Every key that it can open values of.
    pub known: Vec<KeyId>,
    pub seen_at: Timestamp,
}

impl Record for KeyHolder {
    const TABLE: &'static str = "key_holders";
    const KEY: &'static str = "holder";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let (active, known) = (row.get("active_key")?, row.get("known_keys")?);
        Ok(Self { holder: row.get("holder")?, active, known, seen_at: row.get("seen_at")? })
    }
}

/// The key that became active last.
pub async fn newest(view: &mut View) -> Result<Option<ActiveKey>, Error> {
    view.select(NEWEST).optional().await
}

/// `None`: the key was never active.
pub async fn find(view: &mut View, key: KeyId) -> Result<Option<ActiveKey>, Error> {
    view.select(FIND).bind(key).optional().await
}

/// A key that was active besides this one; `None`: the installation has had no other.
pub async fn former(view: &mut View, key: KeyId) -> Result<Option<ActiveKey>, Error> {
    view.select(FORMER).bind(key).optional().await
}

/// `false` when the key was active before.
pub async fn activate(tx: &mut Tx, key: KeyId, now: Timestamp) -> Result<bool, Error> {
    tx.change(ACTIVATE).bind(key).bind(now).hit().await
}

/// Every value is sealed with the key.
pub async fn rewrapped(tx: &mut Tx, key: KeyId, now: Timestamp) -> Result<(), Error> {
    tx.change(REWRAPPED).bind(key).bind(now).rows().await.map(drop)
}

/// The server runs, and has these keys.
pub async fn hold(tx: &mut Tx, holder: &KeyHolder) -> Result<(), Error> {
    let hold = tx.change(HOLD).bind(holder.holder).bind(holder.active).bind(holder.known.clone());
    hold.bind(holder.seen_at).rows().await.map(drop)
}

/// The server stops. Servers that were not seen since `before` are forgotten too.
pub async fn leave(tx: &mut Tx, holder: HolderId, before: Timestamp) -> Result<(), Error> {
    tx.change(LEAVE).bind(holder).bind(before).rows().await.map(drop)
}

/// The servers that were seen at `since` or later.
pub async fn holders(view: &mut View, since: Timestamp) -> Result<Vec<KeyHolder>, Error> {
    view.select(HOLDERS).bind(since).all().await
}

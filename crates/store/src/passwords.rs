//! Table `passwords`.

use tidegate_core::{AccountId, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT account_id, hash FROM passwords WHERE realm_id = $1 AND account_id = $2";
    Change INSERT = "INSERT INTO passwords (realm_id, account_id, hash, changed_at) VALUES ($1, $2, $3, $4)";
    Change REHASH = "UPDATE passwords SET hash = $4 WHERE realm_id = $1 AND account_id = $2 AND hash = $3";
}

struct Hash(String);

impl Record for Hash {
    const TABLE: &'static str = "passwords";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("hash").map(Self)
    }
}

/// The account's password as a PHC string.
pub async fn find(view: &mut View, account: AccountId) -> Result<Option<String>, Error> {
    Ok(view.select(FIND).bind(account).optional::<Hash>().await?.map(|hash| hash.0))
}

pub async fn insert(tx: &mut Tx, account: AccountId, hash: String, now: Timestamp) -> Result<(), Error> {
    tx.change(INSERT).bind(account).bind(hash).bind(now).rows().await?;
    Ok(())
}

/// The same password, hashed anew; `false` when it was changed meanwhile.
pub async fn rehash(tx: &mut Tx, account: AccountId, seen: String, hash: String) -> Result<bool, Error> {
    tx.change(REHASH).bind(account).bind(seen).bind(hash).hit().await
}

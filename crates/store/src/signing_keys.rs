//! Table `signing_keys`: the keys that sign a realm's assertions, numbered in the order in which they sign.

use tidegate_core::{SigningKey, SigningKeys};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select ALL = "SELECT key_id, number, sealed_key, created_at, signs_at FROM signing_keys WHERE realm_id = $1 ORDER BY number";
    Change INSERT = "INSERT INTO signing_keys (realm_id, key_id, number, sealed_key, created_at, signs_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (realm_id, number) DO NOTHING";
    Change DROP = "DELETE FROM signing_keys WHERE realm_id = $1 AND number < $2";
}

impl Record for SigningKey {
    const TABLE: &'static str = "signing_keys";
    const KEY: &'static str = "key_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("key_id")?,
            number: row.get("number")?,
            sealed: row.get("sealed_key")?,
            created_at: row.get("created_at")?,
            signs_at: row.get("signs_at")?,
        })
    }
}

pub async fn all(view: &mut View) -> Result<SigningKeys, Error> {
    Ok(SigningKeys(view.select(ALL).all().await?))
}

/// `false` when another transaction has taken the number.
pub async fn insert(tx: &mut Tx, key: &SigningKey) -> Result<bool, Error> {
    let insert = tx.change(INSERT).bind(key.id).bind(key.number).bind(key.sealed.clone());
    insert.bind(key.created_at).bind(key.signs_at).hit().await
}

/// Drops the keys with a number below `number`.
pub async fn drop_before(tx: &mut Tx, number: i64) -> Result<(), Error> {
    tx.change(DROP).bind(number).rows().await?;
    Ok(())
}

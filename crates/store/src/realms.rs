//! Table `realms`. A realm is found before any is known: a credential names it by id, an operator by key.

use tidegate_core::{Realm, RealmId, RealmKey};

use crate::{
    Across, Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT realm_id, realm_key, title, created_at FROM realms WHERE realm_key = $1";
    Select GET = "SELECT realm_id, realm_key, title, created_at FROM realms WHERE realm_id = $1";
    Select PAGE = "SELECT realm_id, realm_key, title, created_at FROM realms WHERE realm_key > $1 ORDER BY realm_key LIMIT $2";
    Change INSERT = "INSERT INTO realms (created_in, realm_id, realm_key, title, created_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_key) DO NOTHING";
}

impl Record for Realm {
    const TABLE: &'static str = "realms";
    const KEY: &'static str = "realm_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("realm_id")?,
            key: row.get("realm_key")?,
            title: row.get("title")?,
            created_at: row.get("created_at")?,
        })
    }
}

pub async fn find(across: &mut Across, key: &RealmKey) -> Result<Option<Realm>, Error> {
    across.select(FIND).bind(key.clone()).optional().await
}

pub async fn get(across: &mut Across, id: RealmId) -> Result<Option<Realm>, Error> {
    across.select(GET).bind(id).optional().await
}

/// By key, after `after`.
pub async fn page(across: &mut Across, after: &str, limit: i64) -> Result<Vec<Realm>, Error> {
    across.select(PAGE).bind(after.to_owned()).bind(limit).all().await
}

/// Adds a realm; `created_in` is the transaction's realm. `false` when the key is taken.
pub async fn insert(tx: &mut Tx, realm: &Realm) -> Result<bool, Error> {
    tx.change(INSERT)
        .bind(realm.id)
        .bind(realm.key.clone())
        .bind(realm.title.clone())
        .bind(realm.created_at)
        .hit()
        .await
}

//! Table `customers`.

use tidegate_core::{Customer, CustomerKey, Revision};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT customer_key, customer_id, title, country, labels, revision, created_at, updated_at FROM customers WHERE realm_id = $1 AND customer_key = $2";
    Select PAGE = "SELECT customer_key, customer_id, title, country, labels, revision, created_at, updated_at FROM customers \
        WHERE realm_id = $1 AND customer_key > $2 ORDER BY customer_key LIMIT $3";
    Change INSERT = "INSERT INTO customers (realm_id, customer_key, customer_id, title, country, labels, revision, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (realm_id, customer_key) DO NOTHING";
    Change REPLACE = "UPDATE customers SET title = $4, country = $5, labels = $6, revision = $7, updated_at = $8 \
        WHERE realm_id = $1 AND customer_key = $2 AND revision = $3";
}

impl Record for Customer {
    const TABLE: &'static str = "customers";
    const KEY: &'static str = "customer_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("customer_id")?,
            key: row.get("customer_key")?,
            title: row.get("title")?,
            country: row.get("country")?,
            labels: row.get("labels")?,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

pub async fn find(view: &mut View, key: &CustomerKey) -> Result<Option<Customer>, Error> {
    view.select(FIND).bind(key.clone()).optional().await
}

/// By key, after `after`.
pub async fn page(view: &mut View, after: &str, limit: i64) -> Result<Vec<Customer>, Error> {
    view.select(PAGE).bind(after.to_owned()).bind(limit).all().await
}

/// `false` when the key is taken.
pub async fn insert(tx: &mut Tx, new: &Customer) -> Result<bool, Error> {
    let insert = tx.change(INSERT).bind(new.key.clone()).bind(new.id).bind(new.title.clone());
    let insert = insert.bind(new.country.clone()).bind(new.labels.clone()).bind(new.revision);
    insert.bind(new.created_at).bind(new.updated_at).hit().await
}

/// Compare-and-set: puts `next` in the place of the revision `seen`; `false` when another call changed it first.
pub async fn replace(tx: &mut Tx, seen: Revision, next: &Customer) -> Result<bool, Error> {
    let replace = tx.change(REPLACE).bind(next.key.clone()).bind(seen).bind(next.title.clone());
    let replace = replace.bind(next.country.clone()).bind(next.labels.clone());
    replace.bind(next.revision).bind(next.updated_at).hit().await
}

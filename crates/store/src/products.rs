//! Table `products`.

use tidegate_core::{Product, ProductKey, ProductSettings, Revision};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT product_key, title, link_url, allowed_methods, trusted_device, session_idle, session_absolute, revision, created_at, updated_at \
        FROM products WHERE realm_id = $1 AND product_key = $2";
    Select PAGE = "SELECT product_key, title, link_url, allowed_methods, trusted_device, session_idle, session_absolute, revision, created_at, updated_at \
        FROM products WHERE realm_id = $1 AND product_key > $2 ORDER BY product_key LIMIT $3";
    Change INSERT = "INSERT INTO products (realm_id, product_key, title, link_url, allowed_methods, trusted_device, session_idle, session_absolute, \
        revision, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (realm_id, product_key) DO NOTHING";
    Change REPLACE = "UPDATE products SET title = $4, link_url = $5, allowed_methods = $6, trusted_device = $7, session_idle = $8, \
        session_absolute = $9, revision = $10, updated_at = $11 WHERE realm_id = $1 AND product_key = $2 AND revision = $3";
}

impl Record for Product {
    const TABLE: &'static str = "products";
    const KEY: &'static str = "product_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let settings = ProductSettings {
            link_url: row.get("link_url")?,
            allowed_methods: row.get("allowed_methods")?,
            trusted_device: row.get("trusted_device")?,
            session_idle: row.get("session_idle")?,
            session_absolute: row.get("session_absolute")?,
        };
        Ok(Self {
            key: row.get("product_key")?,
            title: row.get("title")?,
            settings,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

pub async fn find(view: &mut View, key: &ProductKey) -> Result<Option<Product>, Error> {
    view.select(FIND).bind(key.clone()).optional().await
}

/// By key, after `after`.
pub async fn page(view: &mut View, after: &str, limit: i64) -> Result<Vec<Product>, Error> {
    view.select(PAGE).bind(after.to_owned()).bind(limit).all().await
}

/// `false` when the key is taken.
pub async fn insert(tx: &mut Tx, product: &Product) -> Result<bool, Error> {
    let settings = product.settings.clone();
    let insert = tx.change(INSERT).bind(product.key.clone()).bind(product.title.clone());
    let insert = insert.bind(settings.link_url).bind(settings.allowed_methods).bind(settings.trusted_device);
    let insert = insert.bind(settings.session_idle).bind(settings.session_absolute);
    insert.bind(product.revision).bind(product.created_at).bind(product.updated_at).hit().await
}

/// Compare-and-set: puts `next` in the place of the revision `seen`; `false` when another call changed it first.
pub async fn replace(tx: &mut Tx, seen: Revision, next: &Product) -> Result<bool, Error> {
    let settings = next.settings.clone();
    let replace = tx.change(REPLACE).bind(next.key.clone()).bind(seen).bind(next.title.clone());
    let replace =
        replace.bind(settings.link_url).bind(settings.allowed_methods).bind(settings.trusted_device);
    let replace = replace.bind(settings.session_idle).bind(settings.session_absolute);
    replace.bind(next.revision).bind(next.updated_at).hit().await
}

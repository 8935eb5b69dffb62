//! Table `products`. A product's settings are stored as one document.

use tidegate_core::{Product, ProductKey, Revision};

use crate::{
    Across, Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `Product`.
macro_rules! product {
    () => {
        "product_key, title, settings, revision, created_at, updated_at"
    };
}

sql! {
    Select FIND = (concat!("SELECT ", product!(), " FROM products WHERE realm_id = $1 AND product_key = $2"));
    Select PAGE = (concat!("SELECT ", product!(), " FROM products WHERE realm_id = $1 AND product_key > $2 ORDER BY product_key LIMIT $3"));
    Select EVERY = (concat!("SELECT ", product!(), " FROM products"));
    Change HOLD = {
        sqlite: "SELECT product_key FROM products WHERE realm_id = $1 AND product_key = $2",
        postgres: "SELECT product_key FROM products WHERE realm_id = $1 AND product_key = $2 FOR SHARE"
    };
    Change INSERT = (concat!("INSERT INTO products (realm_id, ", product!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (realm_id, product_key) DO NOTHING"));
    Change REPLACE = "UPDATE products SET title = $4, settings = $5, revision = $6, updated_at = $7 \
        WHERE realm_id = $1 AND product_key = $2 AND revision = $3";
}

impl Record for Product {
    const TABLE: &'static str = "products";
    const KEY: &'static str = "product_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            key: row.get("product_key")?,
            title: row.get("title")?,
            settings: row.get("settings")?,
            revision: row.get("revision")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

pub async fn find(view: &mut View, key: &ProductKey) -> Result<Option<Product>, Error> {
    view.select(FIND).bind(key.clone()).optional().await
}

struct Held;

impl Record for Held {
    const TABLE: &'static str = "products";
    const KEY: &'static str = "product_key";
    fn read(_: &Row) -> Result<Self, Unreadable> {
        Ok(Self)
    }
}

/// Nobody changes the product before the end of the transaction. What is read of it afterwards is what holds.
pub async fn hold(tx: &mut Tx, key: &ProductKey) -> Result<(), Error> {
    tx.change(HOLD).bind(key.clone()).optional::<Held>().await.map(drop)
}

/// Reads the products of every realm, to find out whether this version can.
pub async fn read_every(across: &mut Across) -> Result<(), Error> {
    across.select(EVERY).all::<Product>().await.map(drop)
}

/// By key, after `after`.
pub async fn page(view: &mut View, after: &str, limit: i64) -> Result<Vec<Product>, Error> {
    view.select(PAGE).bind(after.to_owned()).bind(limit).all().await
}

/// `false` when the key is taken.
pub async fn insert(tx: &mut Tx, product: &Product) -> Result<bool, Error> {
    let insert = tx.change(INSERT).bind(product.key.clone()).bind(product.title.clone());
    let insert = insert.bind(product.settings.clone()).bind(product.revision);
    insert.bind(product.created_at).bind(product.updated_at).hit().await
}

/// Compare-and-set: puts `next` in the place of the revision `seen`; `false` when another call changed it first.
pub async fn replace(tx: &mut Tx, seen: Revision, next: &Product) -> Result<bool, Error> {
    let replace = tx.change(REPLACE).bind(next.key.clone()).bind(seen).bind(next.title.clone());
    replace.bind(next.settings.clone()).bind(next.revision).bind(next.updated_at).hit().await
}

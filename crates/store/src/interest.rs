//! Table `interest`: accounts that asked for two-step at a product, possibly before any rollout exists.

use tidegate_core::{AccountId, ProductKey, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select PAGE = "SELECT account_id, at FROM interest WHERE realm_id = $1 AND product_key = $2 AND account_id > $3 ORDER BY account_id LIMIT $4";
    Select OF_ACCOUNT = "SELECT product_key, at FROM interest WHERE realm_id = $1 AND account_id = $2 ORDER BY product_key";
    Select COUNT = "SELECT COUNT(*) AS count FROM interest WHERE realm_id = $1 AND product_key = $2";
    Change INSERT = "INSERT INTO interest (realm_id, product_key, account_id, at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (realm_id, product_key, account_id) DO NOTHING";
}

#[derive(Debug, Clone)]
pub struct Interest {
    pub account: AccountId,
    pub at: Timestamp,
}

impl Record for Interest {
    const TABLE: &'static str = "interest";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { account: row.get("account_id")?, at: row.get("at")? })
    }
}

/// How many rows there are.
struct Count(i64);

impl Record for Count {
    const TABLE: &'static str = "a count";
    const KEY: &'static str = "count";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("count").map(Self)
    }
}

/// By account, after `after`.
pub async fn page(
    view: &mut View,
    product: &ProductKey,
    after: AccountId,
    limit: i64,
) -> Result<Vec<Interest>, Error> {
    view.select(PAGE).bind(product.clone()).bind(after).bind(limit).all().await
}

pub async fn count(view: &mut View, product: &ProductKey) -> Result<i64, Error> {
    let count: Option<Count> = view.select(COUNT).bind(product.clone()).optional().await?;
    Ok(count.map_or(0, |count| count.0))
}

/// `false` when it was registered before.
pub async fn register(
    tx: &mut Tx,
    product: &ProductKey,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(INSERT).bind(product.clone()).bind(account).bind(now).hit().await
}

/// Where an account asked for two-step.
pub struct Wish {
    pub product: ProductKey,
    pub at: Timestamp,
}

impl Record for Wish {
    const TABLE: &'static str = Interest::TABLE;
    const KEY: &'static str = "product_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { product: row.get("product_key")?, at: row.get("at")? })
    }
}

/// By product; there is one for each at most.
pub async fn of_account(view: &mut View, account: AccountId) -> Result<Vec<Wish>, Error> {
    view.select(OF_ACCOUNT).bind(account).all().await
}

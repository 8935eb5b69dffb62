//! Table `ledger`: what happened between an account, a rollout and a product.

use tidegate_core::{AccountId, LedgerEntry, ProductKey, RolloutKey, Timestamp};

use crate::{
    Error, Tx, View,
    column::{AnyOf, Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select OF_ACCOUNT = "SELECT account_id, rollout_key, product_key, first_shown_at, active_since FROM ledger \
        WHERE realm_id = $1 AND account_id = $2 ORDER BY rollout_key, product_key";
    Select OF_MANY = {
        sqlite: "SELECT account_id, rollout_key, product_key, first_shown_at, active_since FROM ledger \
            WHERE realm_id = $1 AND account_id IN (SELECT unhex(value) FROM json_each($2)) ORDER BY rollout_key, product_key",
        postgres: "SELECT account_id, rollout_key, product_key, first_shown_at, active_since FROM ledger \
            WHERE realm_id = $1 AND account_id = ANY($2) ORDER BY rollout_key, product_key"
    };
    Change SHOW = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, first_shown_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET first_shown_at = excluded.first_shown_at \
        WHERE ledger.first_shown_at IS NULL";
    Change ACTIVATE = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, active_since) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET active_since = excluded.active_since \
        WHERE ledger.active_since IS NULL";
}

/// An entry, and whose it is.
pub struct Entry {
    pub account: AccountId,
    pub entry: LedgerEntry,
}

impl Record for Entry {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let entry = LedgerEntry {
            rollout: row.get("rollout_key")?,
            product: row.get("product_key")?,
            first_shown_at: row.get("first_shown_at")?,
            active_since: row.get("active_since")?,
        };
        Ok(Self { account: row.get("account_id")?, entry })
    }
}

pub async fn of_account(view: &mut View, account: AccountId) -> Result<Vec<LedgerEntry>, Error> {
    let entries: Vec<Entry> = view.select(OF_ACCOUNT).bind(account).all().await?;
    Ok(entries.into_iter().map(|entry| entry.entry).collect())
}

pub async fn of_many(view: &mut View, accounts: Vec<AccountId>) -> Result<Vec<Entry>, Error> {
    view.select(OF_MANY).bind(AnyOf(accounts)).all().await
}

/// The feature was shown for the first time; `false` when it had been before.
pub async fn show(
    tx: &mut Tx,
    account: AccountId,
    rollout: &RolloutKey,
    product: &ProductKey,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(SHOW).bind(account).bind(rollout.clone()).bind(product.clone()).bind(now).hit().await
}

/// Two-step acts here from now on, for good; `false` when it did before.
pub async fn activate(
    tx: &mut Tx,
    account: AccountId,
    rollout: &RolloutKey,
    product: &ProductKey,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(ACTIVATE).bind(account).bind(rollout.clone()).bind(product.clone()).bind(now).hit().await
}

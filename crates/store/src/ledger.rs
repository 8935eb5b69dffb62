//! Table `ledger`: what happened between an account, a rollout and a product.

use tidegate_core::{AccountId, FirstShown, ProductKey, RolloutKey, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select OF_ACCOUNT = "SELECT rollout_key, product_key, first_shown_at, active_since FROM ledger \
        WHERE realm_id = $1 AND account_id = $2 ORDER BY rollout_key, product_key";
    Change SHOW = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, first_shown_at, shown_revision, shown_wave) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET first_shown_at = excluded.first_shown_at, \
        shown_revision = excluded.shown_revision, shown_wave = excluded.shown_wave \
        WHERE ledger.first_shown_at IS NULL OR COALESCE(ledger.shown_revision, 0) < excluded.shown_revision";
    Change ACTIVATE = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, active_since) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET active_since = excluded.active_since \
        WHERE ledger.active_since IS NULL";
}

/// Records that the feature was shown by a decision of this revision; `false` when another call recorded it first. The
/// decision found no earlier mark, or one that was rolled back.
pub async fn show(
    tx: &mut Tx,
    account: AccountId,
    (rollout, product): (&RolloutKey, &ProductKey),
    shown: FirstShown,
) -> Result<bool, Error> {
    let show = tx.change(SHOW).bind(account).bind(rollout.clone()).bind(product.clone());
    show.bind(shown.at).bind(shown.revision).bind(shown.wave).hit().await
}

/// Records that two-step acts here from now on, for good; `false` when it did before.
pub async fn activate(
    tx: &mut Tx,
    account: AccountId,
    rollout: &RolloutKey,
    product: &ProductKey,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(ACTIVATE).bind(account).bind(rollout.clone()).bind(product.clone()).bind(now).hit().await
}

/// What a rollout did for an account at a product.
pub struct Reached {
    pub rollout: RolloutKey,
    pub product: ProductKey,
    pub first_shown_at: Option<Timestamp>,
    pub active_since: Option<Timestamp>,
}

impl Record for Reached {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "rollout_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let (first_shown_at, active_since) = (row.get("first_shown_at")?, row.get("active_since")?);
        let (rollout, product) = (row.get("rollout_key")?, row.get("product_key")?);
        Ok(Self { rollout, product, first_shown_at, active_since })
    }
}

/// By rollout and product; there is one of each at most.
pub async fn of_account(view: &mut View, account: AccountId) -> Result<Vec<Reached>, Error> {
    view.select(OF_ACCOUNT).bind(account).all().await
}

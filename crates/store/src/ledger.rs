//! Table `ledger`: what happened between an account, a rollout and a product.

use tidegate_core::{AccountId, FirstShown, LadderMarks, ProductKey, RolloutKey, Span, Timestamp};

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
    Change TELL = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, told_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET told_at = excluded.told_at \
        WHERE ledger.told_at IS NULL";
    Change REQUIRE = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, required_since) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET required_since = excluded.required_since \
        WHERE ledger.required_since IS NULL";
    Change OVERDUE = "UPDATE ledger SET overdue_at = $5 WHERE realm_id = $1 AND account_id = $2 AND rollout_key = $3 AND product_key = $4 \
        AND overdue_at IS NULL";
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

/// Records that the account was told that two-step will be required; `false` when it was told before.
pub async fn tell(tx: &mut Tx, at: LedgerKey<'_>, now: Timestamp) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(TELL).bind(account).bind(rollout.clone()).bind(product.clone()).bind(now).hit().await
}

/// Records since when a ladder is enforced; `false` when that was recorded before.
pub async fn require(tx: &mut Tx, at: LedgerKey<'_>, since: Timestamp) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(REQUIRE).bind(account).bind(rollout.clone()).bind(product.clone()).bind(since).hit().await
}

/// Records the first sign-in after the deadline. The row exists: the ladder is enforced.
pub async fn overdue(tx: &mut Tx, at: LedgerKey<'_>, now: Timestamp) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(OVERDUE).bind(account).bind(rollout.clone()).bind(product.clone()).bind(now).hit().await
}

/// A row of the ledger.
#[derive(Debug, Clone, Copy)]
pub struct LedgerKey<'k> {
    pub account: AccountId,
    pub rollout: &'k RolloutKey,
    pub product: &'k ProductKey,
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

/// The marks of a ladder, from a row of the ledger.
pub(crate) fn marks(row: &Row) -> Result<LadderMarks, Unreadable> {
    Ok(LadderMarks {
        told_at: row.get("told_at")?,
        required_since: row.get("required_since")?,
        skips: row.get::<Option<i64>>("skips")?.and_then(|skips| skips.try_into().ok()).unwrap_or(0),
        skipped_at: row.get("skipped_at")?,
        overdue_at: row.get("overdue_at")?,
        postponed_until: row.get("postponed_until")?,
        extension: row.get::<Option<Span>>("extension")?.unwrap_or_default(),
        exempt_until: row.get("exempt_until")?,
    })
}

//! Table `ledger`: what happened between an account, a rollout and a product.

use tidegate_core::{AccountId, FirstShown, LadderMarks, ProductKey, RolloutKey, Span, Timestamp, Title};

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
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET told_at = excluded.told_at, remind_at = NULL, \
        skips = CASE WHEN ledger.skipped_at < $6 THEN 0 ELSE ledger.skips END, \
        skipped_at = CASE WHEN ledger.skipped_at < $6 THEN NULL ELSE ledger.skipped_at END \
        WHERE ledger.told_at IS NULL OR ledger.told_at < $6";
    Change REQUIRE = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, required_since) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET required_since = excluded.required_since \
        WHERE ledger.required_since IS NULL";
    Change OVERDUE = "UPDATE ledger SET overdue_at = $5, postponed_until = NULL WHERE realm_id = $1 AND account_id = $2 AND rollout_key = $3 AND product_key = $4 \
        AND (overdue_at IS NULL OR overdue_at < $6)";
    Change SKIP = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, skipped_at, skips) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET skipped_at = excluded.skipped_at, \
        skips = CASE WHEN ledger.skipped_at < $7 THEN 0 ELSE COALESCE(ledger.skips, 0) END + excluded.skips";
    Change POSTPONE = "UPDATE ledger SET postponed_until = $5 WHERE realm_id = $1 AND account_id = $2 AND rollout_key = $3 AND product_key = $4 \
        AND postponed_until IS NULL";
    Change TAKE_BACK = "UPDATE ledger SET postponed_until = NULL WHERE realm_id = $1 AND account_id = $2 AND postponed_until > $3";
    Change EXEMPT = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, exempt_until, exempt_reason, exempt_by, exempted_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET exempt_until = excluded.exempt_until, \
        exempt_reason = excluded.exempt_reason, exempt_by = excluded.exempt_by, exempted_at = excluded.exempted_at";
    Change END_EXEMPTION = "UPDATE ledger SET exempt_until = $5 WHERE realm_id = $1 AND account_id = $2 AND rollout_key = $3 AND product_key = $4 \
        AND exempt_until > $5";
    Select EXEMPTED = "SELECT account_id, product_key, exempt_until, exempt_reason, exempt_by, exempted_at FROM ledger \
        WHERE realm_id = $1 AND rollout_key = $2 AND exempt_until > $3 AND (account_id > $4 OR account_id = $4 AND product_key > $5) \
        ORDER BY account_id, product_key LIMIT $6";
    Change EXTEND = "INSERT INTO ledger (realm_id, account_id, rollout_key, product_key, extension) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (realm_id, account_id, rollout_key, product_key) DO UPDATE SET extension = COALESCE(ledger.extension, 0) + excluded.extension";
    Change PLAN = "UPDATE ledger SET remind_at = $5, reminder = 0 WHERE realm_id = $1 AND account_id = $2 AND rollout_key = $3 AND product_key = $4 \
        AND told_at IS NOT NULL AND remind_at IS NULL";
    Select DUE = "SELECT account_id, product_key, told_at, remind_at, reminder FROM ledger \
        WHERE realm_id = $1 AND remind_at <= $2 AND rollout_key = $3 ORDER BY remind_at, account_id LIMIT $4";
    Select REMINDER = "SELECT account_id, product_key, told_at, remind_at, reminder FROM ledger \
        WHERE realm_id = $1 AND account_id = $2 AND rollout_key = $3 AND product_key = $4 AND remind_at IS NOT NULL";
    Change REMIND = "UPDATE ledger SET remind_at = $6, reminder = $7 \
        WHERE realm_id = $1 AND account_id = $2 AND rollout_key = $3 AND product_key = $4 AND remind_at = $5";
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

/// Records that the account was told that two-step will be required; `false` when it was told before, by the ladder that there is
/// since then.
pub async fn tell(
    tx: &mut Tx,
    at: LedgerKey<'_>,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    let tell = tx.change(TELL).bind(account).bind(rollout.clone()).bind(product.clone());
    tell.bind(now).bind(since).hit().await
}

/// Records since when a ladder is enforced; `false` when that was recorded before.
pub async fn require(tx: &mut Tx, at: LedgerKey<'_>, since: Timestamp) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(REQUIRE).bind(account).bind(rollout.clone()).bind(product.clone()).bind(since).hit().await
}

/// Records the first sign-in after the deadline of the ladder that there is since then. The row exists: the ladder is enforced.
pub async fn overdue(
    tx: &mut Tx,
    at: LedgerKey<'_>,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    let overdue = tx.change(OVERDUE).bind(account).bind(rollout.clone()).bind(product.clone());
    overdue.bind(now).bind(since).hit().await
}

/// Records a skip, and whether it counts. Skips of a ladder before the one that there is since then count no more.
pub async fn skip(
    tx: &mut Tx,
    at: LedgerKey<'_>,
    since: Option<Timestamp>,
    (now, counts): (Timestamp, bool),
) -> Result<(), Error> {
    let LedgerKey { account, rollout, product } = at;
    let skip = tx.change(SKIP).bind(account).bind(rollout.clone()).bind(product.clone());
    skip.bind(now).bind(i64::from(counts)).bind(since).rows().await?;
    Ok(())
}

/// Puts the set-up off, once; `false` when it was before, or the row does not exist.
pub async fn postpone(tx: &mut Tx, at: LedgerKey<'_>, until: Timestamp) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(POSTPONE).bind(account).bind(rollout.clone()).bind(product.clone()).bind(until).hit().await
}

/// Takes back what puts the set-up of an account off now. The owner can do it again.
pub async fn take_back(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
    tx.change(TAKE_BACK).bind(account).bind(now).rows().await?;
    Ok(())
}

/// By whom an account was exempted, and why.
#[derive(Debug, Clone)]
pub struct Exemption {
    pub account: AccountId,
    pub product: ProductKey,
    pub until: Timestamp,
    pub reason: Title,
    pub by: Title,
    pub since: Timestamp,
}

impl Record for Exemption {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            account: row.get("account_id")?,
            product: row.get("product_key")?,
            until: row.get("exempt_until")?,
            reason: row.get("exempt_reason")?,
            by: row.get("exempt_by")?,
            since: row.get("exempted_at")?,
        })
    }
}

/// Replaces the exemption of the account.
pub async fn exempt(tx: &mut Tx, rollout: &RolloutKey, new: Exemption) -> Result<(), Error> {
    let Exemption { account, product, until, reason, by, since } = new;
    let exempt = tx.change(EXEMPT).bind(account).bind(rollout.clone()).bind(product).bind(until);
    exempt.bind(reason).bind(by).bind(since).rows().await?;
    Ok(())
}

/// `false`: the account is not exempted.
pub async fn end_exemption(tx: &mut Tx, at: LedgerKey<'_>, now: Timestamp) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(END_EXEMPTION).bind(account).bind(rollout.clone()).bind(product.clone()).bind(now).hit().await
}

/// The exemptions from a rollout that end after `now`, by account and product, after the given ones.
pub async fn exempted(
    view: &mut View,
    rollout: &RolloutKey,
    now: Timestamp,
    (account, product): (AccountId, String),
    limit: i64,
) -> Result<Vec<Exemption>, Error> {
    let select = view.select(EXEMPTED).bind(rollout.clone()).bind(now).bind(account).bind(product);
    select.bind(limit).all().await
}

/// Adds to the extension of the account's deadline.
pub async fn extend(tx: &mut Tx, at: LedgerKey<'_>, by: Span) -> Result<(), Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(EXTEND).bind(account).bind(rollout.clone()).bind(product.clone()).bind(by).rows().await?;
    Ok(())
}

/// Plans the first reminder of an account that was told.
pub async fn plan_reminders(tx: &mut Tx, at: LedgerKey<'_>, first: Timestamp) -> Result<(), Error> {
    let LedgerKey { account, rollout, product } = at;
    tx.change(PLAN).bind(account).bind(rollout.clone()).bind(product.clone()).bind(first).rows().await?;
    Ok(())
}

/// The next reminder of an account.
#[derive(Debug, Clone)]
pub struct DueReminder {
    pub account: AccountId,
    pub product: ProductKey,
    pub told_at: Timestamp,
    pub remind_at: Timestamp,
    /// Which one of the rule, from 0.
    pub reminder: usize,
}

impl Record for DueReminder {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let reminder = row.get::<Option<i64>>("reminder")?.unwrap_or(0);
        Ok(Self {
            account: row.get("account_id")?,
            product: row.get("product_key")?,
            told_at: row.get("told_at")?,
            remind_at: row.get("remind_at")?,
            reminder: usize::try_from(reminder).unwrap_or(0),
        })
    }
}

/// The reminders of a rollout that are due, those first that have waited longest.
pub async fn due(
    view: &mut View,
    rollout: &RolloutKey,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<DueReminder>, Error> {
    view.select(DUE).bind(now).bind(rollout.clone()).bind(limit).all().await
}

/// The reminder that waits, due or not.
pub async fn reminder(view: &mut View, at: LedgerKey<'_>) -> Result<Option<DueReminder>, Error> {
    let LedgerKey { account, rollout, product } = at;
    view.select(REMINDER).bind(account).bind(rollout.clone()).bind(product.clone()).optional().await
}

/// Compare-and-set of the reminder that waits; `false` when another worker was first. `None`: no more is sent.
pub async fn remind(
    tx: &mut Tx,
    at: LedgerKey<'_>,
    was: Timestamp,
    next: Option<(Timestamp, usize)>,
) -> Result<bool, Error> {
    let LedgerKey { account, rollout, product } = at;
    let (remind_at, reminder) = next.unzip();
    let remind = tx.change(REMIND).bind(account).bind(rollout.clone()).bind(product.clone()).bind(was);
    remind.bind(remind_at).bind(reminder.and_then(|which| i64::try_from(which).ok())).hit().await
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

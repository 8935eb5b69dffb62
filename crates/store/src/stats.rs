//! The figures of a rollout: counts over `ledger`, `accounts` and `enrollments`.

use tidegate_core::{FirstShown, Ordinal, ProductKey, Revision, RolloutKey, Timestamp};

use crate::{
    Error, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select SHOWN = "SELECT product_key, shown_revision, shown_wave, COUNT(*) AS count FROM ledger \
        WHERE realm_id = $1 AND rollout_key = $2 AND first_shown_at IS NOT NULL GROUP BY product_key, shown_revision, shown_wave";
    Select ACTIVE = "SELECT l.product_key, COUNT(*) AS count, COUNT(a.two_step_since) AS switched_on FROM ledger l \
        JOIN accounts a ON a.realm_id = $1 AND a.account_id = l.account_id \
        WHERE l.realm_id = $1 AND l.rollout_key = $2 AND l.active_since IS NOT NULL GROUP BY l.product_key";
    Select STARTED = "SELECT product_key, COUNT(DISTINCT account_id) AS count FROM enrollments \
        WHERE realm_id = $1 AND rollout_key = $2 GROUP BY product_key";
    Select OF_WAVE = "SELECT l.product_key, l.shown_revision, l.shown_wave, COUNT(*) AS count, COUNT(l.active_since) AS active, \
        COUNT(CASE WHEN EXISTS (SELECT 1 FROM enrollments e WHERE e.realm_id = $1 AND e.account_id = l.account_id \
        AND e.rollout_key = $2 AND e.product_key = l.product_key) THEN 1 END) AS started FROM ledger l \
        WHERE l.realm_id = $1 AND l.rollout_key = $2 AND l.shown_wave = $3 AND l.first_shown_at IS NOT NULL GROUP BY l.product_key, l.shown_revision, l.shown_wave";
}

/// Accounts to which the feature was shown at a product, by the same revision and wave.
pub struct ShownCount {
    pub product: ProductKey,
    /// The revision and the wave. The time is not read, because the count does not need it.
    pub shown: FirstShown,
    pub count: i64,
}

impl Record for ShownCount {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "product_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let shown = FirstShown {
            at: Timestamp::from_unix_micros(0),
            revision: row.get::<Option<Revision>>("shown_revision")?.unwrap_or(Revision(0)),
            wave: row.get::<Option<Ordinal>>("shown_wave")?,
        };
        Ok(Self { product: row.get("product_key")?, shown, count: row.get("count")? })
    }
}

/// Accounts for which two-step has acted at a product, and how many of them have it on now.
pub struct ActiveCount {
    pub product: ProductKey,
    pub count: i64,
    pub switched_on: i64,
}

impl Record for ActiveCount {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "product_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            product: row.get("product_key")?,
            count: row.get("count")?,
            switched_on: row.get("switched_on")?,
        })
    }
}

/// Accounts that began an enrollment at a product.
pub struct StartedCount {
    pub product: ProductKey,
    pub count: i64,
}

impl Record for StartedCount {
    const TABLE: &'static str = "enrollments";
    const KEY: &'static str = "product_key";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { product: row.get("product_key")?, count: row.get("count")? })
    }
}

/// What became of the accounts to which one wave, in one revision, showed the feature. An account counts once for each
/// product.
pub struct WaveCount {
    pub product: ProductKey,
    /// The revision and the wave. The time is not read, because the count does not need it.
    pub shown: FirstShown,
    pub count: u64,
    pub started: u64,
    pub active: u64,
}

impl Record for WaveCount {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "shown_wave";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let shown = FirstShown {
            at: Timestamp::from_unix_micros(0),
            revision: row.get::<Option<Revision>>("shown_revision")?.unwrap_or(Revision(0)),
            wave: row.get::<Option<Ordinal>>("shown_wave")?,
        };
        let count = |name| row.get::<i64>(name).map(|count| u64::try_from(count).unwrap_or(0));
        let (started, active) = (count("started")?, count("active")?);
        Ok(Self { product: row.get("product_key")?, shown, count: count("count")?, started, active })
    }
}

/// One count for each revision in which the wave was started; what was rolled back is among them.
pub async fn of_wave(view: &mut View, rollout: &RolloutKey, wave: Ordinal) -> Result<Vec<WaveCount>, Error> {
    view.select(OF_WAVE).bind(rollout.clone()).bind(wave).all().await
}

pub async fn shown(view: &mut View, rollout: &RolloutKey) -> Result<Vec<ShownCount>, Error> {
    view.select(SHOWN).bind(rollout.clone()).all().await
}

pub async fn active(view: &mut View, rollout: &RolloutKey) -> Result<Vec<ActiveCount>, Error> {
    view.select(ACTIVE).bind(rollout.clone()).all().await
}

pub async fn started(view: &mut View, rollout: &RolloutKey) -> Result<Vec<StartedCount>, Error> {
    view.select(STARTED).bind(rollout.clone()).all().await
}

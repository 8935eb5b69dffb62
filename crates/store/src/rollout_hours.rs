//! Tables `rollout_hours`, with the funnel of rollouts by the hour, and `rollout_folds`, with the place up to which the log
//! is counted. Only the worker that follows the log writes them. The statements that tell which rollout and wave an event
//! belongs to read `ledger`, `challenges` and `enrollments`; another one reads `realms` and `chain`.

use tidegate_core::{
    AccountId, ChallengeId, EnrollmentId, FunnelCell, FunnelStep, Method, Ordinal, ProductKey, RealmId,
    RolloutKey, Sequence, StepFailure, Timestamp, Word,
};

use crate::{
    Across, Error, Tx, View,
    column::{AnyOf, Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select NEXT_BEHIND = "SELECT r.realm_id FROM realms r LEFT JOIN rollout_folds f ON f.realm_id = r.realm_id WHERE r.realm_id > $1 \
        AND EXISTS (SELECT 1 FROM chain c WHERE c.realm_id = r.realm_id AND c.last_sequence > COALESCE(f.last_sequence, 0)) \
        ORDER BY r.realm_id LIMIT 1";
    Select FOLDED = "SELECT last_sequence, sealed_at FROM rollout_folds WHERE realm_id = $1";
    Change MOVE = "INSERT INTO rollout_folds (realm_id, last_sequence, sealed_at) VALUES ($1, $2, $3) \
        ON CONFLICT (realm_id) DO UPDATE SET last_sequence = excluded.last_sequence, sealed_at = excluded.sealed_at \
        WHERE rollout_folds.last_sequence = $4";
    Change ADD = "INSERT INTO rollout_hours (realm_id, rollout_key, hour, wave, product_key, method, step, reason, count) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT (realm_id, rollout_key, hour, wave, product_key, method, step, reason) DO UPDATE SET count = rollout_hours.count + excluded.count";
    Change FORGET = "DELETE FROM rollout_hours WHERE realm_id = $1 AND hour < $2";
    Select SUMS = "SELECT wave, product_key, method, step, reason, CAST(SUM(count) AS BIGINT) AS count FROM rollout_hours \
        WHERE realm_id = $1 AND rollout_key = $2 AND hour >= $3 AND hour < $4 AND ($5 = 0 OR wave = $5) \
        AND ($6 = '' OR product_key = $6) AND ($7 = '' OR method = $7) \
        GROUP BY wave, product_key, method, step, reason";
    Select HOURS = "SELECT hour, step, CAST(SUM(count) AS BIGINT) AS count FROM rollout_hours \
        WHERE realm_id = $1 AND rollout_key = $2 AND hour >= $3 AND hour < $4 AND ($5 = 0 OR wave = $5) \
        AND ($6 = '' OR product_key = $6) AND ($7 = '' OR method = $7) GROUP BY hour, step ORDER BY hour";
    Select LEDGER = {
        sqlite: "SELECT account_id, product_key, rollout_key, shown_wave, active_since FROM ledger \
            WHERE realm_id = $1 AND account_id IN (SELECT unhex(value) FROM json_each($2))",
        postgres: "SELECT account_id, product_key, rollout_key, shown_wave, active_since FROM ledger \
            WHERE realm_id = $1 AND account_id = ANY($2)"
    };
    Select CHALLENGES = {
        sqlite: "SELECT challenge_id, method FROM challenges \
            WHERE realm_id = $1 AND challenge_id IN (SELECT unhex(value) FROM json_each($2))",
        postgres: "SELECT challenge_id, method FROM challenges WHERE realm_id = $1 AND challenge_id = ANY($2)"
    };
    Select ENROLLMENTS = {
        sqlite: "SELECT enrollment_id, rollout_key FROM enrollments \
            WHERE realm_id = $1 AND enrollment_id IN (SELECT unhex(value) FROM json_each($2))",
        postgres: "SELECT enrollment_id, rollout_key FROM enrollments WHERE realm_id = $1 AND enrollment_id = ANY($2)"
    };
}

/// How far the log of a realm is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded {
    pub last: Sequence,
    /// When the last event was sealed.
    pub sealed_at: Timestamp,
}

impl Record for Folded {
    const TABLE: &'static str = "rollout_folds";
    const KEY: &'static str = "last_sequence";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { last: row.get("last_sequence")?, sealed_at: row.get("sealed_at")? })
    }
}

struct Behind(RealmId);

impl Record for Behind {
    const TABLE: &'static str = "realms";
    const KEY: &'static str = "realm_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("realm_id").map(Self)
    }
}

/// Which counts. All conditions must hold; `None` admits every count.
#[derive(Debug, Clone)]
pub struct WhichCounts {
    /// Hours that begin at this instant or later.
    pub from: Timestamp,
    /// Hours that begin before this instant.
    pub before: Timestamp,
    pub wave: Option<Ordinal>,
    pub product: Option<ProductKey>,
    pub method: Option<Method>,
}

impl WhichCounts {
    /// Before all events.
    pub const EARLIEST: Timestamp = Timestamp::from_unix_micros(0);
    /// After all events: the last instant that a time on the wire can have.
    pub const LATEST: Timestamp = Timestamp::from_unix_micros(253_402_300_799_999_999);
}

/// A sum over hours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunnelSum {
    pub wave: Option<Ordinal>,
    pub product: ProductKey,
    pub method: Option<Method>,
    pub step: FunnelStep,
    pub reason: Option<StepFailure>,
    pub count: i64,
}

/// An empty text is no word.
fn word<W: Word>(row: &Row, column: &'static str) -> Result<Option<W>, Unreadable> {
    let text: String = row.get(column)?;
    if text.is_empty() {
        return Ok(None);
    }
    W::parse(&text).map(Some).map_err(|_| Unreadable::new(column, "not a word that is known"))
}

impl Record for FunnelSum {
    const TABLE: &'static str = "rollout_hours";
    const KEY: &'static str = "step";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let wave: Ordinal = row.get("wave")?;
        Ok(Self {
            wave: Some(wave).filter(|wave| *wave != NO_WAVE),
            product: row.get("product_key")?,
            method: word(row, "method")?,
            step: row.get("step")?,
            reason: word(row, "reason")?,
            count: row.get("count")?,
        })
    }
}

/// A sum over everything in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourSum {
    pub hour: Timestamp,
    pub step: FunnelStep,
    pub count: i64,
}

impl Record for HourSum {
    const TABLE: &'static str = "rollout_hours";
    const KEY: &'static str = "step";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { hour: row.get("hour")?, step: row.get("step")?, count: row.get("count")? })
    }
}

/// What a rollout did for an account at a product, as far as it says where an event belongs.
#[derive(Debug, Clone)]
pub struct Belonging {
    pub account: AccountId,
    pub product: ProductKey,
    pub rollout: RolloutKey,
    pub wave: Option<Ordinal>,
    pub active_since: Option<Timestamp>,
}

impl Record for Belonging {
    const TABLE: &'static str = "ledger";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            account: row.get("account_id")?,
            product: row.get("product_key")?,
            rollout: row.get("rollout_key")?,
            wave: row.get("shown_wave")?,
            active_since: row.get("active_since")?,
        })
    }
}

struct MethodOf(ChallengeId, Method);

impl Record for MethodOf {
    const TABLE: &'static str = "challenges";
    const KEY: &'static str = "challenge_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("challenge_id")?, row.get("method")?))
    }
}

struct RolloutOf(EnrollmentId, Option<RolloutKey>);

impl Record for RolloutOf {
    const TABLE: &'static str = "enrollments";
    const KEY: &'static str = "enrollment_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("enrollment_id")?, row.get("rollout_key")?))
    }
}

/// Waves are numbered from 1.
const NO_WAVE: Ordinal = Ordinal(0);

/// The next realm after this one whose sealed events are not all counted.
pub async fn next_behind(across: &mut Across, after: RealmId) -> Result<Option<RealmId>, Error> {
    Ok(across.select(NEXT_BEHIND).bind(after).optional::<Behind>().await?.map(|Behind(realm)| realm))
}

/// `None`: nothing was counted yet.
pub async fn folded(view: &mut View) -> Result<Option<Folded>, Error> {
    view.select(FOLDED).optional().await
}

/// Moves the place from `from` on, by compare-and-set; `false` when another worker has moved it. The caller adds the
/// counts in the same transaction, so no event is counted twice, and none is left out.
pub async fn move_on(tx: &mut Tx, from: Sequence, to: Folded) -> Result<bool, Error> {
    tx.change(MOVE).bind(to.last).bind(to.sealed_at).bind(from).hit().await
}

pub async fn add(tx: &mut Tx, cell: &FunnelCell, count: i64) -> Result<(), Error> {
    let add = tx.change(ADD).bind(cell.rollout.clone()).bind(cell.hour).bind(cell.wave.unwrap_or(NO_WAVE));
    let add = add.bind(cell.product.clone()).bind(text(cell.method)).bind(cell.step);
    add.bind(text(cell.reason)).bind(count).rows().await?;
    Ok(())
}

fn text<W: Word>(word: Option<W>) -> String {
    word.map(|word| word.as_str().to_owned()).unwrap_or_default()
}

/// Sums over the hours, in the order of their fields.
pub async fn sums(
    view: &mut View,
    rollout: &RolloutKey,
    which: WhichCounts,
) -> Result<Vec<FunnelSum>, Error> {
    let select = view.select(SUMS).bind(rollout.clone()).bind(which.from).bind(which.before);
    let select = select.bind(which.wave.unwrap_or(NO_WAVE)).bind(named(which.product));
    let mut sums: Vec<FunnelSum> = select.bind(text(which.method)).all().await?;
    sums.sort();
    Ok(sums)
}

/// Sums of each hour, in order, over whatever else is counted. Hours in which nothing happened are left out.
pub async fn hours(view: &mut View, rollout: &RolloutKey, which: WhichCounts) -> Result<Vec<HourSum>, Error> {
    let select = view.select(HOURS).bind(rollout.clone()).bind(which.from).bind(which.before);
    let select = select.bind(which.wave.unwrap_or(NO_WAVE)).bind(named(which.product));
    select.bind(text(which.method)).all().await
}

fn named(product: Option<ProductKey>) -> String {
    product.map(|product| product.to_string()).unwrap_or_default()
}

/// What all rollouts did for these accounts, in no order.
pub async fn belongings(view: &mut View, accounts: Vec<AccountId>) -> Result<Vec<Belonging>, Error> {
    view.select(LEDGER).bind(AnyOf(accounts)).all().await
}

/// The methods of these challenges. Those of a purged account are gone.
pub async fn methods(
    view: &mut View,
    challenges: Vec<ChallengeId>,
) -> Result<Vec<(ChallengeId, Method)>, Error> {
    let found: Vec<MethodOf> = view.select(CHALLENGES).bind(AnyOf(challenges)).all().await?;
    Ok(found.into_iter().map(|MethodOf(id, method)| (id, method)).collect())
}

/// The rollouts by which these enrollments were possible.
pub async fn reached_by(
    view: &mut View,
    enrollments: Vec<EnrollmentId>,
) -> Result<Vec<(EnrollmentId, RolloutKey)>, Error> {
    let found: Vec<RolloutOf> = view.select(ENROLLMENTS).bind(AnyOf(enrollments)).all().await?;
    Ok(found.into_iter().filter_map(|RolloutOf(id, rollout)| Some((id, rollout?))).collect())
}

//! What one answer to a challenge reads and writes, in one statement each, because the round trips are most of an
//! answer's cost.
//!
//! ```text
//!   find     sign-in ── account ── challenge ── factor ┄┄ attempts         nothing changes
//!   charge   challenge: open, a try left ──► attempts: as they were read ──► both are charged
//!   approve  sign-in: waits ── challenge: open ──► factor: the mark is newer ──► sign-in, challenge,
//!                                                                 factor, attempts and event, at once
//!   reject   attempts: charged ──► event
//! ```
//!
//! A charge is committed before the code is evaluated (INV-8), with `synchronous_commit = off`: without waiting for
//! fsync. The approval or rejection that follows waits, and flushes the charge too, before the caller gets a reply. If
//! the database crashes in between, it may lose the charge; so a rejection checks that the charge is still there.
//!
//! Each write is atomic.
//! - On PostgreSQL all parts of a statement see the rows as they were before it (one snapshot). A row that another
//!   transaction may have changed is locked first, which reads its newest version; each later part checks that the
//!   part before it found its row.
//! - On SQLite the statements run one after the other, and each checks that the one before it changed a row.
//!
//! Locks are taken in the store's order. Answers that arrive at the same time are batched: see `batched`.

mod batched;

use std::sync::Arc;

use tidegate_core::{
    AccountState, Budget, Challenge, ChallengeId, ChallengeState, DeviceId, Event, EventId, FactorId, Mark,
    ProductKey, Proof, Sealed, SignInId, SignInState, Timestamp, TokenDigest,
};

use crate::{
    Engine, Error, Executor,
    attempts::{AttemptRow, Counter},
    challenges::challenge,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

pub(crate) use batched::{Answering, STATEMENTS as BATCHED};
use batched::{Approve, Find};

/// The columns of `ChallengeRow`.
macro_rules! challenge_row {
    () => {
        concat!(challenge!(), ", factors.material AS factor_material, factors.mark, \
        sign_ins.product_key, sign_ins.state AS sign_in_state, sign_ins.proofs, sign_ins.device_id, sign_ins.expires_at AS sign_in_until, \
        accounts.state AS account_state, accounts.email, accounts.personal_key, \
        attempts.tag, attempts.revision, attempts.hour_began, attempts.in_hour, attempts.day_began, attempts.in_day, attempts.in_row, attempts.successes, attempts.last_at")
    };
}
use challenge_row;

sql! {
    Select FIND = (concat!("SELECT ", challenge_row!(), " \
        FROM sign_ins \
        JOIN accounts ON accounts.realm_id = $1 AND accounts.account_id = sign_ins.account_id \
        JOIN challenges ON challenges.realm_id = $1 AND challenges.challenge_id = $3 \
            AND challenges.sign_in_id = sign_ins.sign_in_id AND challenges.account_id = sign_ins.account_id \
        LEFT JOIN factors ON factors.realm_id = $1 AND factors.account_id = challenges.account_id AND factors.factor_id = challenges.factor_id \
        LEFT JOIN attempts ON attempts.realm_id = $1 AND attempts.counter_id = challenges.factor_id \
        WHERE sign_ins.realm_id = $1 AND sign_ins.token_digest = $2"));
    AtomicWrite CHARGE = {
        sqlite: "INSERT INTO attempts (realm_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes) \
            SELECT $1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM challenges \
                WHERE realm_id = $1 AND challenge_id = $2 AND state = $15 AND tries < $3 AND expires_at > $4 \
            ON CONFLICT (realm_id, counter_id) DO UPDATE SET tag = excluded.tag, revision = excluded.revision, \
            hour_began = excluded.hour_began, in_hour = excluded.in_hour, day_began = excluded.day_began, in_day = excluded.in_day, \
            in_row = excluded.in_row, last_at = excluded.last_at, successes = excluded.successes WHERE attempts.revision = excluded.revision - 1; \
            UPDATE challenges SET tries = tries + 1 WHERE realm_id = $1 AND challenge_id = $2 AND changes() = 1 RETURNING challenge_id, tries",
        postgres: "WITH open AS (SELECT realm_id FROM challenges \
                WHERE realm_id = $1 AND challenge_id = $2 AND state = $15 AND tries < $3 AND expires_at > $4 FOR UPDATE), \
            charged AS (INSERT INTO attempts (realm_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes) \
                SELECT $1, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM open WHERE realm_id = $1 \
                ON CONFLICT (realm_id, counter_id) DO UPDATE SET tag = excluded.tag, revision = excluded.revision, \
                hour_began = excluded.hour_began, in_hour = excluded.in_hour, day_began = excluded.day_began, in_day = excluded.in_day, \
                in_row = excluded.in_row, last_at = excluded.last_at, successes = excluded.successes WHERE attempts.revision = excluded.revision - 1 \
                RETURNING realm_id, set_config('synchronous_commit', 'off', true)) \
            UPDATE challenges SET tries = tries + 1 WHERE realm_id = $1 AND challenge_id = $2 \
                AND EXISTS (SELECT 1 FROM charged WHERE realm_id = $1) RETURNING challenge_id, tries"
    };
    AtomicWrite APPROVE = {
        sqlite: "UPDATE sign_ins SET state = $17, proofs = $8 \
                WHERE realm_id = $1 AND sign_in_id = $2 AND state = $18 AND expires_at > $3 \
                AND EXISTS (SELECT 1 FROM challenges WHERE realm_id = $1 AND challenge_id = $4 AND sign_in_id = $2 AND state = $19 AND expires_at > $3) \
                AND EXISTS (SELECT 1 FROM factors WHERE realm_id = $1 AND account_id = $5 AND factor_id = $6 AND (mark < $7 OR $7 IS NULL)); \
            UPDATE challenges SET state = $20 WHERE realm_id = $1 AND challenge_id = $4 AND changes() = 1; \
            UPDATE factors SET mark = COALESCE($7, mark), material = COALESCE($16, material), last_used_at = $3 WHERE realm_id = $1 AND account_id = $5 AND factor_id = $6 AND changes() = 1; \
            INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) \
                SELECT $1, $10, $11, $12, $13, $5, $14, $15 WHERE changes() = 1 RETURNING event_id; \
            UPDATE attempts SET revision = revision + 1, successes = successes + 1, in_hour = 0, in_day = 0, in_row = 0 \
                WHERE realm_id = $1 AND counter_id = $9 AND changes() = 1",
        postgres: "WITH waits AS (SELECT sign_ins.realm_id FROM sign_ins JOIN challenges ON challenges.sign_in_id = sign_ins.sign_in_id \
                WHERE sign_ins.realm_id = $1 AND sign_ins.sign_in_id = $2 AND sign_ins.state = $18 AND sign_ins.expires_at > $3 \
                AND challenges.realm_id = $1 AND challenges.challenge_id = $4 AND challenges.state = $19 AND challenges.expires_at > $3 FOR UPDATE), \
            accepted AS (UPDATE factors SET mark = COALESCE($7, mark), material = COALESCE($16, material), last_used_at = $3 \
                WHERE realm_id = $1 AND account_id = $5 AND factor_id = $6 AND (mark < $7 OR $7 IS NULL) \
                AND EXISTS (SELECT 1 FROM waits WHERE realm_id = $1) RETURNING realm_id), \
            proved AS (UPDATE sign_ins SET state = $17, proofs = $8 WHERE realm_id = $1 AND sign_in_id = $2 \
                AND EXISTS (SELECT 1 FROM accepted WHERE realm_id = $1)), \
            approved AS (UPDATE challenges SET state = $20 WHERE realm_id = $1 AND challenge_id = $4 \
                AND EXISTS (SELECT 1 FROM accepted WHERE realm_id = $1)), \
            forgiven AS (UPDATE attempts SET revision = revision + 1, successes = successes + 1, in_hour = 0, in_day = 0, in_row = 0 \
                WHERE realm_id = $1 AND counter_id = $9 AND EXISTS (SELECT 1 FROM accepted WHERE realm_id = $1)) \
            INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) \
                SELECT $1, $10, $11, $12, $13, $5, $14, $15 FROM accepted WHERE realm_id = $1 RETURNING event_id"
    };
    Change REJECT = "INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) \
        SELECT $1, $4, $5, $6, $7, $8, $9, $10 FROM attempts WHERE realm_id = $1 AND counter_id = $2 AND revision >= $3";
}

/// A challenge of a sign-in, and everything that an answer needs to know.
#[derive(Debug, Clone)]
pub struct ChallengeRow {
    pub product: ProductKey,
    pub state: SignInState,
    pub proofs: Vec<Proof>,
    pub device: Option<DeviceId>,
    pub until: Timestamp,
    pub account_state: AccountState,
    pub email: Option<String>,
    pub personal_key: Sealed,
    pub challenge: Challenge,
    /// The factor's; `None` also where the factor is gone, or the answer says whose it is by.
    pub factor_material: Option<Sealed>,
    /// `None` where there is no factor.
    pub mark: Option<Mark>,
    pub kept: Option<AttemptRow>,
}

impl Record for ChallengeRow {
    const TABLE: &'static str = "challenges";
    const KEY: &'static str = "challenge_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let charged: Option<i64> = row.get("revision")?;
        Ok(Self {
            product: row.get("product_key")?,
            state: row.get("sign_in_state")?,
            proofs: row.get("proofs")?,
            device: row.get("device_id")?,
            until: row.get("sign_in_until")?,
            account_state: row.get("account_state")?,
            email: row.get("email")?,
            personal_key: row.get("personal_key")?,
            challenge: Challenge::read(row)?,
            factor_material: row.get("factor_material")?,
            mark: row.get("mark")?,
            kept: charged.map(|_| AttemptRow::read(row)).transpose()?,
        })
    }
}

/// The challenge, if it belongs to the token's sign-in. The caller checks whether both are still valid.
pub async fn find(
    executor: Executor<'_>,
    token: TokenDigest,
    challenge: ChallengeId,
) -> Result<Option<ChallengeRow>, Error> {
    let find = Find { token, challenge };
    match executor.batch_origin() {
        // On SQLite the read takes no longer than queueing it.
        Some(origin) if origin.store.engine() == Engine::Postgres => {
            let finds = &Arc::clone(&origin.store.answering).finds;
            finds.join(find, origin, executor).await
        }
        _ => find_one(executor, &find).await,
    }
}

async fn find_one(executor: Executor<'_>, find: &Find) -> Result<Option<ChallengeRow>, Error> {
    executor.select(FIND).bind(find.token).bind(find.challenge).optional().await
}

struct Tries(i64);

impl Record for Tries {
    const TABLE: &'static str = "challenges";
    const KEY: &'static str = "challenge_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("tries").map(Self)
    }
}

/// One guess: `next` takes the place of the revision before it.
#[derive(Debug, Clone)]
pub struct Charge {
    pub challenge: ChallengeId,
    /// The tries of a challenge.
    pub limit: i64,
    pub counter: Counter,
    pub next: Budget,
    pub now: Timestamp,
}

/// Takes one try from the challenge and one guess from the counter; returns how many tries were taken. `None` when the
/// challenge is closed, has expired or has no try left, or when another answer charged the counter first.
pub async fn charge(executor: Executor<'_>, charge: Charge) -> Result<Option<i64>, Error> {
    let Some(origin) = executor.batch_origin() else { return charge_one(executor, &charge).await };
    let charges = &Arc::clone(&origin.store.answering).charges;
    charges.join(charge, origin, executor).await
}

async fn charge_one(executor: Executor<'_>, charge: &Charge) -> Result<Option<i64>, Error> {
    let Charge { challenge, limit, counter, next, now } = charge;
    let write = executor.atomic_write_deferred(CHARGE).bind(*challenge).bind(*limit).bind(*now);
    let write = write.bind(counter.id).bind(counter.tag.clone());
    let write = write.bind(next.revision).bind(next.hour_began).bind(next.in_hour).bind(next.day_began);
    let write = write.bind(next.in_day).bind(next.in_row).bind(next.last_at).bind(next.successes);
    let write = write.bind(ChallengeState::Open);
    Ok(write.optional::<Tries>().await?.map(|tries| tries.0))
}

/// A right answer.
#[derive(Debug, Clone)]
pub struct Approval {
    pub sign_in: SignInId,
    /// All proofs of the sign-in, with this one.
    pub proofs: Vec<Proof>,
    /// The sign-in's state from now on.
    pub next: SignInState,
    pub challenge: Challenge,
    /// Whose answer it was: the challenge's factor, or the one that the answer named.
    pub factor: FactorId,
    /// What the factor's mark becomes; `None` where the method has none.
    pub mark: Option<Mark>,
    /// What the factor is verified with from now on; `None` where that does not change.
    pub material: Option<Sealed>,
    pub counter: Counter,
    pub now: Timestamp,
}

struct EventInserted;

impl Record for EventInserted {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "event_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get::<EventId>("event_id").map(|_| Self)
    }
}

/// Moves the sign-in, closes the challenge, raises the factor's mark, resets the counter and records the event.
/// `false`, and none of it, when the sign-in does not wait any more, the challenge is not open, one of them has expired,
/// the factor is gone, or this mark or a later one was accepted before (INV-2).
pub async fn approve(executor: Executor<'_>, approval: Approval, event: Event) -> Result<bool, Error> {
    let approve = Approve { approval, event };
    let Some(origin) = executor.batch_origin() else { return approve_one(executor, &approve).await };
    let approvals = &Arc::clone(&origin.store.answering).approvals;
    approvals.join(approve, origin, executor).await
}

async fn approve_one(executor: Executor<'_>, Approve { approval, event }: &Approve) -> Result<bool, Error> {
    let Approval { sign_in, proofs, next, challenge, factor, mark, material, counter, now } = approval;
    let write =
        executor.atomic_write(APPROVE).bind(*sign_in).bind(*now).bind(challenge.id).bind(challenge.account);
    let write = write.bind(*factor).bind(*mark).bind(proofs.clone()).bind(counter.id);
    let write = write.bind(event.id).bind(event.at).bind(event.actor.clone()).bind(event.product.clone());
    let write = write.bind(event.fact.clone()).bind(event.personal.clone());
    let write = write.bind(material.clone()).bind(*next).bind(SignInState::PendingChallenge);
    let write = write.bind(ChallengeState::Open).bind(ChallengeState::Approved);
    Ok(write.optional::<EventInserted>().await?.is_some())
}

/// Records that the answer was wrong. Fails when the database has lost the charge.
pub async fn reject(
    executor: Executor<'_>,
    charged: &Counter,
    revision: i64,
    event: Event,
) -> Result<(), Error> {
    let insert = executor.change(REJECT).bind(charged.id).bind(revision);
    let insert = insert.bind(event.id).bind(event.at).bind(event.actor).bind(event.product);
    if insert.bind(event.account).bind(event.fact).bind(event.personal).hit().await? {
        return Ok(());
    }
    Err(Error::Unavailable(sqlx::Error::Protocol("the database has lost a charge".into())))
}

//! Answers that arrive at the same time: one statement finds them, one transaction charges them, one approves them.
//!
//! On PostgreSQL a first statement locks the rows of all answers that can proceed, with `SKIP LOCKED`, so that it
//! waits for no other transaction. It is a statement of its own, so that the next one sees the newest versions of these
//! rows. An answer whose rows were not locked runs by itself, and the single statement decides it. SQLite has one
//! writer: the single writes run one after the other, and share the commit.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tidegate_core::{ChallengeId, ChallengeState, Event, SignInId, SignInState, Timestamp, TokenDigest};
use uuid::Uuid;

use super::{Approval, ChallengeRow, Charge, Tries, approve_one, challenge_row, charge_one, find_one};
use crate::{
    Engine, Error, Executor, Tx,
    batcher::{BatchItem, BatchOrigin, Batcher},
    challenges::challenge,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = { postgres: concat!("SELECT wanted.place, ", challenge_row!(), " \
        FROM unnest((SELECT $2::BYTEA[]), (SELECT $3::UUID[])) WITH ORDINALITY AS wanted(token_digest, challenge_id, place) \
        JOIN sign_ins ON sign_ins.realm_id = $1 AND sign_ins.token_digest = wanted.token_digest \
        JOIN accounts ON accounts.realm_id = $1 AND accounts.account_id = sign_ins.account_id \
        JOIN challenges ON challenges.realm_id = $1 AND challenges.challenge_id = wanted.challenge_id \
            AND challenges.sign_in_id = sign_ins.sign_in_id AND challenges.account_id = sign_ins.account_id \
        LEFT JOIN factors ON factors.realm_id = $1 AND factors.account_id = challenges.account_id AND factors.factor_id = challenges.factor_id \
        LEFT JOIN attempts ON attempts.realm_id = $1 AND attempts.counter_id = challenges.factor_id") };
    Change HOLD_OPEN = { postgres: "SELECT challenges.challenge_id \
        FROM unnest((SELECT $2::UUID[]), (SELECT $3::INT8[]), (SELECT $4::TIMESTAMPTZ[])) AS wanted(challenge_id, most, now) \
        JOIN challenges ON challenges.realm_id = $1 AND challenges.challenge_id = wanted.challenge_id \
        WHERE challenges.state = $5 AND challenges.tries < wanted.most AND challenges.expires_at > wanted.now \
        FOR NO KEY UPDATE OF challenges SKIP LOCKED" };
    Change CHARGE = { postgres: "WITH wanted AS (SELECT * FROM unnest((SELECT $2::UUID[]), (SELECT $3::UUID[]), (SELECT $4::BYTEA[]), (SELECT $5::INT8[]), \
            (SELECT $6::TIMESTAMPTZ[]), (SELECT $7::INT8[]), (SELECT $8::TIMESTAMPTZ[]), (SELECT $9::INT8[]), (SELECT $10::INT8[]), \
            (SELECT $11::TIMESTAMPTZ[]), (SELECT $12::INT8[])) \
            AS wanted(challenge_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes)), \
        charged AS (INSERT INTO attempts (realm_id, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes) \
            SELECT $1, counter_id, tag, revision, hour_began, in_hour, day_began, in_day, in_row, last_at, successes FROM wanted ORDER BY counter_id \
            ON CONFLICT (realm_id, counter_id) DO UPDATE SET tag = excluded.tag, revision = excluded.revision, \
            hour_began = excluded.hour_began, in_hour = excluded.in_hour, day_began = excluded.day_began, in_day = excluded.in_day, \
            in_row = excluded.in_row, last_at = excluded.last_at, successes = excluded.successes WHERE attempts.revision = excluded.revision - 1 \
            RETURNING realm_id, counter_id, set_config('synchronous_commit', 'off', true)) \
        UPDATE challenges SET tries = tries + 1 FROM wanted JOIN charged ON charged.realm_id = $1 AND charged.counter_id = wanted.counter_id \
        WHERE challenges.realm_id = $1 AND challenges.challenge_id = wanted.challenge_id \
        RETURNING challenges.challenge_id, tries" };
    Change HOLD_WAITING = { postgres: "SELECT sign_ins.sign_in_id \
        FROM unnest((SELECT $2::UUID[]), (SELECT $3::UUID[]), (SELECT $4::UUID[]), (SELECT $5::UUID[]), (SELECT $6::UUID[]), (SELECT $7::INT8[]), \
            (SELECT $8::TIMESTAMPTZ[])) AS wanted(sign_in_id, challenge_id, account_id, factor_id, counter_id, mark, now) \
        JOIN sign_ins ON sign_ins.realm_id = $1 AND sign_ins.sign_in_id = wanted.sign_in_id \
        JOIN challenges ON challenges.realm_id = $1 AND challenges.challenge_id = wanted.challenge_id AND challenges.sign_in_id = wanted.sign_in_id \
        JOIN factors ON factors.realm_id = $1 AND factors.account_id = wanted.account_id AND factors.factor_id = wanted.factor_id \
        JOIN attempts ON attempts.realm_id = $1 AND attempts.counter_id = wanted.counter_id \
        WHERE sign_ins.state = $9 AND sign_ins.expires_at > wanted.now \
        AND challenges.state = $10 AND challenges.expires_at > wanted.now AND (factors.mark < wanted.mark OR wanted.mark IS NULL) \
        FOR NO KEY UPDATE OF sign_ins, challenges, factors, attempts SKIP LOCKED" };
    Change APPROVE = { postgres: "WITH wanted AS (SELECT * FROM unnest((SELECT $2::UUID[]), (SELECT $3::UUID[]), (SELECT $4::UUID[]), (SELECT $5::UUID[]), \
            (SELECT $6::UUID[]), (SELECT $7::INT8[]), (SELECT $8::TIMESTAMPTZ[]), (SELECT $9::TEXT[]), (SELECT $10::UUID[]), (SELECT $11::TIMESTAMPTZ[]), \
            (SELECT $12::TEXT[]), (SELECT $13::TEXT[]), (SELECT $14::TEXT[]), (SELECT $15::BYTEA[]), \
            (SELECT $16::BYTEA[]), (SELECT $17::TEXT[])) \
            AS wanted(sign_in_id, challenge_id, account_id, factor_id, counter_id, mark, now, proofs, event_id, at, actor, product_key, fact, personal, \
            material, next)), \
        proved AS (UPDATE sign_ins SET state = wanted.next, proofs = wanted.proofs FROM wanted \
            WHERE sign_ins.realm_id = $1 AND sign_ins.sign_in_id = wanted.sign_in_id), \
        approved AS (UPDATE challenges SET state = $18 FROM wanted \
            WHERE challenges.realm_id = $1 AND challenges.challenge_id = wanted.challenge_id), \
        accepted AS (UPDATE factors SET mark = COALESCE(wanted.mark, factors.mark), material = COALESCE(wanted.material, factors.material), \
            last_used_at = wanted.now FROM wanted \
            WHERE factors.realm_id = $1 AND factors.account_id = wanted.account_id AND factors.factor_id = wanted.factor_id), \
        forgiven AS (UPDATE attempts SET revision = revision + 1, successes = successes + 1, in_hour = 0, in_day = 0, in_row = 0 FROM wanted \
            WHERE attempts.realm_id = $1 AND attempts.counter_id = wanted.counter_id) \
        INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) \
        SELECT $1, event_id, at, actor, product_key, account_id, fact, personal FROM wanted" };
}

/// The answers under way in one store.
pub(crate) struct Answering {
    pub(super) finds: Batcher<Find>,
    pub(super) charges: Batcher<Charge>,
    pub(super) approvals: Batcher<Approve>,
}

impl Answering {
    pub(crate) fn new(leader_timeout: Duration) -> Self {
        Self {
            finds: Batcher::new(leader_timeout),
            charges: Batcher::new(leader_timeout),
            approvals: Batcher::new(leader_timeout),
        }
    }
}

/// Which challenge, and the token of the sign-in that it must belong to.
#[derive(Debug)]
pub(super) struct Find {
    pub(super) token: TokenDigest,
    pub(super) challenge: ChallengeId,
}

/// A right answer, and its event.
#[derive(Debug)]
pub(super) struct Approve {
    pub(super) approval: Approval,
    pub(super) event: Event,
}

struct BatchedChallengeRow {
    /// Its place in the batch, from one.
    place: i64,
    row: ChallengeRow,
}

impl Record for BatchedChallengeRow {
    const TABLE: &'static str = ChallengeRow::TABLE;
    const KEY: &'static str = ChallengeRow::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { place: row.get("place")?, row: ChallengeRow::read(row)? })
    }
}

impl BatchItem for Find {
    type Output = Option<ChallengeRow>;

    fn keys(&self) -> impl IntoIterator<Item = Uuid> {
        []
    }

    async fn run_single(&self, executor: Executor<'_>) -> Result<Option<ChallengeRow>, Error> {
        find_one(executor, self).await
    }

    async fn run_batch(
        items: &[Arc<Self>],
        origin: &BatchOrigin,
    ) -> Result<Vec<Option<Option<ChallengeRow>>>, Error> {
        let mut view = origin.store.view(origin.name, origin.realm);
        let find = view.select(FIND).bind_each(items.iter().map(|find| find.token));
        let found =
            find.bind_each(items.iter().map(|find| find.challenge)).all::<BatchedChallengeRow>().await?;
        let mut rows: HashMap<i64, ChallengeRow> =
            found.into_iter().map(|found| (found.place, found.row)).collect();
        Ok((1..).zip(items).map(|(place, _)| Some(rows.remove(&place))).collect())
    }
}

async fn one_after_the_other<M: BatchItem>(
    tx: &mut Tx,
    items: &[Arc<M>],
) -> Result<Vec<Option<M::Output>>, Error> {
    let mut done = Vec::new();
    for item in items {
        done.push(Some(item.run_single(tx.executor()).await?));
    }
    Ok(done)
}

struct Open(ChallengeId);

impl Record for Open {
    const TABLE: &'static str = "challenges";
    const KEY: &'static str = "challenge_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("challenge_id").map(Self)
    }
}

struct ChargedTries(ChallengeId, Tries);

impl Record for ChargedTries {
    const TABLE: &'static str = Tries::TABLE;
    const KEY: &'static str = Tries::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("challenge_id")?, Tries::read(row)?))
    }
}

impl BatchItem for Charge {
    /// The tries taken; `None` when nothing was charged.
    type Output = Option<i64>;

    fn keys(&self) -> impl IntoIterator<Item = Uuid> {
        [self.challenge.uuid(), self.counter.id]
    }

    async fn run_single(&self, executor: Executor<'_>) -> Result<Option<i64>, Error> {
        charge_one(executor, self).await
    }

    async fn run_batch(items: &[Arc<Self>], origin: &BatchOrigin) -> Result<Vec<Option<Option<i64>>>, Error> {
        let work = async |tx: &mut Tx| match origin.store.engine() {
            Engine::Sqlite => one_after_the_other(tx, items).await,
            Engine::Postgres => {
                let open = hold_open(tx, items).await?;
                let open = items.iter().filter(|charge| open.contains(&charge.challenge)).collect();
                let tries = charge_each(tx, open).await?;
                Ok(items.iter().map(|charge| tries.get(&charge.challenge).copied().map(Some)).collect())
            }
        };
        origin.store.tx(origin.name, origin.realm, work).await
    }
}

async fn hold_open(tx: &mut Tx, charges: &[Arc<Charge>]) -> Result<HashSet<ChallengeId>, Error> {
    let hold = tx.change(HOLD_OPEN).bind_each(charges.iter().map(|charge| charge.challenge));
    let hold = hold.bind_each(charges.iter().map(|charge| charge.limit));
    let hold = hold.bind_each(charges.iter().map(|charge| charge.now));
    let open = hold.bind(ChallengeState::Open).all::<Open>().await?;
    Ok(open.into_iter().map(|Open(challenge)| challenge).collect())
}

/// Charges the answers whose challenges are locked; returns how many tries each charged challenge has taken.
async fn charge_each(tx: &mut Tx, open: Vec<&Arc<Charge>>) -> Result<HashMap<ChallengeId, i64>, Error> {
    if open.is_empty() {
        return Ok(HashMap::new());
    }
    let each = |what: fn(&Charge) -> i64| open.iter().map(move |charge| what(charge));
    let at = |what: fn(&Charge) -> Timestamp| open.iter().map(move |charge| what(charge));
    let charge = tx.change(CHARGE).bind_each(open.iter().map(|charge| charge.challenge));
    let charge = charge.bind_each(open.iter().map(|charge| charge.counter.id));
    let charge = charge.bind_each(open.iter().map(|charge| charge.counter.tag.clone()));
    let charge = charge.bind_each(each(|charge| charge.next.revision));
    let charge =
        charge.bind_each(at(|charge| charge.next.hour_began)).bind_each(each(|charge| charge.next.in_hour));
    let charge =
        charge.bind_each(at(|charge| charge.next.day_began)).bind_each(each(|charge| charge.next.in_day));
    let charge =
        charge.bind_each(each(|charge| charge.next.in_row)).bind_each(at(|charge| charge.next.last_at));
    let charged = charge.bind_each(each(|charge| charge.next.successes)).all::<ChargedTries>().await?;
    Ok(charged.into_iter().map(|ChargedTries(challenge, tries)| (challenge, tries.0)).collect())
}

struct Waits(SignInId);

impl Record for Waits {
    const TABLE: &'static str = "sign_ins";
    const KEY: &'static str = "sign_in_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("sign_in_id").map(Self)
    }
}

impl BatchItem for Approve {
    /// Whether it was approved.
    type Output = bool;

    fn keys(&self) -> impl IntoIterator<Item = Uuid> {
        [self.approval.sign_in.uuid(), self.approval.factor.uuid(), self.approval.counter.id]
    }

    async fn run_single(&self, executor: Executor<'_>) -> Result<bool, Error> {
        approve_one(executor, self).await
    }

    async fn run_batch(items: &[Arc<Self>], origin: &BatchOrigin) -> Result<Vec<Option<bool>>, Error> {
        let work = async |tx: &mut Tx| match origin.store.engine() {
            Engine::Sqlite => one_after_the_other(tx, items).await,
            Engine::Postgres => {
                let waiting = hold_waiting(tx, items).await?;
                let waits = |approve: &Arc<Self>| waiting.contains(&approve.approval.sign_in);
                approve_each(tx, items.iter().filter(|approve| waits(approve)).collect()).await?;
                Ok(items.iter().map(|approve| waits(approve).then_some(true)).collect())
            }
        };
        origin.store.tx(origin.name, origin.realm, work).await
    }
}

async fn hold_waiting(tx: &mut Tx, approvals: &[Arc<Approve>]) -> Result<HashSet<SignInId>, Error> {
    let each = || approvals.iter().map(|approve| &approve.approval);
    let hold = tx.change(HOLD_WAITING).bind_each(each().map(|approval| approval.sign_in));
    let hold = hold.bind_each(each().map(|approval| approval.challenge.id));
    let hold = hold.bind_each(each().map(|approval| approval.challenge.account));
    let hold = hold.bind_each(each().map(|approval| approval.factor));
    let hold = hold.bind_each(each().map(|approval| approval.counter.id));
    let hold = hold.bind_each(each().map(|approval| approval.mark));
    let hold = hold.bind_each(each().map(|approval| approval.now));
    let waiting = hold.bind(SignInState::PendingChallenge).bind(ChallengeState::Open).all::<Waits>().await?;
    Ok(waiting.into_iter().map(|Waits(sign_in)| sign_in).collect())
}

/// Approves answers whose rows are all locked and were checked.
async fn approve_each(tx: &mut Tx, waiting: Vec<&Arc<Approve>>) -> Result<(), Error> {
    if waiting.is_empty() {
        return Ok(());
    }
    let each = || waiting.iter().map(|approve| &approve.approval);
    let event = || waiting.iter().map(|approve| &approve.event);
    let approve = tx.change(APPROVE).bind_each(each().map(|approval| approval.sign_in));
    let approve = approve.bind_each(each().map(|approval| approval.challenge.id));
    let approve = approve.bind_each(each().map(|approval| approval.challenge.account));
    let approve = approve.bind_each(each().map(|approval| approval.factor));
    let approve = approve.bind_each(each().map(|approval| approval.counter.id));
    let approve = approve.bind_each(each().map(|approval| approval.mark));
    let approve = approve.bind_each(each().map(|approval| approval.now));
    let approve = approve.bind_each(each().map(|approval| approval.proofs.clone()));
    let approve = approve.bind_each(event().map(|event| event.id)).bind_each(event().map(|event| event.at));
    let approve = approve.bind_each(event().map(|event| event.actor.clone()));
    let approve = approve.bind_each(event().map(|event| event.product.clone()));
    let approve = approve.bind_each(event().map(|event| event.fact.clone()));
    let approve = approve.bind_each(event().map(|event| event.personal.clone()));
    let approve = approve.bind_each(each().map(|approval| approval.material.clone()));
    let approve = approve.bind_each(each().map(|approval| approval.next));
    approve.bind(ChallengeState::Approved).rows().await?;
    Ok(())
}

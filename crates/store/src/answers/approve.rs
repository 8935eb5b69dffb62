//! Approving a right answer.

use std::{collections::HashSet, sync::Arc};

use tidegate_core::{
    Challenge, ChallengeState, Event, EventId, FactorId, Mark, Proof, Sealed, SignInId, SignInState,
    Timestamp,
};
use uuid::Uuid;

use super::one_after_the_other;
use crate::{
    Engine, Error, Executor,
    attempts::Counter,
    batcher::{BatchItem, BatchOrigin},
    column::{Row, Unreadable},
    executor::{Query, Record},
    statement::sql,
};

sql! {
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
    Change APPROVE_BATCH = { postgres: "WITH wanted AS (SELECT * FROM unnest((SELECT $2::UUID[]), (SELECT $3::TIMESTAMPTZ[]), (SELECT $4::UUID[]), (SELECT $5::UUID[]), \
            (SELECT $6::UUID[]), (SELECT $7::INT8[]), (SELECT $8::TEXT[]), (SELECT $9::UUID[]), (SELECT $10::UUID[]), (SELECT $11::TIMESTAMPTZ[]), \
            (SELECT $12::TEXT[]), (SELECT $13::TEXT[]), (SELECT $14::TEXT[]), (SELECT $15::BYTEA[]), (SELECT $16::BYTEA[]), (SELECT $17::TEXT[])) \
            AS wanted(sign_in_id, now, challenge_id, account_id, factor_id, mark, proofs, counter_id, event_id, at, actor, product_key, fact, personal, \
            material, next)), \
        wanted_waits AS (SELECT wanted.* FROM wanted \
            JOIN sign_ins ON sign_ins.realm_id = $1 AND sign_ins.sign_in_id = wanted.sign_in_id \
            JOIN challenges ON challenges.realm_id = $1 AND challenges.challenge_id = wanted.challenge_id AND challenges.sign_in_id = wanted.sign_in_id \
            JOIN factors ON factors.realm_id = $1 AND factors.account_id = wanted.account_id AND factors.factor_id = wanted.factor_id JOIN attempts ON attempts.realm_id = $1 AND attempts.counter_id = wanted.counter_id \
            WHERE sign_ins.state = $18 AND sign_ins.expires_at > wanted.now \
            AND challenges.state = $19 AND challenges.expires_at > wanted.now AND (factors.mark < wanted.mark OR wanted.mark IS NULL) \
            FOR NO KEY UPDATE OF sign_ins, challenges, factors, attempts SKIP LOCKED), \
        proved AS (UPDATE sign_ins SET state = wanted_waits.next, proofs = wanted_waits.proofs FROM wanted_waits \
            WHERE sign_ins.realm_id = $1 AND sign_ins.sign_in_id = wanted_waits.sign_in_id), \
        approved AS (UPDATE challenges SET state = $20 FROM wanted_waits \
            WHERE challenges.realm_id = $1 AND challenges.challenge_id = wanted_waits.challenge_id), \
        accepted AS (UPDATE factors SET mark = COALESCE(wanted_waits.mark, factors.mark), material = COALESCE(wanted_waits.material, factors.material), \
            last_used_at = wanted_waits.now FROM wanted_waits \
            WHERE factors.realm_id = $1 AND factors.account_id = wanted_waits.account_id AND factors.factor_id = wanted_waits.factor_id), \
        forgiven AS (UPDATE attempts SET revision = revision + 1, successes = successes + 1, in_hour = 0, in_day = 0, in_row = 0 FROM wanted_waits \
            WHERE attempts.realm_id = $1 AND attempts.counter_id = wanted_waits.counter_id) \
        INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) \
        SELECT $1, event_id, at, actor, product_key, account_id, fact, personal FROM wanted_waits RETURNING event_id" };
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

/// A right answer, and its event.
#[derive(Debug)]
pub(super) struct Approve {
    approval: Approval,
    event: Event,
}

/// Moves the sign-in, closes the challenge, raises the factor's mark, resets the counter and records the event.
/// `false`, and none of it, when the sign-in does not wait any more, the challenge is not open, one of them has expired,
/// the factor is gone, or this mark or a later one was accepted before (INV-2).
pub async fn approve(executor: Executor<'_>, approval: Approval, event: Event) -> Result<bool, Error> {
    let approve = Approve { approval, event };
    let Some(origin) = executor.batch_origin() else { return approve.run_single(executor).await };
    let approvals = &Arc::clone(&origin.store.answering).approvals;
    approvals.join(approve, origin, executor).await
}

struct EventInserted(EventId);

impl Record for EventInserted {
    const TABLE: &'static str = "events";
    const KEY: &'static str = "event_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("event_id").map(Self)
    }
}

impl BatchItem for Approve {
    /// Whether it was approved.
    type Output = bool;

    fn keys(&self) -> impl IntoIterator<Item = Uuid> {
        [self.approval.sign_in.uuid(), self.approval.factor.uuid(), self.approval.counter.id]
    }

    async fn run_single(&self, executor: Executor<'_>) -> Result<bool, Error> {
        Ok(bind(executor.atomic_write(APPROVE), &[self]).optional::<EventInserted>().await?.is_some())
    }

    async fn run_batch(items: &[Arc<Self>], origin: &BatchOrigin) -> Result<Vec<Option<bool>>, Error> {
        if origin.store.engine() == Engine::Sqlite {
            return one_after_the_other(items, origin).await;
        }
        let approvals: Vec<&Self> = items.iter().map(Arc::as_ref).collect();
        let work =
            async |executor: Executor<'_>| bind(executor.change(APPROVE_BATCH), &approvals).all().await;
        let inserted = origin.store.autocommit(origin.name, origin.realm, work).await?;
        let approved: HashSet<_> = inserted.into_iter().map(|EventInserted(event)| event).collect();
        Ok(items.iter().map(|approve| approved.contains(&approve.event.id).then_some(true)).collect())
    }
}

fn bind<'q>(query: Query<'q>, approvals: &[&Approve]) -> Query<'q> {
    let each = || approvals.iter().map(|approve| &approve.approval);
    let event = || approvals.iter().map(|approve| &approve.event);
    let query = query.bind_each(each().map(|approval| approval.sign_in));
    let query = query.bind_each(each().map(|approval| approval.now));
    let query = query.bind_each(each().map(|approval| approval.challenge.id));
    let query = query.bind_each(each().map(|approval| approval.challenge.account));
    let query = query.bind_each(each().map(|approval| approval.factor));
    let query = query.bind_each(each().map(|approval| approval.mark));
    let query = query.bind_each(each().map(|approval| approval.proofs.clone()));
    let query = query.bind_each(each().map(|approval| approval.counter.id));
    let query = query.bind_each(event().map(|event| event.id)).bind_each(event().map(|event| event.at));
    let query = query.bind_each(event().map(|event| event.actor.clone()));
    let query = query.bind_each(event().map(|event| event.product.clone()));
    let query = query.bind_each(event().map(|event| event.fact.clone()));
    let query = query.bind_each(event().map(|event| event.personal.clone()));
    let query = query.bind_each(each().map(|approval| approval.material.clone()));
    let query = query.bind_each(each().map(|approval| approval.next));
    query.bind(SignInState::PendingChallenge).bind(ChallengeState::Open).bind(ChallengeState::Approved)
}

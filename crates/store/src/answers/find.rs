//! Finding the challenge that is answered.
//!
//! Gain of reading in batches: 64 answers at once on PostgreSQL are 1.1 to 1.3 times as many a second as with reads of
//! their own. Measured with `cargo run --release -p tidegate-bench -- --quick --only answer --engine postgres`.

use std::{collections::HashMap, sync::Arc};

use tidegate_core::{ChallengeId, TokenDigest};
use uuid::Uuid;

use super::ChallengeRow;
use crate::{
    Engine, Error, Executor,
    batcher::{BatchItem, BatchOrigin},
    challenges::challenge,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `ChallengeRow`, and the tables that follow the sign-in.
macro_rules! challenge_row {
    () => {
        concat!(
            challenge!(),
            ", factors.material AS factor_material, factors.mark, \
            sign_ins.product_key, sign_ins.state AS sign_in_state, sign_ins.proofs, sign_ins.device_id, sign_ins.expires_at AS sign_in_until, \
            accounts.state AS account_state, accounts.email, accounts.personal_key, \
            attempts.tag, attempts.revision, attempts.hour_began, attempts.in_hour, attempts.day_began, attempts.in_day, attempts.in_row, \
            attempts.successes, attempts.last_at"
        )
    };
}

sql! {
    Select FIND = (concat!("SELECT ", challenge_row!(), " \
        FROM sign_ins \
        JOIN accounts ON accounts.realm_id = $1 AND accounts.account_id = sign_ins.account_id AND COALESCE(accounts.epoch, 0) = COALESCE(sign_ins.epoch, 0) \
        JOIN challenges ON challenges.realm_id = $1 AND challenges.challenge_id = $3 \
            AND challenges.sign_in_id = sign_ins.sign_in_id AND challenges.account_id = sign_ins.account_id \
        LEFT JOIN factors ON factors.realm_id = $1 AND factors.account_id = challenges.account_id AND factors.factor_id = challenges.factor_id \
        LEFT JOIN attempts ON attempts.realm_id = $1 AND attempts.counter_id = challenges.factor_id \
        WHERE sign_ins.realm_id = $1 AND sign_ins.token_digest = $2"));
    Select FIND_BATCH = { postgres: concat!("SELECT wanted.place, ", challenge_row!(), " \
        FROM unnest((SELECT $2::BYTEA[]), (SELECT $3::UUID[])) WITH ORDINALITY AS wanted(token_digest, challenge_id, place) \
        JOIN sign_ins ON sign_ins.realm_id = $1 AND sign_ins.token_digest = wanted.token_digest \
        JOIN accounts ON accounts.realm_id = $1 AND accounts.account_id = sign_ins.account_id AND COALESCE(accounts.epoch, 0) = COALESCE(sign_ins.epoch, 0) \
        JOIN challenges ON challenges.realm_id = $1 AND challenges.challenge_id = wanted.challenge_id \
            AND challenges.sign_in_id = sign_ins.sign_in_id AND challenges.account_id = sign_ins.account_id \
        LEFT JOIN factors ON factors.realm_id = $1 AND factors.account_id = challenges.account_id AND factors.factor_id = challenges.factor_id \
        LEFT JOIN attempts ON attempts.realm_id = $1 AND attempts.counter_id = challenges.factor_id") };
}

/// Which challenge, and the token of the sign-in that it must belong to.
#[derive(Debug)]
pub(super) struct Find {
    token: TokenDigest,
    challenge: ChallengeId,
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
        _ => find.run_single(executor).await,
    }
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
        executor.select(FIND).bind(self.token).bind(self.challenge).optional().await
    }

    async fn run_batch(
        items: &[Arc<Self>],
        origin: &BatchOrigin,
    ) -> Result<Vec<Option<Option<ChallengeRow>>>, Error> {
        let mut view = origin.store.view(origin.name, origin.realm);
        let find = view.select(FIND_BATCH).bind_each(items.iter().map(|find| find.token));
        let found =
            find.bind_each(items.iter().map(|find| find.challenge)).all::<BatchedChallengeRow>().await?;
        let mut rows: HashMap<i64, ChallengeRow> =
            found.into_iter().map(|found| (found.place, found.row)).collect();
        Ok((1..).zip(items).map(|(place, _)| Some(rows.remove(&place))).collect())
    }
}

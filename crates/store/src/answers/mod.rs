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
//! Each write is atomic.
//! - On PostgreSQL all parts of a statement see the rows as they were before it (one snapshot). A row that another
//!   transaction may have changed is locked first, which reads its newest version; each later part checks that the
//!   part before it found its row.
//! - On SQLite the statements run one after the other, and each checks that the one before it changed a row.
//!
//! Locks are taken in the store's order.
//!
//! Reads, charges and approvals that arrive at the same time run together, each with its own kind (`batcher`). On
//! PostgreSQL a batch of writes is one statement over arrays with `SKIP LOCKED`: it waits for no row that it locks, and an
//! item whose row another transaction holds, or that cannot proceed, is decided by the statement for itself alone. The two
//! are not one text: with arrays of one element an answer by itself took 14 % longer (0.85 instead of 0.74 ms). SQLite has
//! one writer: the single writes run one after the other in one transaction.

mod approve;
mod charge;
mod find;

use std::{sync::Arc, time::Duration};

use tidegate_core::{
    AccountState, Challenge, DeviceId, Event, Mark, ProductKey, Proof, Sealed, SignInState, Timestamp,
};

use crate::{
    Error, Executor, Tx,
    attempts::{AttemptRow, Counter},
    batcher::{BatchItem, BatchOrigin, Batcher},
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

use approve::Approve;
pub(crate) use approve::STATEMENTS as APPROVALS;
pub use approve::{Approval, approve};
pub(crate) use charge::STATEMENTS as CHARGES;
pub use charge::{Charge, charge};
use find::Find;
pub(crate) use find::STATEMENTS as FINDS;
pub use find::find;

sql! {
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

/// The answers under way in one store.
pub(crate) struct Answering {
    finds: Batcher<Find>,
    charges: Batcher<Charge>,
    approvals: Batcher<Approve>,
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

async fn one_after_the_other<M: BatchItem>(
    items: &[Arc<M>],
    origin: &BatchOrigin,
) -> Result<Vec<Option<M::Output>>, Error> {
    let work = async |tx: &mut Tx| {
        let mut done = Vec::new();
        for item in items {
            done.push(Some(item.run_single(tx.executor()).await?));
        }
        Ok(done)
    };
    origin.store.tx(origin.name, origin.realm, work).await
}

//! Table `sign_ins`. One statement begins a sign-in, records its event and resets the password's counter in `attempts`.

use tidegate_core::{Event, Proof, Requirement, SignIn, SignInId, SignInState, Timestamp, TokenDigest};

use crate::{
    Error, Executor, Tx, View,
    attempts::Counter,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT sign_in_id, account_id, product_key, state, requirement, proofs, series_id, device_id, epoch, weak_password, device_since, created_at, expires_at FROM sign_ins WHERE realm_id = $1 AND token_digest = $2";
    Select GET = "SELECT sign_in_id, account_id, product_key, state, requirement, proofs, series_id, device_id, epoch, weak_password, device_since, created_at, expires_at FROM sign_ins WHERE realm_id = $1 AND sign_in_id = $2";
    AtomicWrite BEGIN = {
        sqlite: "INSERT INTO sign_ins (realm_id, token_digest, sign_in_id, account_id, product_key, state, requirement, proofs, series_id, device_id, epoch, weak_password, device_since, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15); \
            UPDATE attempts SET revision = revision + 1, successes = successes + 1, in_hour = 0, in_day = 0, in_row = 0, settled = 0 WHERE realm_id = $1 AND counter_id = $16; \
            INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) VALUES ($1, $17, $18, $19, $20, $21, $22, $23)",
        postgres: "WITH begun AS (INSERT INTO sign_ins (realm_id, token_digest, sign_in_id, account_id, product_key, state, requirement, proofs, series_id, device_id, epoch, weak_password, device_since, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)), \
            forgiven AS (UPDATE attempts SET revision = revision + 1, successes = successes + 1, in_hour = 0, in_day = 0, in_row = 0, settled = 0 WHERE realm_id = $1 AND counter_id = $16) \
            INSERT INTO events (realm_id, event_id, at, actor, product_key, account_id, fact, personal) VALUES ($1, $17, $18, $19, $20, $21, $22, $23)"
    };
    Change MOVE = "UPDATE sign_ins SET state = $4 WHERE realm_id = $1 AND sign_in_id = $2 AND state = $3 AND expires_at > $5";
    Change HOLD = "UPDATE sign_ins SET state = state WHERE realm_id = $1 AND sign_in_id = $2 AND state = $3 AND expires_at > $4";
    Change HOLD_BACK = "UPDATE sign_ins SET state = $3, requirement = $4, series_id = NULL \
        WHERE realm_id = $1 AND sign_in_id = $2 AND state = 'ready' AND expires_at > $5";
    Change ENROLL = "UPDATE sign_ins SET state = $3, proofs = $4 \
        WHERE realm_id = $1 AND sign_in_id = $2 AND state = 'pending_enrollment' AND expires_at > $5";
    Change GO_ON = "UPDATE sign_ins SET state = $3, requirement = $4 \
        WHERE realm_id = $1 AND sign_in_id = $2 AND state = 'pending_enrollment' AND expires_at > $5";
}

impl Record for SignIn {
    const TABLE: &'static str = "sign_ins";
    const KEY: &'static str = "sign_in_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("sign_in_id")?,
            account: row.get("account_id")?,
            product: row.get("product_key")?,
            state: row.get("state")?,
            requirement: row.get("requirement")?,
            proofs: row.get("proofs")?,
            trusted_by: row.get("series_id")?,
            device: row.get("device_id")?,
            epoch: row.get::<Option<i64>>("epoch")?.unwrap_or_default(),
            weak_password: row.get::<Option<bool>>("weak_password")?.unwrap_or_default(),
            device_since: row.get("device_since")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

pub async fn find(view: &mut View, token: TokenDigest) -> Result<Option<SignIn>, Error> {
    view.select(FIND).bind(token).optional().await
}

pub async fn get(view: &mut View, id: SignInId) -> Result<Option<SignIn>, Error> {
    view.select(GET).bind(id).optional().await
}

/// Inserts a sign-in, resets the password's counter (INV-9) and records the event, in one statement.
pub async fn begin(
    executor: Executor<'_>,
    token: TokenDigest,
    new: &SignIn,
    charged: &Counter,
    event: Event,
) -> Result<(), Error> {
    let write =
        executor.atomic_write(BEGIN).bind(token).bind(new.id).bind(new.account).bind(new.product.clone());
    let write = write.bind(new.state).bind(new.requirement).bind(new.proofs.clone()).bind(new.trusted_by);
    let write = write
        .bind(new.device.clone())
        .bind(new.epoch)
        .bind(new.weak_password)
        .bind(new.device_since)
        .bind(new.created_at)
        .bind(new.expires_at)
        .bind(charged.id);
    let write = write.bind(event.id).bind(event.at).bind(event.actor).bind(event.product).bind(event.account);
    write.bind(event.fact).bind(event.personal).rows().await?;
    Ok(())
}

/// Compare-and-set of the state; `false` when it was not `from`, or the sign-in has expired.
pub async fn advance(
    tx: &mut Tx,
    id: SignInId,
    from: SignInState,
    to: SignInState,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(MOVE).bind(id).bind(from).bind(to).bind(now).hit().await
}

/// Locks the row for the rest of the transaction; `false` when the sign-in is not in that state, or has expired.
pub async fn hold(tx: &mut Tx, id: SignInId, state: SignInState, now: Timestamp) -> Result<bool, Error> {
    tx.change(HOLD).bind(id).bind(state).bind(now).hit().await
}

/// Sends a ready sign-in back, because more is required now than was proved; `false` when it was not
/// ready any more.
pub async fn hold_back(
    tx: &mut Tx,
    id: SignInId,
    (state, requirement): (SignInState, Requirement),
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(HOLD_BACK).bind(id).bind(state).bind(requirement).bind(now).hit().await
}

/// Adds the proof of the factor that the sign-in waited for; `false` when it does not wait any more.
pub async fn enroll(
    tx: &mut Tx,
    id: SignInId,
    (state, proofs): (SignInState, Vec<Proof>),
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(ENROLL).bind(id).bind(state).bind(proofs).bind(now).hit().await
}

/// Moves a sign-in on that waited for an enrollment, which is not asked any more; `false` when it does not wait any more.
pub async fn go_on(
    tx: &mut Tx,
    id: SignInId,
    (state, requirement): (SignInState, Requirement),
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(GO_ON).bind(id).bind(state).bind(requirement).bind(now).hit().await
}

//! Table `enrollments`: pending factors.

use tidegate_core::{Enrollment, EnrollmentId, EnrollmentState, Sealed, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT enrollment_id, account_id, product_key, device_id, rollout_key, method, state, factor_id, seed, tries, created_at, expires_at FROM enrollments WHERE realm_id = $1 AND enrollment_id = $2";
    Change INSERT = "INSERT INTO enrollments (realm_id, enrollment_id, account_id, product_key, device_id, rollout_key, method, state, factor_id, seed, tries, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    Change MOVE = "UPDATE enrollments SET state = $4 WHERE realm_id = $1 AND enrollment_id = $2 AND state = $3 AND expires_at > $5";
    Change REVEAL = "UPDATE enrollments SET state = 'awaiting_proof', seed = $3 \
        WHERE realm_id = $1 AND enrollment_id = $2 AND state = 'confirmed' AND expires_at > $4";
    Change TAKE_TRY = "UPDATE enrollments SET tries = tries + 1 \
        WHERE realm_id = $1 AND enrollment_id = $2 AND state = 'awaiting_proof' AND expires_at > $4 AND tries < $3 RETURNING enrollment_id, account_id, product_key, device_id, rollout_key, method, state, factor_id, seed, tries, created_at, expires_at";
    Change GIVE_BACK = "UPDATE enrollments SET tries = tries - 1 WHERE realm_id = $1 AND enrollment_id = $2 AND tries > 0";
    Change ACTIVATE = "UPDATE enrollments SET state = 'active', seed = NULL \
        WHERE realm_id = $1 AND enrollment_id = $2 AND state = 'awaiting_proof' AND expires_at > $3";
}

impl Record for Enrollment {
    const TABLE: &'static str = "enrollments";
    const KEY: &'static str = "enrollment_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("enrollment_id")?,
            account: row.get("account_id")?,
            product: row.get("product_key")?,
            device: row.get("device_id")?,
            rollout: row.get("rollout_key")?,
            method: row.get("method")?,
            state: row.get("state")?,
            factor: row.get("factor_id")?,
            seed: row.get("seed")?,
            tries: row.get("tries")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

pub async fn find(view: &mut View, id: EnrollmentId) -> Result<Option<Enrollment>, Error> {
    view.select(FIND).bind(id).optional().await
}

pub async fn insert(tx: &mut Tx, new: &Enrollment) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(new.id).bind(new.account).bind(new.product.clone());
    let insert = insert
        .bind(new.device.clone())
        .bind(new.rollout.clone())
        .bind(new.method)
        .bind(new.state)
        .bind(new.factor);
    let insert = insert.bind(new.seed.clone()).bind(new.tries).bind(new.created_at);
    insert.bind(new.expires_at).rows().await?;
    Ok(())
}

/// Compare-and-set of the state; `false` when it was not `from`, or the enrollment has expired.
pub async fn advance(
    tx: &mut Tx,
    id: EnrollmentId,
    from: EnrollmentState,
    to: EnrollmentState,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(MOVE).bind(id).bind(from).bind(to).bind(now).hit().await
}

/// Gives a confirmed enrollment its seed; `false` when it has one, is not confirmed, or has expired.
pub async fn reveal(tx: &mut Tx, id: EnrollmentId, seed: Sealed, now: Timestamp) -> Result<bool, Error> {
    tx.change(REVEAL).bind(id).bind(seed).bind(now).hit().await
}

/// Takes one try; `None` when the enrollment is closed, has expired or has no try left.
pub async fn take_try(
    tx: &mut Tx,
    id: EnrollmentId,
    limit: i64,
    now: Timestamp,
) -> Result<Option<Enrollment>, Error> {
    tx.change(TAKE_TRY).bind(id).bind(limit).bind(now).optional().await
}

/// Gives a try back that was taken for a code that was not evaluated.
pub async fn give_back(tx: &mut Tx, id: EnrollmentId) -> Result<(), Error> {
    tx.change(GIVE_BACK).bind(id).rows().await?;
    Ok(())
}

/// Ends the enrollment in success; `false` when it ended before, or has expired (INV-1, INV-4).
pub async fn activate(tx: &mut Tx, id: EnrollmentId, now: Timestamp) -> Result<bool, Error> {
    tx.change(ACTIVATE).bind(id).bind(now).hit().await
}

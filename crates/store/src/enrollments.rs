//! Table `enrollments`: pending factors.

use tidegate_core::{
    AccountId, DeviceId, Enrollment, EnrollmentId, EnrollmentState, FactorId, Method, ProductKey, Sealed,
    Timestamp,
};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

/// The columns of `Enrollment`.
macro_rules! enrollment {
    () => {
        "enrollment_id, account_id, product_key, device_id, rollout_key, method, state, factor_id, proved_by, material, label, tries, created_at, expires_at"
    };
}

sql! {
    Select FIND = (concat!("SELECT ", enrollment!(), " FROM enrollments WHERE realm_id = $1 AND enrollment_id = $2"));
    Change INSERT = (concat!("INSERT INTO enrollments (realm_id, ", enrollment!(), ") \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"));
    Change MOVE = "UPDATE enrollments SET state = $4 WHERE realm_id = $1 AND enrollment_id = $2 AND state = $3 AND expires_at > $5";
    Change REVEAL = "UPDATE enrollments SET state = $4, material = $5 \
        WHERE realm_id = $1 AND enrollment_id = $2 AND state = $3 AND expires_at > $6";
    Change CANCEL_OF_FACTOR = "UPDATE enrollments SET state = $4, material = NULL \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND state IN ($5, $6, $7)";
    Change CANCEL_ALL = "UPDATE enrollments SET state = $3, material = NULL \
        WHERE realm_id = $1 AND account_id = $2 AND state IN ($4, $5, $6)";
    Change TAKE_TRY = (concat!("UPDATE enrollments SET tries = tries + 1 \
        WHERE realm_id = $1 AND enrollment_id = $2 AND state = $3 AND tries < $4 AND expires_at > $5 RETURNING ", enrollment!()));
    Change GIVE_BACK = "UPDATE enrollments SET tries = tries - 1 WHERE realm_id = $1 AND enrollment_id = $2 AND tries > 0";
    Change ACTIVATE = "UPDATE enrollments SET state = $4, material = NULL \
        WHERE realm_id = $1 AND enrollment_id = $2 AND state = $3 AND expires_at > $5";
    Change SUPERSEDE = "UPDATE enrollments SET state = $6, material = NULL \
        WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 AND (device_id = $4 OR ($4 IS NULL AND device_id IS NULL)) AND method = $5 \
        AND state IN ($7, $8, $9) AND expires_at > $10 RETURNING enrollment_id";
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
            proved_by: row.get("proved_by")?,
            material: row.get("material")?,
            label: row.get("label")?,
            tries: row.get("tries")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// The id of a superseded enrollment.
struct Superseded(EnrollmentId);

impl Record for Superseded {
    const TABLE: &'static str = Enrollment::TABLE;
    const KEY: &'static str = Enrollment::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("enrollment_id").map(Self)
    }
}

pub async fn find(view: &mut View, id: EnrollmentId) -> Result<Option<Enrollment>, Error> {
    view.select(FIND).bind(id).optional().await
}

pub async fn insert(tx: &mut Tx, new: &Enrollment) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(new.id).bind(new.account).bind(new.product.clone());
    let insert = insert.bind(new.device.clone()).bind(new.rollout.clone()).bind(new.method).bind(new.state);
    let insert =
        insert.bind(new.factor).bind(new.proved_by).bind(new.material.clone()).bind(new.label.clone());
    insert.bind(new.tries).bind(new.created_at).bind(new.expires_at).rows().await?;
    Ok(())
}

/// Supersedes every pending enrollment of exactly this account, product, device and method; returns
/// their ids.
pub async fn supersede(
    tx: &mut Tx,
    account: AccountId,
    product: &ProductKey,
    device: Option<DeviceId>,
    method: Method,
    now: Timestamp,
) -> Result<Vec<EnrollmentId>, Error> {
    use EnrollmentState::{AwaitingConfirmation, AwaitingProof, Confirmed};
    let supersede = tx.change(SUPERSEDE).bind(account).bind(product.clone()).bind(device).bind(method);
    let supersede = supersede.bind(EnrollmentState::Superseded).bind(AwaitingConfirmation).bind(Confirmed);
    let superseded = supersede.bind(AwaitingProof).bind(now).all::<Superseded>().await?;
    Ok(superseded.into_iter().map(|Superseded(id)| id).collect())
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

/// Gives an enrollment that is in the state `from` its material; `false` when it is in another one, or has expired.
pub async fn reveal(
    tx: &mut Tx,
    (id, from): (EnrollmentId, EnrollmentState),
    material: Sealed,
    now: Timestamp,
) -> Result<bool, Error> {
    let reveal = tx.change(REVEAL).bind(id).bind(from);
    reveal.bind(EnrollmentState::AwaitingProof).bind(material).bind(now).hit().await
}

/// Takes one try; `None` when the enrollment is closed, has expired or has no try left.
pub async fn take_try(
    tx: &mut Tx,
    id: EnrollmentId,
    limit: i64,
    now: Timestamp,
) -> Result<Option<Enrollment>, Error> {
    tx.change(TAKE_TRY).bind(id).bind(EnrollmentState::AwaitingProof).bind(limit).bind(now).optional().await
}

/// Gives back a try that was taken for a code that was not evaluated.
pub async fn give_back(tx: &mut Tx, id: EnrollmentId) -> Result<(), Error> {
    tx.change(GIVE_BACK).bind(id).rows().await?;
    Ok(())
}

/// Ends the enrollment in success; `false` when it ended before, or has expired (INV-1, INV-4).
pub async fn activate(tx: &mut Tx, id: EnrollmentId, now: Timestamp) -> Result<bool, Error> {
    let activate = tx.change(ACTIVATE).bind(id).bind(EnrollmentState::AwaitingProof);
    activate.bind(EnrollmentState::Active).bind(now).hit().await
}

/// Cancels every pending enrollment of the account.
pub async fn cancel_all(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    use EnrollmentState::{AwaitingConfirmation, AwaitingProof, Confirmed};
    let cancel = tx.change(CANCEL_ALL).bind(account).bind(EnrollmentState::Cancelled);
    cancel.bind(AwaitingConfirmation).bind(Confirmed).bind(AwaitingProof).rows().await?;
    Ok(())
}

/// Cancels what would become a factor, or change one, that is removed.
pub async fn cancel_of_factor(tx: &mut Tx, account: AccountId, factor: FactorId) -> Result<(), Error> {
    use EnrollmentState::{AwaitingConfirmation, AwaitingProof, Confirmed};
    let cancel = tx.change(CANCEL_OF_FACTOR).bind(account).bind(factor).bind(EnrollmentState::Cancelled);
    cancel.bind(AwaitingConfirmation).bind(Confirmed).bind(AwaitingProof).rows().await?;
    Ok(())
}

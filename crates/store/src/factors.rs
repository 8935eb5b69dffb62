//! Table `factors`: active factors. A pending factor is a row of `enrollments` (INV-22).

use tidegate_core::{AccountId, Factor, FactorId, Material, Method, Sealed, Step, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT factor_id, account_id, method, seed, last_step, created_at, last_used_at FROM factors WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3";
    Select OF_ACCOUNT = "SELECT factor_id, account_id, method, seed, last_step, created_at, last_used_at FROM factors WHERE realm_id = $1 AND account_id = $2 ORDER BY factor_id";
    Change INSERT = "INSERT INTO factors (realm_id, factor_id, account_id, method, seed, last_step, created_at, last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    Change ACCEPT_STEP = "UPDATE factors SET last_step = $4, last_used_at = $5 \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND last_step < $4";
}

impl Record for Factor {
    const TABLE: &'static str = "factors";
    const KEY: &'static str = "factor_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let material = match row.get("method")? {
            Method::Totp => Material::Totp { seed: row.get("seed")?, last_step: row.get("last_step")? },
            Method::RecoveryCodes => Material::RecoveryCodes,
            Method::Password => return Err(Unreadable::new("method", "a password is not a factor row")),
        };
        Ok(Self {
            id: row.get("factor_id")?,
            account: row.get("account_id")?,
            material,
            created_at: row.get("created_at")?,
            last_used_at: row.get("last_used_at")?,
        })
    }
}

pub async fn find(view: &mut View, account: AccountId, id: FactorId) -> Result<Option<Factor>, Error> {
    view.select(FIND).bind(account).bind(id).optional().await
}

/// Oldest first.
pub async fn of_account(view: &mut View, account: AccountId) -> Result<Vec<Factor>, Error> {
    view.select(OF_ACCOUNT).bind(account).all().await
}

pub async fn insert(tx: &mut Tx, new: &Factor) -> Result<(), Error> {
    let (seed, last_step): (Option<Sealed>, Option<Step>) = match &new.material {
        Material::Totp { seed, last_step } => (Some(seed.clone()), Some(*last_step)),
        Material::RecoveryCodes => (None, None),
    };
    let insert =
        tx.change(INSERT).bind(new.id).bind(new.account).bind(new.method()).bind(seed).bind(last_step);
    insert.bind(new.created_at).bind(new.last_used_at).rows().await?;
    Ok(())
}

/// Consumes a time step; `false` when this step or a later one was consumed before (INV-2).
pub async fn accept_step(
    tx: &mut Tx,
    account: AccountId,
    id: FactorId,
    step: Step,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(ACCEPT_STEP).bind(account).bind(id).bind(step).bind(now).hit().await
}

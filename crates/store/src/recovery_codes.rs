//! Table `recovery_codes`.

use tidegate_core::{AccountId, FactorId, RecoveryCode, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select LEFT = "SELECT factor_id, number, digest FROM recovery_codes \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND used_at IS NULL ORDER BY number";
    Select COUNT = "SELECT COUNT(*) AS codes_left FROM recovery_codes WHERE realm_id = $1 AND account_id = $2 AND used_at IS NULL";
    Change INSERT = "INSERT INTO recovery_codes (realm_id, account_id, factor_id, number, digest) VALUES ($1, $2, $3, $4, $5)";
    Change VOID = "DELETE FROM recovery_codes WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3";
    Change CONSUME = "UPDATE recovery_codes SET used_at = $5 \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND number = $4 AND used_at IS NULL";
}

impl Record for RecoveryCode {
    const TABLE: &'static str = "recovery_codes";
    const KEY: &'static str = "factor_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { number: row.get("number")?, digest: row.get("digest")? })
    }
}

/// The codes that were not used yet.
pub async fn left(view: &mut View, account: AccountId, factor: FactorId) -> Result<Vec<RecoveryCode>, Error> {
    view.select(LEFT).bind(account).bind(factor).all().await
}

struct CodesLeft(i64);

impl Record for CodesLeft {
    const TABLE: &'static str = RecoveryCode::TABLE;
    const KEY: &'static str = RecoveryCode::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("codes_left").map(Self)
    }
}

/// How many codes of the account were not used yet.
pub async fn count(view: &mut View, account: AccountId) -> Result<usize, Error> {
    let left = view.select(COUNT).bind(account).optional::<CodesLeft>().await?;
    Ok(left.and_then(|CodesLeft(left)| usize::try_from(left).ok()).unwrap_or(0))
}

pub async fn insert(
    tx: &mut Tx,
    account: AccountId,
    factor: FactorId,
    code: RecoveryCode,
) -> Result<(), Error> {
    tx.change(INSERT).bind(account).bind(factor).bind(code.number).bind(code.digest).rows().await?;
    Ok(())
}

/// Consumes a code; `false` when it was used before (INV-1).
pub async fn consume(
    tx: &mut Tx,
    account: AccountId,
    factor: FactorId,
    number: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.change(CONSUME).bind(account).bind(factor).bind(number).bind(now).hit().await
}

/// Voids the codes of a set, the used ones too.
pub async fn void(tx: &mut Tx, account: AccountId, factor: FactorId) -> Result<(), Error> {
    tx.change(VOID).bind(account).bind(factor).rows().await?;
    Ok(())
}

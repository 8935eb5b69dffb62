//! Table `recovery_codes`: the owner's own codes, and the access passes that support mails, which expire.

use tidegate_core::{AccountId, FactorId, RecoveryCode, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select LEFT = "SELECT factor_id, number, digest, expires_at FROM recovery_codes \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND used_at IS NULL AND (expires_at IS NULL OR expires_at > $4) ORDER BY number";
    Select OWN = "SELECT COUNT(*) AS codes, COUNT(used_at) AS used FROM recovery_codes \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND expires_at IS NULL";
    Select COUNT = "SELECT COUNT(*) AS codes_left FROM recovery_codes \
        WHERE realm_id = $1 AND account_id = $2 AND used_at IS NULL AND expires_at IS NULL";
    Change INSERT = "INSERT INTO recovery_codes (realm_id, account_id, factor_id, number, digest, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    Change VOID = "DELETE FROM recovery_codes WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3";
    Change VOID_PASSES = "DELETE FROM recovery_codes WHERE realm_id = $1 AND account_id = $2 AND expires_at IS NOT NULL";
    Change CONSUME = "UPDATE recovery_codes SET used_at = $5 \
        WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND number = $4 AND used_at IS NULL AND (expires_at IS NULL OR expires_at > $5)";
}

impl Record for RecoveryCode {
    const TABLE: &'static str = "recovery_codes";
    const KEY: &'static str = "factor_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let expires_at = row.get("expires_at")?;
        Ok(Self { number: row.get("number")?, digest: row.get("digest")?, expires_at })
    }
}

/// The codes that can be used now: those of the owner's set, and the access pass until it expires (INV-4).
pub async fn left(
    view: &mut View,
    account: AccountId,
    factor: FactorId,
    now: Timestamp,
) -> Result<Vec<RecoveryCode>, Error> {
    view.select(LEFT).bind(account).bind(factor).bind(now).all().await
}

/// The codes of the owner's own set. An access pass is none of them.
#[derive(Debug, Clone, Copy)]
pub struct OwnCodes {
    pub left: usize,
}

struct OwnCounted(i64, i64);

impl Record for OwnCounted {
    const TABLE: &'static str = RecoveryCode::TABLE;
    const KEY: &'static str = "codes";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self(row.get("codes")?, row.get("used")?))
    }
}

/// `None`: the owner made no codes, and the set holds an access pass at most.
pub async fn own(view: &mut View, account: AccountId, factor: FactorId) -> Result<Option<OwnCodes>, Error> {
    let counted = view.select(OWN).bind(account).bind(factor).optional().await?;
    Ok(counted
        .filter(|OwnCounted(codes, _)| *codes > 0)
        .map(|OwnCounted(codes, used)| OwnCodes { left: usize::try_from(codes - used).unwrap_or(0) }))
}

struct CodesLeft(i64);

impl Record for CodesLeft {
    const TABLE: &'static str = RecoveryCode::TABLE;
    const KEY: &'static str = RecoveryCode::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("codes_left").map(Self)
    }
}

/// How many codes of the owner's own set were not used yet.
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
    tx.change(INSERT)
        .bind(account)
        .bind(factor)
        .bind(code.number)
        .bind(code.digest)
        .bind(code.expires_at)
        .rows()
        .await?;
    Ok(())
}

/// Consumes a code; `false` when it was used before, or has expired (INV-1, INV-4).
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

/// Voids the access passes of the account, the used ones too.
pub async fn void_passes(tx: &mut Tx, account: AccountId) -> Result<(), Error> {
    tx.change(VOID_PASSES).bind(account).rows().await?;
    Ok(())
}

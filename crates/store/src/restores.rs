//! Table `restores`: how far `tidegate restored` has come in each realm. The other statements are about every table that holds
//! what was issued before the restore, in the lock order: those of a whole realm, and those of a page of accounts.

use tidegate_core::{AccountId, Factor, FactorId, Mark, Method, Session, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    factors::factor,
    sessions::session,
    statement::sql,
};

sql! {
    Select FIND = "SELECT after_account, ended_at FROM restores WHERE realm_id = $1";
    Change BEGIN = "INSERT INTO restores (realm_id, after_account) VALUES ($1, $2) ON CONFLICT (realm_id) DO NOTHING";
    Change ADVANCE = "UPDATE restores SET after_account = $2 WHERE realm_id = $1";
    Change END = "UPDATE restores SET ended_at = $2 WHERE realm_id = $1";
    Change FORGET = "DELETE FROM restores WHERE realm_id = $1";
    Change CLAIMS = "DELETE FROM requests WHERE realm_id = $1 AND outcome IS NULL";
    Change SECRETS = "UPDATE requests SET secrets = NULL WHERE realm_id = $1 AND secrets IS NOT NULL";
    Change PASSKEY_REQUESTS = "DELETE FROM passkey_requests WHERE realm_id = $1";
    Change RECOVERIES = "DELETE FROM recoveries WHERE realm_id = $1";
    Change DELIVERIES = "UPDATE deliveries SET state = 'failed', problem = 'expired', payload = NULL, ended_at = $2 WHERE realm_id = $1 AND state = 'queued'";
    Change LEASES = "DELETE FROM leases WHERE realm_id = $1";
    Change LINKS = "UPDATE links SET superseded_at = $4 WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 \
        AND used_at IS NULL AND superseded_at IS NULL";
    Change ENROLLMENTS = "UPDATE enrollments SET state = 'cancelled', material = NULL WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 \
        AND state IN ('awaiting_confirmation', 'confirmed', 'awaiting_proof')";
    Change EPOCHS = "UPDATE accounts SET epoch = COALESCE(epoch, 0) + 1 WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3";
    Change EMAIL_CHANGES = "UPDATE email_changes SET state = 'superseded', ended_at = $4 WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 \
        AND state IN ('asked', 'claimed')";
    Change SIGN_INS = "UPDATE sign_ins SET state = 'cancelled' WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 \
        AND state NOT IN ('completed', 'cancelled')";
    Select SESSIONS = (concat!("SELECT ", session!(), " FROM sessions WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 AND end_reason IS NULL \
        AND (expires_at > $4 OR refresh_until > $4) ORDER BY session_id"));
    Select DEVICES = "SELECT DISTINCT account_id FROM devices WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 ORDER BY account_id";
    Change FORGET_DEVICES = "DELETE FROM devices WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3";
    Change CHALLENGES = "UPDATE challenges SET state = 'cancelled' WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 AND state = 'open'";
    Select FACTORS = (concat!("SELECT ", factor!(), " FROM factors WHERE realm_id = $1 AND account_id > $2 AND account_id <= $3 AND method = $4 ORDER BY factor_id"));
    Change RAISE_MARK = "UPDATE factors SET mark = $4 WHERE realm_id = $1 AND account_id = $2 AND factor_id = $3 AND mark < $4";
}

/// How far a realm is.
#[derive(Debug, Clone, Copy)]
pub struct RestorePlace {
    /// The last account that is done.
    pub after: AccountId,
    pub ended_at: Option<Timestamp>,
}

impl Record for RestorePlace {
    const TABLE: &'static str = "restores";
    const KEY: &'static str = "after_account";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { after: row.get("after_account")?, ended_at: row.get("ended_at")? })
    }
}

struct OfDevice(AccountId);

impl Record for OfDevice {
    const TABLE: &'static str = "devices";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("account_id").map(Self)
    }
}

/// Accounts from the one after `after` to `last`.
#[derive(Debug, Clone, Copy)]
pub struct AccountRange {
    pub after: AccountId,
    pub last: AccountId,
}

/// `None`: the realm was not begun.
pub async fn find(view: &mut View) -> Result<Option<RestorePlace>, Error> {
    view.select(FIND).optional().await
}

/// `false` when the realm was begun before.
pub async fn begin(tx: &mut Tx, first: AccountId) -> Result<bool, Error> {
    tx.change(BEGIN).bind(first).hit().await
}

/// Everything up to the account is done.
pub async fn advance(tx: &mut Tx, last: AccountId) -> Result<(), Error> {
    tx.change(ADVANCE).bind(last).rows().await.map(drop)
}

/// The realm is done.
pub async fn end(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    tx.change(END).bind(now).rows().await.map(drop)
}

/// The whole restore is done, or a new one begins.
pub async fn forget(tx: &mut Tx) -> Result<(), Error> {
    tx.change(FORGET).rows().await.map(drop)
}

/// Voids what belongs to no account, or is found without one: requests under way, secrets of responses, messages that wait,
/// and leases of programs that are gone.
pub async fn void_realm(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    for statement in [CLAIMS, SECRETS, PASSKEY_REQUESTS, RECOVERIES] {
        tx.change(statement).rows().await?;
    }
    tx.change(DELIVERIES).bind(now).rows().await?;
    tx.change(LEASES).rows().await?;
    Ok(())
}

/// Voids links, enrollments, changes of addresses, sign-ins and challenges, and raises the epochs.
pub async fn void_accounts(tx: &mut Tx, range: AccountRange, now: Timestamp) -> Result<(), Error> {
    let AccountRange { after, last } = range;
    tx.change(LINKS).bind(after).bind(last).bind(now).rows().await?;
    tx.change(ENROLLMENTS).bind(after).bind(last).rows().await?;
    tx.change(EPOCHS).bind(after).bind(last).rows().await?;
    tx.change(EMAIL_CHANGES).bind(after).bind(last).bind(now).rows().await?;
    for statement in [SIGN_INS, CHALLENGES] {
        tx.change(statement).bind(after).bind(last).rows().await?;
    }
    Ok(())
}

/// Sessions that are not over.
pub async fn sessions(view: &mut View, range: AccountRange, now: Timestamp) -> Result<Vec<Session>, Error> {
    view.select(SESSIONS).bind(range.after).bind(range.last).bind(now).all().await
}

/// Forgets every device; returns whose they were.
pub async fn forget_devices(tx: &mut Tx, range: AccountRange) -> Result<Vec<AccountId>, Error> {
    let AccountRange { after, last } = range;
    let found: Vec<OfDevice> = tx.select(DEVICES).bind(after).bind(last).all().await?;
    if !found.is_empty() {
        tx.change(FORGET_DEVICES).bind(after).bind(last).rows().await?;
    }
    Ok(found.into_iter().map(|OfDevice(account)| account).collect())
}

/// The factors of one method.
pub async fn factors(view: &mut View, range: AccountRange, method: Method) -> Result<Vec<Factor>, Error> {
    view.select(FACTORS).bind(range.after).bind(range.last).bind(method).all().await
}

/// Raises the mark to at least this one.
pub async fn raise_mark(
    tx: &mut Tx,
    account: AccountId,
    factor: FactorId,
    mark: Mark,
) -> Result<bool, Error> {
    tx.change(RAISE_MARK).bind(account).bind(factor).bind(mark).hit().await
}

//! Erases an account that was deleted. The statements are about every table that holds something of an account, in the lock
//! order. Its events stay: they are of the record, and their personal fields cannot be opened without the account's key.
//! Its deliveries stay without their payloads. What is kept under a keyed digest of an address (`sends`) names nobody.

use tidegate_core::{AccountId, Sealed, Timestamp};

use crate::{Error, Tx, statement::sql};

sql! {
    Change LINKS = "DELETE FROM links WHERE realm_id = $1 AND account_id = $2";
    Change ENROLLMENTS = "DELETE FROM enrollments WHERE realm_id = $1 AND account_id = $2";
    Change ACCOUNT = "UPDATE accounts SET external_id = NULL, email = NULL, email_canonical = NULL, email_since = NULL, email_verified_at = NULL, \
        country = NULL, customer_key = NULL, labels = NULL, state = 'purged', two_step_since = NULL, personal_key = $3, import_digest = NULL, \
        changes_locked_at = NULL, check_up_asked_at = NULL \
        WHERE realm_id = $1 AND account_id = $2 AND state = 'deleted' AND deleted_at <= $4";
    Change EMAIL_CHANGES = "DELETE FROM email_changes WHERE realm_id = $1 AND account_id = $2";
    Change SIGN_INS = "DELETE FROM sign_ins WHERE realm_id = $1 AND account_id = $2";
    Change SESSIONS = "DELETE FROM sessions WHERE realm_id = $1 AND account_id = $2";
    Change DEVICES = "DELETE FROM devices WHERE realm_id = $1 AND account_id = $2";
    Change CHALLENGES = "DELETE FROM challenges WHERE realm_id = $1 AND account_id = $2";
    Change PAUSES = "DELETE FROM pauses WHERE realm_id = $1 \
        AND factor_id IN (SELECT factor_id FROM factors WHERE realm_id = $1 AND account_id = $2)";
    Change ATTEMPTS = "DELETE FROM attempts WHERE realm_id = $1 \
        AND counter_id IN (SELECT factor_id FROM factors WHERE realm_id = $1 AND account_id = $2)";
    Change FACTORS = "DELETE FROM factors WHERE realm_id = $1 AND account_id = $2";
    Change RECOVERY_CODES = "DELETE FROM recovery_codes WHERE realm_id = $1 AND account_id = $2";
    Change LEDGER = "DELETE FROM ledger WHERE realm_id = $1 AND account_id = $2";
    Change INTEREST = "DELETE FROM interest WHERE realm_id = $1 AND account_id = $2";
    Change PASSWORDS = "DELETE FROM passwords WHERE realm_id = $1 AND account_id = $2";
    Change DELIVERIES = "UPDATE deliveries SET payload = NULL, gateway_id = NULL, \
        state = CASE WHEN state = 'queued' THEN 'failed' ELSE state END, \
        problem = CASE WHEN state = 'queued' THEN 'expired' ELSE problem END, \
        ended_at = COALESCE(ended_at, $3) WHERE realm_id = $1 AND account_id = $2";
}

/// Leaves of the account its id, its state, and when it was created and deleted. `false`: it is not deleted any more, or
/// was deleted later than `before`; then the caller must roll back. The counters of its password are removed by the caller.
pub async fn erase(
    tx: &mut Tx,
    account: AccountId,
    before: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    for table in [LINKS, ENROLLMENTS] {
        tx.change(table).bind(account).rows().await?;
    }
    if !tx.change(ACCOUNT).bind(account).bind(Sealed(Vec::new())).bind(before).hit().await? {
        return Ok(false);
    }
    for table in [EMAIL_CHANGES, SIGN_INS, SESSIONS, DEVICES, CHALLENGES, PAUSES, ATTEMPTS] {
        tx.change(table).bind(account).rows().await?;
    }
    for table in [FACTORS, RECOVERY_CODES, LEDGER, INTEREST, PASSWORDS] {
        tx.change(table).bind(account).rows().await?;
    }
    tx.change(DELIVERIES).bind(account).bind(now).rows().await?;
    Ok(true)
}

//! What a clock that was ahead has left in the database: instants that have not come yet. Changes rows of many tables, each
//! statement those of one, in the lock order.
//!
//! Two kinds of rows matter. Some keep people out until their instant comes: the mark of a TOTP factor, budgets of guesses
//! and of sends. They are brought down to now, and counts stay as they are. Others let people in: what the wrong clock had
//! called expired would be valid again, and what was made by it would be valid for too long. They end now (INV-54).

use std::collections::BTreeSet;

use tidegate_core::{AccountId, Mark, Timestamp};

use crate::{
    Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    sends,
    statement::{Change, sql},
};

sql! {
    Change REQUESTS = "UPDATE requests SET lease_until = $2 WHERE realm_id = $1 AND outcome IS NULL AND lease_until > $2";
    Change LINKS = "UPDATE links SET expires_at = $2 WHERE realm_id = $1 AND expires_at > $2 AND (created_at > $2 OR expires_at <= $3) RETURNING account_id";
    Change PASSKEY_REQUESTS = "UPDATE passkey_requests SET expires_at = $2 WHERE realm_id = $1 AND expires_at > $2";
    Change RECOVERIES = "UPDATE recoveries SET expires_at = $2 WHERE realm_id = $1 AND expires_at > $2";
    Change ENROLLMENTS = "UPDATE enrollments SET expires_at = $2 WHERE realm_id = $1 AND expires_at > $2 AND (created_at > $2 OR expires_at <= $3) RETURNING account_id";
    Change SIGN_INS = "UPDATE sign_ins SET expires_at = $2 WHERE realm_id = $1 AND expires_at > $2 AND (created_at > $2 OR expires_at <= $3)";
    // A session also expires when it is not used for a time; one that is not over now, and was over by the wrong clock, ends.
    Change SESSIONS = {
        sqlite: "UPDATE sessions SET expires_at = $2, refresh_until = CASE WHEN refresh_until > $2 THEN $2 ELSE refresh_until END \
            WHERE realm_id = $1 AND ended_at IS NULL AND expires_at > $2 \
            AND (created_at > $2 OR expires_at <= $3 OR last_used_at + idle <= $3) RETURNING account_id",
        postgres: "UPDATE sessions SET expires_at = $2, refresh_until = CASE WHEN refresh_until > $2 THEN $2 ELSE refresh_until END \
            WHERE realm_id = $1 AND ended_at IS NULL AND expires_at > $2 \
            AND (created_at > $2 OR expires_at <= $3 OR last_used_at + idle * INTERVAL '1 microsecond' <= $3) RETURNING account_id"
    };
    Change USES = "UPDATE sessions SET last_used_at = $2 WHERE realm_id = $1 AND last_used_at > $2 AND ended_at IS NULL";
    Change DEVICES = "UPDATE devices SET trusted_until = $2 WHERE realm_id = $1 AND trusted_until > $2 AND (rotated_at > $2 OR trusted_until <= $3) RETURNING account_id";
    Change CHALLENGES = "UPDATE challenges SET expires_at = $2 WHERE realm_id = $1 AND expires_at > $2 AND (created_at > $2 OR expires_at <= $3) RETURNING account_id";
    Change MARKS = "UPDATE factors SET mark = $2 WHERE realm_id = $1 AND method = 'totp' AND mark > $2 AND mark <= $3 RETURNING account_id";
    Change RECOVERY_CODES = "UPDATE recovery_codes SET expires_at = $2 WHERE realm_id = $1 AND expires_at > $2 AND expires_at <= $3 RETURNING account_id";
    Change ATTEMPTS = "UPDATE attempts SET revision = revision + 1, hour_began = CASE WHEN hour_began > $2 THEN $2 ELSE hour_began END, \
        day_began = CASE WHEN day_began > $2 THEN $2 ELSE day_began END, last_at = CASE WHEN last_at > $2 THEN $2 ELSE last_at END \
        WHERE realm_id = $1 AND (hour_began > $2 OR day_began > $2 OR last_at > $2)";
    Change DELIVERIES = "UPDATE deliveries SET next_try_at = $2 WHERE realm_id = $1 AND state = 'queued' AND next_try_at > $2 AND created_at > $2";
    Change LEASES = "UPDATE leases SET until = $2 WHERE realm_id = $1 AND until > $2";
}

/// The rows of one realm that were changed, by what they are, and the accounts that they belong to, where the rows say it.
#[derive(Debug, Clone, Default)]
pub struct LeftAhead {
    pub counts: Vec<(&'static str, u64)>,
    pub accounts: BTreeSet<AccountId>,
}

struct OfAccount(AccountId);

impl Record for OfAccount {
    const TABLE: &'static str = "accounts";
    const KEY: &'static str = "account_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("account_id").map(Self)
    }
}

/// The steps of TOTP that lie between two instants, for one length of a step.
#[derive(Debug, Clone, Copy)]
pub struct StepsAhead {
    /// The last step that may have been used by now.
    pub now: Mark,
    /// The last one that the wrong clock can have accepted.
    pub until: Mark,
}

/// Brings everything between `now` and `until`, the latest instant that the wrong clock showed, down to now. No server may
/// use the database meanwhile.
pub async fn bring_back(
    tx: &mut Tx,
    now: Timestamp,
    until: Timestamp,
    steps: &[StepsAhead],
) -> Result<LeftAhead, Error> {
    let mut left = LeftAhead::default();
    tx.change(REQUESTS).bind(now).rows().await?;
    left.owned(tx, ("links", LINKS), now, until).await?;
    left.rows("requests for a passkey", tx.change(PASSKEY_REQUESTS).bind(now).rows().await?);
    left.rows("recoveries", tx.change(RECOVERIES).bind(now).rows().await?);
    left.owned(tx, ("enrollments", ENROLLMENTS), now, until).await?;
    left.rows("sign-ins", tx.change(SIGN_INS).bind(now).bind(until).rows().await?);
    left.owned(tx, ("sessions", SESSIONS), now, until).await?;
    tx.change(USES).bind(now).rows().await?;
    left.owned(tx, ("trusted devices", DEVICES), now, until).await?;
    left.owned(tx, ("challenges", CHALLENGES), now, until).await?;
    let mut factors = 0;
    for StepsAhead { now, until } in steps {
        let owners: Vec<OfAccount> = tx.change(MARKS).bind(*now).bind(*until).all().await?;
        factors += left.own(owners);
    }
    left.rows("authenticator apps", factors);
    left.owned(tx, ("recovery codes", RECOVERY_CODES), now, until).await?;
    left.rows("budgets of guesses", tx.change(ATTEMPTS).bind(now).rows().await?);
    left.rows("budgets of messages", sends::bring_back(tx, now).await?);
    left.rows("messages", tx.change(DELIVERIES).bind(now).rows().await?);
    tx.change(LEASES).bind(now).rows().await?;
    Ok(left)
}

impl LeftAhead {
    async fn owned(
        &mut self,
        tx: &mut Tx,
        (what, change): (&'static str, Change),
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), Error> {
        let owners: Vec<OfAccount> = tx.change(change).bind(now).bind(until).all().await?;
        let count = self.own(owners);
        self.rows(what, count);
        Ok(())
    }

    fn own(&mut self, owners: Vec<OfAccount>) -> u64 {
        let count = owners.len();
        self.accounts.extend(owners.into_iter().map(|owner| owner.0));
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn rows(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            self.counts.push((what, count));
        }
    }
}

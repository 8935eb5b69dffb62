//! Deletes what is over, of every table that would grow for ever, some rows at a time. `service::installation::retention` says
//! when a row may go, and why the others stay.
//!
//! A table is swept in one of two ways, and no statement reads more rows than it is told:
//! - A *walk* follows the primary key, which begins with a time or is small enough to be read through. It reads the next rows
//!   outside of the writer's transaction, and deletes those of them that are over.
//! - A *queue* has an index by the time from which on a row is over, and deletes from its front.
//!
//! Each condition is asked again by the statement that deletes. On PostgreSQL rows that another transaction holds are skipped,
//! so that a sweep waits for no call, and takes part in no deadlock. The array of ids is found first: a plan with `IN` may read
//! the whole table.

use tidegate_core::Timestamp;
use uuid::Uuid;

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::{Change, Select, sql},
};

/// The next rows of a walk: `$2` after, `$3` up to, `$4` the limit of rows, `$5` over since.
macro_rules! next {
    ($table:literal, $id:literal, $over:literal) => {
        concat!(
            "SELECT ",
            $id,
            " AS id, CAST(CASE WHEN ",
            $over,
            " THEN 1 ELSE 0 END AS BIGINT) AS over FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $id,
            " > $2 AND ",
            $id,
            " <= $3 ORDER BY ",
            $id,
            " LIMIT $4"
        )
    };
}

/// Deletes the rows of a walk that are over: `$2` after, `$3` up to, `$4` over since.
macro_rules! walk {
    (sqlite $table:literal, $id:literal, $over:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $id,
            " > $2 AND ",
            $id,
            " <= $3 AND ",
            $over
        )
    };
    (postgres $table:literal, $id:literal, $over:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $id,
            " = ANY(ARRAY(SELECT ",
            $id,
            " FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $id,
            " > $2 AND ",
            $id,
            " <= $3 AND ",
            $over,
            " FOR UPDATE OF ",
            $table,
            " SKIP LOCKED))"
        )
    };
}

/// Since when the front of a queue is over: `$2` over since.
macro_rules! oldest {
    ($table:literal, $end:literal) => {
        concat!(
            "SELECT ",
            $end,
            " AS over_since FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $end,
            " <= $2 ORDER BY ",
            $end,
            " LIMIT 1"
        )
    };
}

/// The front of a queue: `$2` over since, `$3` the limit of rows.
macro_rules! front {
    (sqlite $change:literal, $table:literal, $id:literal, $end:literal) => {
        concat!(
            $change,
            " WHERE realm_id = $1 AND ",
            $id,
            " IN (SELECT ",
            $id,
            " FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $end,
            " <= $2 ORDER BY ",
            $end,
            " LIMIT $3)"
        )
    };
    (postgres $change:literal, $table:literal, $id:literal, $end:literal) => {
        concat!(
            $change,
            " WHERE realm_id = $1 AND ",
            $id,
            " = ANY(ARRAY(SELECT ",
            $id,
            " FROM ",
            $table,
            " WHERE realm_id = $1 AND ",
            $end,
            " <= $2 ORDER BY ",
            $end,
            " LIMIT $3 FOR UPDATE OF ",
            $table,
            " SKIP LOCKED))"
        )
    };
}

sql! {
    Select NEXT_REQUESTS = (next!("requests", "claim_id", "expires_at <= $5"));
    Change REQUESTS = {
        sqlite: walk!(sqlite "requests", "claim_id", "expires_at <= $4"),
        postgres: walk!(postgres "requests", "claim_id", "expires_at <= $4")
    };
    Select NEXT_ENROLLMENTS = (next!("enrollments", "enrollment_id", "expires_at <= $5"));
    Change ENROLLMENTS = {
        sqlite: walk!(sqlite "enrollments", "enrollment_id", "expires_at <= $4"),
        postgres: walk!(postgres "enrollments", "enrollment_id", "expires_at <= $4")
    };
    // A link by which the former address undoes the change is valid for a week.
    Select NEXT_EMAIL_CHANGES = (next!("email_changes", "change_id", "COALESCE(ended_at, created_at) <= $5"));
    Change EMAIL_CHANGES = {
        sqlite: walk!(sqlite "email_changes", "change_id", "COALESCE(ended_at, created_at) <= $4"),
        postgres: walk!(postgres "email_changes", "change_id", "COALESCE(ended_at, created_at) <= $4")
    };
    Select NEXT_SIGN_INS = (next!("sign_ins", "sign_in_id", "expires_at <= $5"));
    Change SIGN_INS = {
        sqlite: walk!(sqlite "sign_ins", "sign_in_id", "expires_at <= $4"),
        postgres: walk!(postgres "sign_ins", "sign_in_id", "expires_at <= $4")
    };
    Select NEXT_CHALLENGES = (next!("challenges", "challenge_id", "expires_at <= $5"));
    Change CHALLENGES = {
        sqlite: walk!(sqlite "challenges", "challenge_id", "expires_at <= $4"),
        postgres: walk!(postgres "challenges", "challenge_id", "expires_at <= $4")
    };
    // A delivery that has not ended is never deleted.
    Select NEXT_DELIVERIES = (next!("deliveries", "delivery_id", "state <> 'queued' AND ended_at <= $5"));
    Change DELIVERIES = {
        sqlite: walk!(sqlite "deliveries", "delivery_id", "state <> 'queued' AND ended_at <= $4"),
        postgres: walk!(postgres "deliveries", "delivery_id", "state <> 'queued' AND ended_at <= $4")
    };
    // Only a counter that equals a fresh one, so that no guess is given back (INV-9, INV-10).
    Select NEXT_ATTEMPTS = (next!("attempts", "counter_id",
        "in_row <= 0 AND COALESCE(settled, 0) <= 0 AND last_at <= $5 AND hour_began <= $5 AND day_began <= $5"));
    Change ATTEMPTS = {
        sqlite: walk!(sqlite "attempts", "counter_id",
            "in_row <= 0 AND COALESCE(settled, 0) <= 0 AND last_at <= $4 AND hour_began <= $4 AND day_began <= $4"),
        postgres: walk!(postgres "attempts", "counter_id",
            "in_row <= 0 AND COALESCE(settled, 0) <= 0 AND last_at <= $4 AND hour_began <= $4 AND day_began <= $4")
    };

    Select OLDEST_SECRETS = "SELECT secrets_until AS over_since FROM requests \
        WHERE realm_id = $1 AND secrets IS NOT NULL AND secrets_until <= $2 ORDER BY secrets_until LIMIT 1";
    Change SECRETS = {
        sqlite: "UPDATE requests SET secrets = NULL WHERE realm_id = $1 AND claim_id IN (SELECT claim_id FROM requests \
            WHERE realm_id = $1 AND secrets IS NOT NULL AND secrets_until <= $2 ORDER BY secrets_until LIMIT $3)",
        postgres: "UPDATE requests SET secrets = NULL WHERE realm_id = $1 AND claim_id = ANY(ARRAY(SELECT claim_id FROM requests \
            WHERE realm_id = $1 AND secrets IS NOT NULL AND secrets_until <= $2 ORDER BY secrets_until LIMIT $3 \
            FOR UPDATE OF requests SKIP LOCKED))"
    };
    Select OLDEST_LINKS = (oldest!("links", "expires_at"));
    Change LINKS = {
        sqlite: front!(sqlite "DELETE FROM links", "links", "token_digest", "expires_at"),
        postgres: front!(postgres "DELETE FROM links", "links", "token_digest", "expires_at")
    };
    Select OLDEST_PASSKEY_REQUESTS = (oldest!("passkey_requests", "expires_at"));
    Change PASSKEY_REQUESTS = {
        sqlite: front!(sqlite "DELETE FROM passkey_requests", "passkey_requests", "challenge", "expires_at"),
        postgres: front!(postgres "DELETE FROM passkey_requests", "passkey_requests", "challenge", "expires_at")
    };
    // The index `sessions_by_end` has this expression.
    Select OLDEST_SESSIONS = (oldest!("sessions",
        "COALESCE(ended_at, CASE WHEN refresh_until > expires_at THEN refresh_until ELSE expires_at END)"));
    Change SESSIONS = {
        sqlite: front!(sqlite "DELETE FROM sessions", "sessions", "session_id",
            "COALESCE(ended_at, CASE WHEN refresh_until > expires_at THEN refresh_until ELSE expires_at END)"),
        postgres: front!(postgres "DELETE FROM sessions", "sessions", "session_id",
            "COALESCE(ended_at, CASE WHEN refresh_until > expires_at THEN refresh_until ELSE expires_at END)")
    };
    Select OLDEST_SENDS = (oldest!("sends", "last_at"));
    Change SENDS = {
        sqlite: "DELETE FROM sends WHERE realm_id = $1 AND (destination, purpose) IN (SELECT destination, purpose FROM sends \
            WHERE realm_id = $1 AND last_at <= $2 ORDER BY last_at LIMIT $3)",
        postgres: "DELETE FROM sends WHERE realm_id = $1 AND ctid = ANY(ARRAY(SELECT ctid FROM sends \
            WHERE realm_id = $1 AND last_at <= $2 ORDER BY last_at LIMIT $3 FOR UPDATE OF sends SKIP LOCKED))"
    };
    Select OLDEST_ROLLOUT_HOURS = (oldest!("rollout_hours", "hour"));
    Change ROLLOUT_HOURS = "DELETE FROM rollout_hours WHERE realm_id = $1 AND hour = \
        (SELECT MIN(hour) FROM rollout_hours WHERE realm_id = $1 AND hour <= $2 AND CAST($3 AS BIGINT) > 0)";
}

/// A table that is swept along its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepWalk {
    Requests,
    Enrollments,
    EmailChanges,
    SignIns,
    Challenges,
    Deliveries,
    Attempts,
}

/// A table that is swept from the front of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepQueue {
    /// The rows stay, without their secrets.
    RequestSecrets,
    Links,
    PasskeyRequests,
    Sessions,
    Sends,
    /// The oldest hour at once.
    RolloutHours,
}

impl SweepWalk {
    const fn statements(self) -> (Select, Change) {
        match self {
            Self::Requests => (NEXT_REQUESTS, REQUESTS),
            Self::Enrollments => (NEXT_ENROLLMENTS, ENROLLMENTS),
            Self::EmailChanges => (NEXT_EMAIL_CHANGES, EMAIL_CHANGES),
            Self::SignIns => (NEXT_SIGN_INS, SIGN_INS),
            Self::Challenges => (NEXT_CHALLENGES, CHALLENGES),
            Self::Deliveries => (NEXT_DELIVERIES, DELIVERIES),
            Self::Attempts => (NEXT_ATTEMPTS, ATTEMPTS),
        }
    }
}

impl SweepQueue {
    const fn statements(self) -> (Select, Change) {
        match self {
            Self::RequestSecrets => (OLDEST_SECRETS, SECRETS),
            Self::Links => (OLDEST_LINKS, LINKS),
            Self::PasskeyRequests => (OLDEST_PASSKEY_REQUESTS, PASSKEY_REQUESTS),
            Self::Sessions => (OLDEST_SESSIONS, SESSIONS),
            Self::Sends => (OLDEST_SENDS, SENDS),
            Self::RolloutHours => (OLDEST_ROLLOUT_HOURS, ROLLOUT_HOURS),
        }
    }
}

/// A row that a walk comes by.
struct Passed {
    id: Uuid,
    over: bool,
}

impl Record for Passed {
    const TABLE: &'static str = "a table that is swept";
    const KEY: &'static str = "id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { id: row.get("id")?, over: row.get::<i64>("over")? > 0 })
    }
}

/// Some rows of a walk that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Before its first row.
    pub after: Uuid,
    pub last: Uuid,
    /// The first row that is over.
    pub first_over: Option<Uuid>,
}

/// The next rows after `after`, and up to `last`. `None`: there are none.
pub async fn next(
    view: &mut View,
    walk: SweepWalk,
    (after, last): (Uuid, Uuid),
    over_since: Timestamp,
    limit: i64,
) -> Result<Option<Stretch>, Error> {
    let select = view.select(walk.statements().0).bind(after).bind(last).bind(limit).bind(over_since);
    let passed: Vec<Passed> = select.all().await?;
    let first_over = passed.iter().find(|row| row.over).map(|row| row.id);
    Ok(passed.last().map(|row| Stretch { after, last: row.id, first_over }))
}

/// Deletes what is over in a stretch; returns how many rows.
pub async fn delete(
    tx: &mut Tx,
    walk: SweepWalk,
    stretch: Stretch,
    over_since: Timestamp,
) -> Result<u64, Error> {
    let delete = tx.change(walk.statements().1).bind(stretch.after).bind(stretch.last);
    delete.bind(over_since).rows().await
}

struct OverSince(Timestamp);

impl Record for OverSince {
    const TABLE: &'static str = Passed::TABLE;
    const KEY: &'static str = "over_since";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        row.get("over_since").map(Self)
    }
}

/// Since when the front of the queue is over, if that is at `over_since` or before.
pub async fn oldest(
    view: &mut View,
    queue: SweepQueue,
    over_since: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let oldest: Option<OverSince> = view.select(queue.statements().0).bind(over_since).optional().await?;
    Ok(oldest.map(|OverSince(at)| at))
}

/// Deletes up to `limit` rows from the front; returns how many.
pub async fn delete_front(
    tx: &mut Tx,
    queue: SweepQueue,
    over_since: Timestamp,
    limit: i64,
) -> Result<u64, Error> {
    tx.change(queue.statements().1).bind(over_since).bind(limit).rows().await
}

/// The least id of version 7 of that instant.
pub fn id_at(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.unix_micros() / 1_000).unwrap_or(0);
    Uuid::from_u128((millis << 80) | (7 << 76) | (2 << 62))
}

/// When the id was made; of version 7 only.
pub fn made_at(id: Uuid) -> Timestamp {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
    Timestamp::from_unix_micros(millis.saturating_mul(1_000))
}

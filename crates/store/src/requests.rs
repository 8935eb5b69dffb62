//! Table `requests`: idempotency keys and their first outcomes, for callers that retry. The primary key is the claim's id, so
//! that rows are stored in the order of time. `retention` deletes them.
//!
//! A row is claimed under a lease before the work, and holds the outcome after it. A caller that finds a claim whose
//! lease has ended may take it over; then the outcome of the first claimant is not stored any more.

use tidegate_core::{ClaimId, CredentialId, KeyedDigest, RequestId, Sealed, Timestamp};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change CLAIM = "INSERT INTO requests (realm_id, credential_id, method, request_id, body_digest, claim_id, lease_until, secrets_until, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
        ON CONFLICT (realm_id, credential_id, method, request_id) DO UPDATE SET body_digest = excluded.body_digest, claim_id = excluded.claim_id, \
        lease_until = excluded.lease_until, outcome = NULL, secrets = NULL, secrets_until = excluded.secrets_until, expires_at = excluded.expires_at \
        WHERE requests.expires_at <= $9 OR (requests.outcome IS NULL AND (requests.lease_until <= $9 OR requests.claim_id = $10))";
    Select FIND = "SELECT credential_id, body_digest, claim_id, lease_until, outcome, secrets, secrets_until, expires_at FROM requests \
        WHERE realm_id = $1 AND credential_id = $2 AND method = $3 AND request_id = $4";
    Change HOLD = "UPDATE requests SET lease_until = $6 \
        WHERE realm_id = $1 AND credential_id = $2 AND method = $3 AND request_id = $4 AND claim_id = $5 AND outcome IS NULL";
    Change SETTLE = "UPDATE requests SET outcome = $6, secrets = $7, secrets_until = $8, expires_at = $9 \
        WHERE realm_id = $1 AND credential_id = $2 AND method = $3 AND request_id = $4 AND claim_id = $5 AND outcome IS NULL";
    Change RELEASE = "DELETE FROM requests \
        WHERE realm_id = $1 AND credential_id = $2 AND method = $3 AND request_id = $4 AND claim_id = $5 AND outcome IS NULL";
}

/// Names a request: its credential, method and id.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub credential: CredentialId,
    /// The use case's name. One id in two methods is two requests, which never wait for each other.
    pub method: &'static str,
    pub request: RequestId,
}

/// The right to settle a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestClaim {
    pub key: Key,
    pub id: ClaimId,
    pub lease_until: Timestamp,
}

#[derive(Debug, Clone)]
pub struct Earlier {
    pub body: KeyedDigest,
    pub claim: ClaimId,
    pub lease_until: Timestamp,
    pub outcome: Option<Sealed>,
    pub secrets: Option<Sealed>,
    pub secrets_until: Timestamp,
    pub expires_at: Timestamp,
}

/// What is stored of a request that was carried out.
pub struct Settled {
    pub outcome: Sealed,
    pub secrets: Option<Sealed>,
    pub secrets_until: Timestamp,
    pub expires_at: Timestamp,
}

impl Record for Earlier {
    const TABLE: &'static str = "requests";
    const KEY: &'static str = "credential_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            body: row.get("body_digest")?,
            claim: row.get("claim_id")?,
            lease_until: row.get("lease_until")?,
            outcome: row.get("outcome")?,
            secrets: row.get("secrets")?,
            secrets_until: row.get("secrets_until")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// Claims the request; `false` when another copy of it has an outcome, or a claim whose lease has not ended. On PostgreSQL
/// a second claim waits here until the first one's transaction ends. `dead`: a claim whose process is dead, which does not
/// count.
pub async fn claim(
    tx: &mut Tx,
    (claim, dead): (RequestClaim, Option<ClaimId>),
    body: KeyedDigest,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    let Key { credential, method, request } = claim.key;
    let insert = tx.change(CLAIM).bind(credential).bind(method.to_owned()).bind(request).bind(body);
    let insert = insert.bind(claim.id).bind(claim.lease_until).bind(expires_at).bind(now);
    insert.bind(dead).hit().await
}

pub async fn find(view: &mut View, key: Key) -> Result<Option<Earlier>, Error> {
    view.select(FIND).bind(key.credential).bind(key.method.to_owned()).bind(key.request).optional().await
}

/// Locks the row for the rest of the transaction; `false` when another copy took the claim over.
pub async fn hold(tx: &mut Tx, claim: RequestClaim, lease_until: Timestamp) -> Result<bool, Error> {
    let Key { credential, method, request } = claim.key;
    let hold = tx.change(HOLD).bind(credential).bind(method.to_owned()).bind(request);
    hold.bind(claim.id).bind(lease_until).hit().await
}

/// Stores the outcome; `false` when another copy took the claim over.
pub async fn settle(tx: &mut Tx, claim: RequestClaim, settled: Settled) -> Result<bool, Error> {
    let Key { credential, method, request } = claim.key;
    let settle = tx.change(SETTLE).bind(credential).bind(method.to_owned()).bind(request).bind(claim.id);
    let settle = settle.bind(settled.outcome).bind(settled.secrets);
    settle.bind(settled.secrets_until).bind(settled.expires_at).hit().await
}

/// Deletes the claim after a refusal, so that the id can be used again.
pub async fn release(tx: &mut Tx, claim: RequestClaim) -> Result<(), Error> {
    let Key { credential, method, request } = claim.key;
    tx.change(RELEASE).bind(credential).bind(method.to_owned()).bind(request).bind(claim.id).rows().await?;
    Ok(())
}

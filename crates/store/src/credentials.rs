//! Table `credentials`: who may call. A credential is found before the realm is known, because it names the realm.

use tidegate_core::{
    Credential, CredentialId, EXPIRY_NOTICE, Issuers, ProductKey, Products, Timestamp, TokenDigest,
};

use crate::{
    Across, Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

macro_rules! columns {
    () => {
        "credential_id, realm_id, role, products, title, holder, issuers, created_by, token_digest, previous_digest, \
        previous_until, created_at, expires_at, revoked_at, last_used_at"
    };
}

sql! {
    Select FIND = (concat!("SELECT ", columns!(), " FROM credentials WHERE credential_id = $1"));
    Select PAGE = (concat!("SELECT ", columns!(), " FROM credentials WHERE realm_id = $1 AND credential_id > $2 \
        ORDER BY credential_id LIMIT $3"));
    Select GET = (concat!("SELECT ", columns!(), " FROM credentials WHERE realm_id = $1 AND credential_id = $2"));
    Change LOCK = (concat!("UPDATE credentials SET title = title WHERE realm_id = $1 AND credential_id = $2 RETURNING ", columns!()));
    Change INSERT = "INSERT INTO credentials (realm_id, credential_id, role, products, title, holder, issuers, created_by, \
        token_digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    Change REVOKE = "UPDATE credentials SET revoked_at = $3 WHERE realm_id = $1 AND credential_id = $2 AND revoked_at IS NULL";
    Change ROTATE = "UPDATE credentials SET token_digest = $3, previous_digest = $4, previous_until = $5, issuers = $6 \
        WHERE realm_id = $1 AND credential_id = $2";
    Change USED = "UPDATE credentials SET last_used_at = $3 WHERE realm_id = $1 AND credential_id = $2 \
        AND (last_used_at IS NULL OR last_used_at < $3)";
    Change WARNED = "UPDATE credentials SET warned_at = $3 WHERE realm_id = $1 AND credential_id = $2 \
        AND (warned_at IS NULL OR warned_at <= $4)";
    // Operators of all realms; the condition on the realm is always met.
    Select OTHER_OPERATOR = (concat!("SELECT ", columns!(), " FROM credentials WHERE credential_id <> $2 AND role = 'operator' \
        AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) \
        AND EXISTS (SELECT 1 FROM realms WHERE realm_id = $1) LIMIT 1"));
    Select EXPIRING = (concat!("SELECT ", columns!(), " FROM credentials WHERE revoked_at IS NULL AND expires_at > $1 \
        AND expires_at <= $2 AND (warned_at IS NULL OR warned_at <= $3) ORDER BY credential_id LIMIT $4"));
    Select OUTLOOK = "SELECT MIN(expires_at) AS next_expiry, \
        CAST(COALESCE(SUM(CASE WHEN expires_at <= $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS expiring, \
        CAST(COALESCE(SUM(CASE WHEN role = 'operator' THEN 1 ELSE 0 END), 0) AS BIGINT) AS operators, \
        CAST(COALESCE(SUM(CASE WHEN role = 'operator' AND (expires_at IS NULL OR expires_at > $2) THEN 1 ELSE 0 END), 0) AS BIGINT) \
        AS lasting_operators FROM credentials WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)";
}

/// A credential, and the digests that its token may have.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    pub credential: Credential,
    pub token: TokenDigest,
    /// Of the secret before the last rotation, accepted until `previous_until` of the credential.
    pub previous: Option<TokenDigest>,
}

impl Record for CredentialRow {
    const TABLE: &'static str = "credentials";
    const KEY: &'static str = "credential_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let products: Option<Vec<ProductKey>> = row.get("products")?;
        let issuers: Option<Issuers> = row.get("issuers")?;
        let credential = Credential {
            id: row.get("credential_id")?,
            realm: row.get("realm_id")?,
            role: row.get("role")?,
            products: products.map_or(Products::All, Products::Only),
            title: row.get("title")?,
            holder: row.get("holder")?,
            issuers: issuers.unwrap_or_else(Issuers::unknown),
            created_by: row.get("created_by")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            revoked_at: row.get("revoked_at")?,
            previous_until: row.get("previous_until")?,
            last_used_at: row.get("last_used_at")?,
        };
        Ok(Self { credential, token: row.get("token_digest")?, previous: row.get("previous_digest")? })
    }
}

/// How many credentials are live, and which of them end soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialOutlook {
    pub next_expiry: Option<Timestamp>,
    /// Those that expire within the time of notice.
    pub expiring: i64,
    pub operators: i64,
    /// Operators' credentials that last longer.
    pub lasting_operators: i64,
}

impl Record for CredentialOutlook {
    const TABLE: &'static str = "credentials";
    const KEY: &'static str = "operators";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            next_expiry: row.get("next_expiry")?,
            expiring: row.get("expiring")?,
            operators: row.get("operators")?,
            lasting_operators: row.get("lasting_operators")?,
        })
    }
}

/// What a rotation writes.
#[derive(Debug)]
pub struct Rotated {
    pub token: TokenDigest,
    /// The secret that is accepted beside it, and until when.
    pub previous: Option<(TokenDigest, Timestamp)>,
    pub issuers: Issuers,
}

pub async fn find(across: &mut Across, id: CredentialId) -> Result<Option<CredentialRow>, Error> {
    across.select(FIND).bind(id).optional().await
}

pub async fn get(view: &mut View, id: CredentialId) -> Result<Option<CredentialRow>, Error> {
    view.select(GET).bind(id).optional().await
}

/// Reads the credential and locks its row for the rest of the transaction.
pub async fn lock(tx: &mut Tx, id: CredentialId) -> Result<Option<CredentialRow>, Error> {
    tx.change(LOCK).bind(id).optional().await
}

/// Oldest first, after `after`.
pub async fn page(view: &mut View, after: CredentialId, limit: i64) -> Result<Vec<CredentialRow>, Error> {
    view.select(PAGE).bind(after).bind(limit).all().await
}

pub async fn insert(tx: &mut Tx, credential: &Credential, token: TokenDigest) -> Result<(), Error> {
    let products = match &credential.products {
        Products::All => None,
        Products::Only(keys) => Some(keys.clone()),
    };
    let insert = tx.change(INSERT).bind(credential.id).bind(credential.role).bind(products);
    let insert = insert.bind(credential.title.clone()).bind(credential.holder.clone());
    let insert = insert.bind(credential.issuers.clone()).bind(credential.created_by.clone()).bind(token);
    insert.bind(credential.created_at).bind(credential.expires_at).rows().await?;
    Ok(())
}

/// `false` when it was revoked before, or does not exist.
pub async fn revoke(tx: &mut Tx, id: CredentialId, now: Timestamp) -> Result<bool, Error> {
    tx.change(REVOKE).bind(id).bind(now).hit().await
}

/// Replaces the secret of the credential, whose row is locked.
pub async fn rotate(tx: &mut Tx, id: CredentialId, rotated: Rotated) -> Result<(), Error> {
    let (previous, until) = rotated.previous.unzip();
    let rotate = tx.change(ROTATE).bind(id).bind(rotated.token).bind(previous).bind(until);
    rotate.bind(rotated.issuers).rows().await.map(drop)
}

/// Writes a call that came later than what was written before.
pub async fn used(tx: &mut Tx, id: CredentialId, at: Timestamp) -> Result<(), Error> {
    tx.change(USED).bind(id).bind(at).rows().await.map(drop)
}

/// `false` when another one has warned since `before`.
pub async fn warned(tx: &mut Tx, id: CredentialId, now: Timestamp, before: Timestamp) -> Result<bool, Error> {
    tx.change(WARNED).bind(id).bind(now).bind(before).hit().await
}

/// Whether an operator's credential besides this one is live and stays so for the time of notice, in whatever realm. Only
/// under the lock of the installation does it stay true.
pub async fn other_operator(tx: &mut Tx, id: CredentialId, now: Timestamp) -> Result<bool, Error> {
    let found: Option<CredentialRow> =
        tx.select(OTHER_OPERATOR).bind(id).bind(now.plus(EXPIRY_NOTICE)).optional().await?;
    Ok(found.is_some())
}

/// Live credentials of all realms that expire within the time of notice, and of which nobody has warned since `before`.
pub async fn expiring(
    across: &mut Across,
    now: Timestamp,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<CredentialRow>, Error> {
    let select = across.select(EXPIRING).bind(now).bind(now.plus(EXPIRY_NOTICE));
    select.bind(before).bind(limit).all().await
}

/// Of all realms.
pub async fn outlook(across: &mut Across, now: Timestamp) -> Result<Option<CredentialOutlook>, Error> {
    across.select(OUTLOOK).bind(now).bind(now.plus(EXPIRY_NOTICE)).optional().await
}

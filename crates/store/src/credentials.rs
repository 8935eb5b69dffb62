//! Table `credentials`: who may call. A credential is found before the realm is known, because it names the realm.

use tidegate_core::{Credential, CredentialId, ProductKey, Products, Timestamp, TokenDigest};

use crate::{
    Across, Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT credential_id, realm_id, role, products, title, holder, token_digest, created_at, expires_at, revoked_at \
        FROM credentials WHERE credential_id = $1";
    Select PAGE = "SELECT credential_id, realm_id, role, products, title, holder, token_digest, created_at, expires_at, revoked_at \
        FROM credentials WHERE realm_id = $1 AND credential_id > $2 ORDER BY credential_id LIMIT $3";
    Select GET = "SELECT credential_id, realm_id, role, products, title, holder, token_digest, created_at, expires_at, revoked_at \
        FROM credentials WHERE realm_id = $1 AND credential_id = $2";
    Change INSERT = "INSERT INTO credentials (realm_id, credential_id, role, products, title, holder, token_digest, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    Change REVOKE = "UPDATE credentials SET revoked_at = $3 WHERE realm_id = $1 AND credential_id = $2 AND revoked_at IS NULL";
}

/// A credential, and the digest that its token must have.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    pub credential: Credential,
    pub token: TokenDigest,
}

impl Record for CredentialRow {
    const TABLE: &'static str = "credentials";
    const KEY: &'static str = "credential_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        let products: Option<Vec<ProductKey>> = row.get("products")?;
        let credential = Credential {
            id: row.get("credential_id")?,
            realm: row.get("realm_id")?,
            role: row.get("role")?,
            products: products.map_or(Products::All, Products::Only),
            title: row.get("title")?,
            holder: row.get("holder")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            revoked_at: row.get("revoked_at")?,
        };
        Ok(Self { credential, token: row.get("token_digest")? })
    }
}

pub async fn find(across: &mut Across, id: CredentialId) -> Result<Option<CredentialRow>, Error> {
    across.select(FIND).bind(id).optional().await
}

pub async fn get(view: &mut View, id: CredentialId) -> Result<Option<CredentialRow>, Error> {
    view.select(GET).bind(id).optional().await
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
    let insert = insert.bind(credential.title.clone()).bind(credential.holder.clone()).bind(token);
    insert.bind(credential.created_at).bind(credential.expires_at).rows().await?;
    Ok(())
}

/// `false` when it was revoked before, or does not exist.
pub async fn revoke(tx: &mut Tx, id: CredentialId, now: Timestamp) -> Result<bool, Error> {
    tx.change(REVOKE).bind(id).bind(now).hit().await
}

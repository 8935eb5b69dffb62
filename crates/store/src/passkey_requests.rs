//! Table `passkey_requests`: requests for a passkey that wait for their answer.

use tidegate_core::{DeviceId, ProductKey, Sealed, Timestamp};

use crate::{
    Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO passkey_requests (realm_id, challenge, product_key, device_id, material, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    Change TAKE = "DELETE FROM passkey_requests WHERE realm_id = $1 AND challenge = $2 \
        RETURNING challenge, product_key, device_id, material, expires_at";
}

/// A request, named by its random challenge.
#[derive(Debug, Clone)]
pub struct PasskeyRequest {
    pub challenge: Vec<u8>,
    pub product: ProductKey,
    pub device: Option<DeviceId>,
    pub material: Sealed,
    pub expires_at: Timestamp,
}

impl Record for PasskeyRequest {
    const TABLE: &'static str = "passkey_requests";
    const KEY: &'static str = "challenge";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            challenge: row.get("challenge")?,
            product: row.get("product_key")?,
            device: row.get("device_id")?,
            material: row.get("material")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

pub async fn insert(tx: &mut Tx, new: PasskeyRequest) -> Result<(), Error> {
    let insert = tx.change(INSERT).bind(new.challenge).bind(new.product).bind(new.device);
    insert.bind(new.material).bind(new.expires_at).rows().await?;
    Ok(())
}

/// Deletes the request and returns it: one answer is evaluated, whether it is right or wrong (INV-1).
pub async fn take(tx: &mut Tx, challenge: &[u8]) -> Result<Option<PasskeyRequest>, Error> {
    tx.change(TAKE).bind(challenge.to_vec()).optional().await
}

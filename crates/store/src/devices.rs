//! Table `devices`: the devices from which an account completed a sign-in, for each product.

use tidegate_core::{AccountId, DeviceId, KnownDevice, ProductKey};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT device_id, series_id, token_digest, previous_digest, rotated_at, trusted_until, created_at FROM devices \
        WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 AND device_id = $4";
    Change PUT = "INSERT INTO devices (realm_id, account_id, product_key, device_id, series_id, token_digest, previous_digest, rotated_at, trusted_until, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (realm_id, account_id, product_key, device_id) DO UPDATE SET \
        series_id = excluded.series_id, token_digest = excluded.token_digest, previous_digest = excluded.previous_digest, rotated_at = excluded.rotated_at, \
        trusted_until = excluded.trusted_until";
    Change PRUNE = "DELETE FROM devices WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 AND rotated_at < (SELECT rotated_at FROM devices \
        WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 ORDER BY rotated_at DESC LIMIT 1 OFFSET $4)";
    Change END_ALL_TRUST = "UPDATE devices SET trusted_until = NULL WHERE realm_id = $1 AND account_id = $2 AND trusted_until IS NOT NULL";
    Change END_TRUST = "UPDATE devices SET trusted_until = NULL \
        WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 AND device_id = $4 AND trusted_until IS NOT NULL";
}

impl Record for KnownDevice {
    const TABLE: &'static str = "devices";
    const KEY: &'static str = "device_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            device: row.get("device_id")?,
            series: row.get("series_id")?,
            token: row.get("token_digest")?,
            previous: row.get("previous_digest")?,
            rotated_at: row.get("rotated_at")?,
            trusted_until: row.get("trusted_until")?,
            created_at: row.get("created_at")?,
        })
    }
}

pub async fn find(
    view: &mut View,
    account: AccountId,
    product: &ProductKey,
    device: &DeviceId,
) -> Result<Option<KnownDevice>, Error> {
    view.select(FIND).bind(account).bind(product.clone()).bind(device.clone()).optional().await
}

/// Adds or replaces the device, and deletes all but the `most` that were used last.
pub async fn put(
    tx: &mut Tx,
    account: AccountId,
    product: &ProductKey,
    known: &KnownDevice,
    most: i64,
) -> Result<(), Error> {
    let put = tx
        .change(PUT)
        .bind(account)
        .bind(product.clone())
        .bind(known.device.clone())
        .bind(known.series)
        .bind(known.token);
    let put = put.bind(known.previous).bind(known.rotated_at).bind(known.trusted_until);
    put.bind(known.created_at).rows().await?;
    tx.change(PRUNE).bind(account).bind(product.clone()).bind(most - 1).rows().await?;
    Ok(())
}

/// Ends the device's trust; `false` when it was not trusted.
pub async fn end_trust(
    tx: &mut Tx,
    account: AccountId,
    product: &ProductKey,
    device: &DeviceId,
) -> Result<bool, Error> {
    tx.change(END_TRUST).bind(account).bind(product.clone()).bind(device.clone()).hit().await
}

/// Ends the trust of all devices of an account, at every product; returns how many were trusted.
pub async fn end_all_trust(tx: &mut Tx, account: AccountId) -> Result<u64, Error> {
    tx.change(END_ALL_TRUST).bind(account).rows().await
}

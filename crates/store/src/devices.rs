//! Table `devices`: the devices from which an account completed a sign-in, for each product.

use tidegate_core::{AccountId, DeviceId, Identifier, KnownDevice, ProductKey};

use crate::{
    Error, Tx, View,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Select FIND = "SELECT device_id, series_id, token_digest, previous_digest, rotated_at, trusted_until, epoch, client, created_at FROM devices \
        WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 AND device_id = $4";
    Select OF_IDENTIFIER = "SELECT device_id, series_id, token_digest, previous_digest, rotated_at, trusted_until, devices.epoch, client, devices.created_at FROM devices \
        JOIN accounts ON accounts.realm_id = $1 AND accounts.account_id = devices.account_id AND accounts.email_canonical = $2 \
        WHERE devices.realm_id = $1 AND product_key = $3 AND device_id = $4";
    Select OF_ACCOUNT = "SELECT product_key, device_id, series_id, token_digest, previous_digest, rotated_at, trusted_until, epoch, client, created_at FROM devices \
        WHERE realm_id = $1 AND account_id = $2 ORDER BY rotated_at DESC, product_key, device_id";
    Change FORGET = "DELETE FROM devices WHERE realm_id = $1 AND account_id = $2 AND product_key = $3 AND device_id = $4";
    Change FORGET_ALL = "DELETE FROM devices WHERE realm_id = $1 AND account_id = $2";
    Change PUT = "INSERT INTO devices (realm_id, account_id, product_key, device_id, series_id, token_digest, previous_digest, rotated_at, trusted_until, epoch, client, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (realm_id, account_id, product_key, device_id) DO UPDATE SET \
        series_id = excluded.series_id, token_digest = excluded.token_digest, previous_digest = excluded.previous_digest, rotated_at = excluded.rotated_at, \
        trusted_until = excluded.trusted_until, epoch = excluded.epoch, client = excluded.client";
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
            epoch: row.get::<Option<i64>>("epoch")?.unwrap_or_default(),
            client: row.get("client")?,
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

/// The device of the account that has this address, if there is one.
pub async fn of_identifier(
    view: &mut View,
    identifier: &Identifier,
    product: &ProductKey,
    device: &DeviceId,
) -> Result<Option<KnownDevice>, Error> {
    let find = view.select(OF_IDENTIFIER).bind(identifier.clone()).bind(product.clone());
    find.bind(device.clone()).optional().await
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
    put.bind(known.epoch).bind(known.client.clone()).bind(known.created_at).rows().await?;
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

/// A device, and the product at which it is known.
pub struct DeviceAt {
    pub product: ProductKey,
    pub device: KnownDevice,
}

impl Record for DeviceAt {
    const TABLE: &'static str = KnownDevice::TABLE;
    const KEY: &'static str = KnownDevice::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { product: row.get("product_key")?, device: KnownDevice::read(row)? })
    }
}

/// The devices of an account at all products. The one that signed in last comes first.
pub async fn of_account(view: &mut View, account: AccountId) -> Result<Vec<DeviceAt>, Error> {
    view.select(OF_ACCOUNT).bind(account).all().await
}

/// The device is not known any more; `false` when it was not.
pub async fn forget(
    tx: &mut Tx,
    account: AccountId,
    product: &ProductKey,
    device: &DeviceId,
) -> Result<bool, Error> {
    tx.change(FORGET).bind(account).bind(product.clone()).bind(device.clone()).hit().await
}

/// No device is known any more.
pub async fn forget_all(tx: &mut Tx, account: AccountId) -> Result<u64, Error> {
    tx.change(FORGET_ALL).bind(account).rows().await
}

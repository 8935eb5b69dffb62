//! Table `recoveries`: requests to reset a password that no worker has looked at.

use tidegate_core::{RealmId, RecoveryId, Sealed, Timestamp};

use crate::{
    Across, Error, Tx,
    column::{Row, Unreadable},
    executor::Record,
    statement::sql,
};

sql! {
    Change INSERT = "INSERT INTO recoveries (realm_id, recovery_id, material, expires_at) VALUES ($1, $2, $3, $4)";
    Change TAKE = "DELETE FROM recoveries WHERE realm_id = $1 AND recovery_id = $2 RETURNING recovery_id, material, expires_at";
    Select OLDEST = "SELECT realm_id, recovery_id FROM recoveries ORDER BY recovery_id LIMIT $1";
}

pub struct Recovery {
    pub id: RecoveryId,
    pub material: Sealed,
    pub expires_at: Timestamp,
}

impl Record for Recovery {
    const TABLE: &'static str = "recoveries";
    const KEY: &'static str = "recovery_id";
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self {
            id: row.get("recovery_id")?,
            material: row.get("material")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

pub async fn insert(tx: &mut Tx, new: Recovery) -> Result<(), Error> {
    tx.change(INSERT).bind(new.id).bind(new.material).bind(new.expires_at).rows().await?;
    Ok(())
}

/// Deletes the request and returns it; `None` when another worker took it.
pub async fn take(tx: &mut Tx, id: RecoveryId) -> Result<Option<Recovery>, Error> {
    tx.change(TAKE).bind(id).optional().await
}

/// Which request, and in which realm.
pub struct WaitingRecovery {
    pub realm: RealmId,
    pub id: RecoveryId,
}

impl Record for WaitingRecovery {
    const TABLE: &'static str = Recovery::TABLE;
    const KEY: &'static str = Recovery::KEY;
    fn read(row: &Row) -> Result<Self, Unreadable> {
        Ok(Self { realm: row.get("realm_id")?, id: row.get("recovery_id")? })
    }
}

/// The oldest requests of all realms.
pub async fn oldest(across: &mut Across, limit: i64) -> Result<Vec<WaitingRecovery>, Error> {
    across.select(OLDEST).bind(limit).all().await
}

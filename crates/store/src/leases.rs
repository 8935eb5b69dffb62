//! Table `leases`: background work of a realm that one replica does at a time.

use tidegate_core::{HolderId, Timestamp};

use crate::{Error, Tx, statement::sql};

sql! {
    Change CLAIM = "INSERT INTO leases (realm_id, name, holder, until) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (realm_id, name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
        WHERE leases.holder = excluded.holder OR leases.until <= $5";
}

/// A replica's claim to such work.
#[derive(Debug, Clone, Copy)]
pub struct LeaseClaim {
    pub name: &'static str,
    pub holder: HolderId,
    pub until: Timestamp,
}

/// Claims or renews the lease; `false` while another holder has it. The row stays locked to the end of the transaction,
/// so two holders never work at the same time, whatever their clocks say.
pub async fn claim(tx: &mut Tx, claim: LeaseClaim, now: Timestamp) -> Result<bool, Error> {
    let LeaseClaim { name, holder, until } = claim;
    tx.change(CLAIM).bind(name.to_owned()).bind(holder).bind(until).bind(now).hit().await
}

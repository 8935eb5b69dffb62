//! Reads one realm.

use tidegate_core::{Permission, Realm, RealmKey, Refusal};
use tidegate_store::realms;

use crate::{Desk, Error, Query};

#[derive(Debug)]
pub struct GetRealm {
    pub realm: RealmKey,
}

impl Query for GetRealm {
    const NAME: &'static str = "get_realm";
    const PERMISSION: Permission = Permission::RealmsRead;
    type Outcome = Realm;

    async fn run(self, desk: &Desk) -> Result<Realm, Error> {
        Ok(realms::find(&mut desk.across(), &self.realm).await?.ok_or(Refusal::RealmNotFound)?)
    }
}

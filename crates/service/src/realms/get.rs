//! Reads one realm.

use tidegate_core::{Permission, Realm, RealmKey, Refusal};
use tidegate_store::realms;

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetRealm {
    pub realm: RealmKey,
}

impl Query for GetRealm {
    const NAME: &'static str = "get_realm";
    const PERMISSION: Permission = Permission::RealmsRead;
    type Outcome = Realm;

    async fn run(self, cx: &QueryContext) -> Result<Realm, Error> {
        Ok(realms::find(&mut cx.across(), &self.realm).await?.ok_or(Refusal::RealmNotFound)?)
    }
}

//! Says who the caller is.

use tidegate_core::{Credential, Permission, RealmKey, Word as _};
use tidegate_store::{credentials, realms};

use crate::{Desk, Error, Fault, Query};

#[derive(Debug)]
pub struct WhoAmI;

/// The caller, as it is known.
#[derive(Debug)]
pub struct Self_ {
    pub credential: Credential,
    pub realm: RealmKey,
    pub permissions: Vec<Permission>,
}

impl Query for WhoAmI {
    const NAME: &'static str = "who_am_i";
    const PERMISSION: Permission = Permission::AnyCaller;
    type Outcome = Self_;

    async fn run(self, desk: &Desk) -> Result<Self_, Error> {
        let mut across = desk.across();
        let credential = credentials::find(&mut across, desk.caller.credential).await?;
        let realm = realms::get(&mut across, desk.caller.realm).await?;
        let permissions =
            Permission::ALL.iter().copied().filter(|permission| desk.caller.may(*permission)).collect();
        Ok(Self_ {
            credential: credential.ok_or(Fault::Dangling("credential"))?.credential,
            realm: realm.ok_or(Fault::Dangling("realm"))?.key,
            permissions,
        })
    }
}

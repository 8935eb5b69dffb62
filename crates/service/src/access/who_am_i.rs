//! Returns who the caller is.

use tidegate_core::{Agent, Credential, Permission, RealmKey, Word as _};
use tidegate_store::{credentials, realms};

use crate::{Error, Fault, Query, QueryContext, Share};

#[derive(Debug)]
pub struct WhoAmI;

/// What is known of the caller.
#[derive(Debug)]
pub struct Self_ {
    /// `None` for a person or a worker.
    pub credential: Option<Credential>,
    pub realm: RealmKey,
    pub permissions: Vec<Permission>,
}

impl Query for WhoAmI {
    const NAME: &'static str = "who_am_i";
    const PERMISSION: Permission = Permission::AnyCaller;
    const SHARE: Share = Share::Hot;
    type Outcome = Self_;

    async fn run(self, cx: &QueryContext) -> Result<Self_, Error> {
        let mut across = cx.across();
        let credential = match cx.agent() {
            Agent::Credential(caller) => {
                let found = credentials::find(&mut across, caller.credential).await?;
                Some(found.ok_or(Fault::Dangling("credential"))?.credential)
            }
            Agent::Person(_) | Agent::Worker { .. } => None,
        };
        let realm = realms::get(&mut across, cx.realm()).await?;
        let permissions =
            Permission::ALL.iter().copied().filter(|permission| cx.agent().may(*permission)).collect();
        Ok(Self_ { credential, realm: realm.ok_or(Fault::Dangling("realm"))?.key, permissions })
    }
}

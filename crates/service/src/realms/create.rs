//! Creates a realm. The event is recorded in the caller's realm.

use tidegate_core::{Fact, Permission, Realm, RealmKey, Refusal, Title};
use tidegate_store::realms;

use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct CreateRealm {
    pub key: RealmKey,
    pub title: Title,
}

impl Command for CreateRealm {
    const NAME: &'static str = "create_realm";
    const PERMISSION: Permission = Permission::RealmsManage;
    type Outcome = Realm;

    async fn run(self, cx: &CommandContext) -> Result<Realm, Error> {
        let realm = Realm { id: cx.new_id(), key: self.key, title: self.title, created_at: cx.now() };
        cx.idempotent(async |tx| {
            if !realms::insert(tx, &realm).await? {
                return Err(Refusal::KeyTaken.into());
            }
            cx.event(Fact::RealmCreated { realm: realm.key.clone() }).record(tx).await?;
            Ok(realm.clone())
        })
        .await
    }
}

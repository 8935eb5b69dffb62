//! Reads through the cache: from it where it is fresh, else from the database.

use std::{borrow::Cow, sync::Arc};

use tidegate_core::AccountRef;
use tidegate_rollout::bucket;
use tidegate_store::standings::{self, Known};

use super::{CacheVersion, Invalidation, Snapshot, rollouts};
use crate::{Fault, QueryContext};

impl QueryContext {
    /// The realm's products and rollouts.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, Fault> {
        let (cache, realm) = (self.cache(), self.realm());
        if let Some(known) = cache.fresh().and_then(|fresh| fresh.realm(realm)) {
            return Ok(known);
        }
        let version = cache.version(Invalidation::Realm(realm));
        let read = Arc::new(Snapshot::read(&mut self.view()).await?);
        cache.insert_realm(version, realm, read.clone());
        Ok(read)
    }

    /// What is known of one account; one query when it is not cached.
    pub(crate) async fn known(
        &self,
        snapshot: &Snapshot,
        account: &AccountRef,
    ) -> Result<Option<Arc<Known>>, Fault> {
        let name = name(account);
        let cached = self.cached(snapshot, &name);
        self.counts().looked_up(cached.is_some());
        if let Some(known) = cached {
            return Ok(Some(known));
        }
        let (version, mut view) = (self.version(account), self.view());
        let read = standings::find(&mut view, account).await?;
        Ok(read.map(|known| self.insert_account(version, snapshot, &name, known)))
    }

    pub(crate) fn cached(&self, snapshot: &Snapshot, name: &str) -> Option<Arc<Known>> {
        snapshot.places(self.cache().fresh()?.standing(self.realm(), name.as_bytes())?)
    }

    fn version(&self, account: &AccountRef) -> CacheVersion {
        match account {
            AccountRef::Id(id) => self.cache().version(Invalidation::Account(self.realm(), *id)),
            AccountRef::External(_) => self.cache().version_of_all(),
        }
    }

    pub(crate) fn insert_account(
        &self,
        version: CacheVersion,
        snapshot: &Snapshot,
        name: &str,
        mut known: Known,
    ) -> Arc<Known> {
        known.standing.buckets = bucket::all(rollouts(&snapshot.rollouts), &known.standing);
        let known = Arc::new(known);
        self.cache().insert_standing(version, self.realm(), name, known.clone());
        known
    }
}

/// The name of an account as a caller writes it: the cache's key.
pub(crate) fn name(account: &AccountRef) -> Cow<'_, str> {
    match account {
        AccountRef::Id(id) => id.to_string().into(),
        AccountRef::External(external) => external.as_str().into(),
    }
}

//! Reading what is remembered, and remembering what had to be read.

use std::{borrow::Cow, sync::Arc};

use tidegate_core::AccountRef;
use tidegate_rollout::bucket;
use tidegate_store::standings::{self, Known};

use super::{Concern, Snapshot, Ticket, rollouts};
use crate::{Fault, QueryContext};

impl QueryContext {
    /// The realm's products and rollouts.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, Fault> {
        let (memory, realm) = (self.memory(), self.realm());
        if let Some(known) = memory.believed().and_then(|believed| believed.realm(realm)) {
            return Ok(known);
        }
        let ticket = memory.ticket(Concern::Realm(realm));
        let read = Arc::new(Snapshot::read(&mut self.view()).await?);
        memory.keep_realm(ticket, realm, read.clone());
        Ok(read)
    }

    /// What is known of one account; one read when it is not remembered.
    pub(crate) async fn known(
        &self,
        snapshot: &Snapshot,
        account: &AccountRef,
    ) -> Result<Option<Arc<Known>>, Fault> {
        let name = name(account);
        if let Some(known) = self.remembered(snapshot, &name) {
            return Ok(Some(known));
        }
        let (ticket, mut view) = (self.ticket(account), self.view());
        let read = standings::find(&mut view, account).await?;
        Ok(read.map(|known| self.remember(ticket, snapshot, &name, known)))
    }

    pub(crate) fn remembered(&self, snapshot: &Snapshot, name: &str) -> Option<Arc<Known>> {
        snapshot.places(self.memory().believed()?.standing(self.realm(), name.as_bytes())?)
    }

    fn ticket(&self, account: &AccountRef) -> Ticket {
        match account {
            AccountRef::Id(id) => self.memory().ticket(Concern::Account(self.realm(), *id)),
            AccountRef::External(_) => self.memory().ticket_for_any(),
        }
    }

    pub(crate) fn remember(
        &self,
        ticket: Ticket,
        snapshot: &Snapshot,
        name: &str,
        mut known: Known,
    ) -> Arc<Known> {
        known.standing.buckets = bucket::all(rollouts(&snapshot.rollouts), &known.standing);
        let known = Arc::new(known);
        self.memory().keep_standing(ticket, self.realm(), name, known.clone());
        known
    }
}

/// As a caller writes it.
pub(crate) fn name(account: &AccountRef) -> Cow<'_, str> {
    match account {
        AccountRef::Id(id) => id.to_string().into(),
        AccountRef::External(external) => external.as_str().into(),
    }
}

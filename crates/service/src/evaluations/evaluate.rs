//! The decision for one account at one product.

use tidegate_core::{AccountRef, Decision, Permission, ProductKey, Refusal};
use tidegate_rollout::decide;
use tidegate_store::{rollouts, standings};

use crate::{Desk, Error, Query};

#[derive(Debug)]
pub struct Evaluate {
    pub product: ProductKey,
    pub account: AccountRef,
}

impl Query for Evaluate {
    const NAME: &'static str = "evaluate";
    const PERMISSION: Permission = Permission::Evaluate;
    type Outcome = Decision;

    async fn run(self, desk: &Desk) -> Result<Decision, Error> {
        let mut view = desk.view();
        let product = desk.product(&mut view, &self.product).await?;
        let known = match &self.account {
            AccountRef::Id(id) => standings::get(&mut view, *id).await?,
            AccountRef::External(id) => standings::by_external_id(&mut view, id).await?,
        };
        let standing = known.ok_or(Refusal::AccountNotFound)?.standing;
        let rollouts = rollouts::all(&mut view).await?;
        Ok(decide(&product, rollouts.iter(), &standing, desk.now()).decision())
    }
}

//! The decision for one account at one product.

use tidegate_core::{AccountRef, Decision, Permission, ProductKey, Refusal};
use tidegate_store::accounts;

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
        let account = accounts::find(&mut view, &self.account).await?.ok_or(Refusal::AccountNotFound)?;
        Ok(desk.decide(&mut view, &product, &account).await?)
    }
}

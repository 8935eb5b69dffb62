//! The decision for one account at one product.

use std::sync::Arc;

use tidegate_core::{AccountRef, Permission, ProductKey, Refusal, Timestamp};
use tidegate_rollout::Verdict;
use tidegate_store::standings::Known;

use crate::{Error, Query, QueryContext, Share, cache::ProductRollouts};

#[derive(Debug)]
pub struct Evaluate {
    pub product: ProductKey,
    pub account: AccountRef,
}

/// Everything that a decision is made from.
#[derive(Debug)]
pub struct Evaluated {
    pub(super) at: Arc<ProductRollouts>,
    pub(super) known: Arc<Known>,
    pub(super) now: Timestamp,
}

impl Evaluated {
    /// The decision. It borrows, because most callers only pass it on.
    pub fn verdict(&self) -> Verdict<'_> {
        self.at.decide(&self.known.standing, self.now)
    }
}

impl Query for Evaluate {
    const NAME: &'static str = "evaluate";
    const PERMISSION: Permission = Permission::Evaluate;
    const SHARE: Share = Share::Hot;
    type Outcome = Evaluated;

    async fn run(self, cx: &QueryContext) -> Result<Evaluated, Error> {
        cx.permit_products(std::iter::once(&self.product))?;
        let snapshot = cx.snapshot().await?;
        let at = snapshot.at(self.product.as_str()).ok_or(Refusal::ProductNotFound)?.clone();
        let known = cx.known(&snapshot, &self.account).await?.ok_or(Refusal::AccountNotFound)?;
        let evaluated = Evaluated { at, known, now: cx.now() };
        cx.counts().decided(evaluated.verdict().reason);
        Ok(evaluated)
    }
}

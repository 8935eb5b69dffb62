//! What ladders say of an account before it is created.

use tidegate_core::{Country, CustomerKey, LadderDecision, Permission, ProductKey, Refusal, Timestamp};
use tidegate_rollout::{Prospect, ladder::LadderAnswer};
use tidegate_store::customers;

use crate::{Error, Query, QueryContext, Share, cache};

#[derive(Debug)]
pub struct EvaluateProspect {
    pub product: ProductKey,
    pub customer: Option<CustomerKey>,
    pub country: Option<Country>,
}

#[derive(Debug)]
pub struct EvaluatedProspect {
    /// What the strictest ladder says. `None`: no ladder has come to a rung for such an account.
    pub ladder: Option<LadderDecision>,
    pub evaluated_at: Timestamp,
    pub next_change_at: Option<Timestamp>,
}

impl Query for EvaluateProspect {
    const NAME: &'static str = "evaluate_prospect";
    const PERMISSION: Permission = Permission::Evaluate;
    const SHARE: Share = Share::Hot;
    type Outcome = EvaluatedProspect;

    async fn run(self, cx: &QueryContext) -> Result<EvaluatedProspect, Error> {
        cx.permit_products(std::iter::once(&self.product))?;
        let snapshot = cx.snapshot().await?;
        let at = snapshot.at(self.product.as_str()).ok_or(Refusal::ProductNotFound)?;
        let customer = match &self.customer {
            Some(key) => {
                let found = customers::find(&mut cx.view(), key).await?;
                Some(found.ok_or(Refusal::CustomerNotFound)?)
            }
            None => None,
        };
        let now = cx.now();
        let prospect = Prospect { customer, country: self.country };
        let answer = prospect.ask(&self.product, cache::rollouts(&at.rollouts), now);
        Ok(EvaluatedProspect {
            ladder: answer.ladder.as_ref().map(LadderAnswer::decision),
            evaluated_at: now,
            next_change_at: answer.next_change_at,
        })
    }
}

//! Lists the accounts that are exempted from a rollout's ladder now. One whose rung is locked meanwhile is not: what support gave
//! it counts no more.

use std::collections::HashMap;

use tidegate_core::{AccountId, ExternalId, Id, Permission, Product, ProductKey, Refusal, RolloutKey};
use tidegate_store::{
    ledger::{self, Exemption},
    products, rollouts, standings,
};

use crate::{Error, Page, PageRequest, Query, QueryContext, Share, decisions};

#[derive(Debug)]
pub struct ListExemptions {
    pub rollout: RolloutKey,
    pub page: PageRequest,
}

#[derive(Debug)]
pub struct ExemptedAccount {
    pub exemption: Exemption,
    pub external_id: Option<ExternalId>,
}

impl Query for ListExemptions {
    const NAME: &'static str = "list_exemptions";
    const PERMISSION: Permission = Permission::AccountsList;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<ExemptedAccount>;

    async fn run(self, cx: &QueryContext) -> Result<Page<ExemptedAccount>, Error> {
        let mut view = cx.view();
        let rollout = rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let filter = rollout.key.to_string();
        let after = place(&cx.opened(&self.page, &filter)?);
        let (now, limit) = (cx.now(), self.page.limit());
        let found = ledger::exempted(&mut view, &rollout.key, now, after, limit).await?;
        let page = cx.page(&self.page, &filter, found, |one| format!("{} {}", one.account, one.product))?;
        let ids = page.items.iter().map(|one| one.account).collect();
        let known = standings::many(&mut view, ids, Vec::new()).await?;
        let known: HashMap<_, _> = known.into_iter().map(|known| (known.standing.account, known)).collect();
        let mut seen: HashMap<ProductKey, Option<Product>> = HashMap::new();
        let mut items = Vec::new();
        for exemption in page.items {
            if !cx.agent().covers(&exemption.product) {
                continue;
            }
            if !seen.contains_key(&exemption.product) {
                let product = products::find(&mut view, &exemption.product).await?;
                seen.insert(exemption.product.clone(), product);
            }
            let product = seen.get(&exemption.product).and_then(Option::as_ref);
            let (Some(product), Some(known)) = (product, known.get(&exemption.account)) else { continue };
            let decision = decisions::by_rollout(product, &rollout, &known.standing, now);
            if decision.ladder.is_some_and(|ladder| ladder.exempt_until.is_some()) {
                items.push(ExemptedAccount { exemption, external_id: known.external_id.clone() });
            }
        }
        Ok(Page { items, next: page.next })
    }
}

/// The account and the product at which the last page ended.
fn place(key: &str) -> (AccountId, String) {
    let (account, product) = key.split_once(' ').unwrap_or_default();
    (account.parse().unwrap_or(Id::MIN), product.to_owned())
}

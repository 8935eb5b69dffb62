//! Decisions for many pairs of account and product, each with an answer or a refusal of its own.

use std::collections::HashMap;

use tidegate_core::{AccountRef, Decision, Permission, Product, ProductKey, Refusal, Standing};
use tidegate_rollout::decide;
use tidegate_store::{rollouts, standings};

use crate::{Desk, Error, Query};

#[derive(Debug)]
pub struct BatchEvaluate {
    /// At most 256.
    pub items: Vec<Item>,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub product: ProductKey,
    pub account: AccountRef,
}

impl Query for BatchEvaluate {
    const NAME: &'static str = "batch_evaluate";
    const PERMISSION: Permission = Permission::EvaluateBatch;
    type Outcome = Vec<Result<Decision, Refusal>>;

    async fn run(self, desk: &Desk) -> Result<Self::Outcome, Error> {
        let mut view = desk.view();
        let products = products(desk, &self.items).await?;
        let rollouts = rollouts::all(&mut view).await?;
        let (mut ids, mut external) = (Vec::new(), Vec::new());
        for item in &self.items {
            match &item.account {
                AccountRef::Id(id) => ids.push(*id),
                AccountRef::External(id) => external.push(id.clone()),
            }
        }
        let found = standings::many(&mut view, ids, external).await?;
        let mut known: HashMap<AccountRef, &Standing> = HashMap::new();
        for account in &found {
            known.insert(AccountRef::Id(account.standing.account), &account.standing);
            if let Some(external) = &account.external_id {
                known.insert(AccountRef::External(external.clone()), &account.standing);
            }
        }
        let now = desk.now();
        let answer = |item: &Item| {
            let product = products.get(&item.product).ok_or(Refusal::ProductNotFound)?.as_ref();
            let product = product.map_err(Clone::clone)?;
            let standing = known.get(&item.account).ok_or(Refusal::AccountNotFound)?;
            Ok(decide(product, rollouts.iter(), standing, now).decision())
        };
        Ok(self.items.iter().map(answer).collect())
    }
}

/// Each product once, found or refused.
async fn products(
    desk: &Desk,
    items: &[Item],
) -> Result<HashMap<ProductKey, Result<Product, Refusal>>, Error> {
    let mut found = HashMap::new();
    for item in items {
        if !found.contains_key(&item.product) {
            let product = match desk.product(&mut desk.view(), &item.product).await {
                Ok(product) => Ok(product),
                Err(Error::Refused(refusal)) => Err(refusal),
                Err(failed) => return Err(failed),
            };
            found.insert(item.product.clone(), product);
        }
    }
    Ok(found)
}

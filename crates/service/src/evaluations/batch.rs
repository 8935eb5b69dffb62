//! Decisions for many pairs of account and product. Each pair gets its own answer or refusal.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tidegate_core::{AccountRef, Permission, ProductKey, Refusal};
use tidegate_store::standings::{self, Known};

use crate::{
    Error, Fault, Query, QueryContext, Share,
    cache::{ProductRollouts, Snapshot, name},
    evaluations::Evaluated,
};

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
    const SHARE: Share = Share::Hot;
    type Outcome = Vec<Result<Evaluated, Refusal>>;

    async fn run(self, cx: &QueryContext) -> Result<Self::Outcome, Error> {
        let (snapshot, now) = (cx.snapshot().await?, cx.now());
        let mut known: Vec<_> =
            self.items.iter().map(|item| cx.cached(&snapshot, &name(&item.account))).collect();
        if known.iter().any(Option::is_none) {
            read_missing(cx, &snapshot, &self.items, &mut known).await?;
        }
        let answer = |(item, known): (&Item, Option<Arc<Known>>)| {
            let at = at(cx, &snapshot, &item.product)?;
            let known = known.ok_or(Refusal::AccountNotFound)?;
            let evaluated = Evaluated { at, known, now };
            cx.counts().decided(evaluated.verdict().reason);
            Ok(evaluated)
        };
        Ok(self.items.iter().zip(known).map(answer).collect())
    }
}

/// A product that the caller's credential does not name is refused before it is looked up.
fn at(cx: &QueryContext, snapshot: &Snapshot, product: &ProductKey) -> Result<Arc<ProductRollouts>, Refusal> {
    cx.permit_products(std::iter::once(product))?;
    Ok(snapshot.at(product.as_str()).ok_or(Refusal::ProductNotFound)?.clone())
}

/// Reads the accounts that are not cached, all at once.
async fn read_missing(
    cx: &QueryContext,
    snapshot: &Snapshot,
    items: &[Item],
    known: &mut [Option<Arc<Known>>],
) -> Result<(), Fault> {
    let (mut ids, mut external) = (Vec::new(), Vec::new());
    for (item, _) in items.iter().zip(known.iter()).filter(|(_, known)| known.is_none()) {
        match &item.account {
            AccountRef::Id(id) => ids.push(*id),
            AccountRef::External(name) => external.push(name.clone()),
        }
    }
    let by_name: HashSet<_> = external.iter().cloned().map(AccountRef::External).collect();
    let version = cx.cache().version_of_all();
    let mut read: HashMap<AccountRef, Arc<Known>> = HashMap::new();
    for found in standings::many(&mut cx.view(), ids, external).await? {
        let external = found.external_id.clone();
        let id = AccountRef::Id(found.standing.account);
        // The account is cached under the name that the caller used, or under the external id if
        // the caller used both.
        let asked = external.clone().map(AccountRef::External).filter(|external| by_name.contains(external));
        let found = cx.insert_account(version, snapshot, &name(asked.as_ref().unwrap_or(&id)), found);
        read.insert(id, found.clone());
        if let Some(external) = external {
            read.insert(AccountRef::External(external), found);
        }
    }
    for (item, known) in items.iter().zip(known).filter(|(_, known)| known.is_none()) {
        *known = read.get(&item.account).cloned();
    }
    Ok(())
}

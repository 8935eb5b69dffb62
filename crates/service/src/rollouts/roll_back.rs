//! Takes waves back. Accounts that enrolled keep factors, settings and challenges (INV-42).

use std::collections::BTreeSet;

use tidegate_core::{Fact, NamesNothing, Nothing, Ordinal, Permission, ProductKey, Refusal, Rollout};
use tidegate_rollout::lifecycle;

use crate::{Command, CommandContext, Error};

use super::change::{Target, change, refusal};

#[derive(Debug)]
pub struct RollBackRollout {
    pub target: Target,
    /// The last wave that stays; zero: none stays.
    pub to: Ordinal,
    /// Where; empty: at every product.
    pub products: Vec<ProductKey>,
}

impl Command for RollBackRollout {
    const NAME: &'static str = "roll_back_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let (to, products) = (self.to, self.products);
        change(cx, &self.target, async |_, rollout| {
            roll_back(rollout, to, "products", &products)?;
            let (rollout, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::RolloutRolledBack { rollout, revision, to, products: products.clone() }))
        })
        .await
    }
}

/// Takes the waves of the rollout in memory back. A preview does no more.
pub(super) fn roll_back(
    rollout: &mut Rollout,
    to: Ordinal,
    field: &str,
    products: &[ProductKey],
) -> Result<(), Refusal> {
    let unknown =
        products.iter().enumerate().filter(|(_, product)| !rollout.all_products().any(|one| one == *product));
    let unknown = unknown.map(|(place, product)| NamesNothing {
        field: format!("{field}[{place}]"),
        what: Nothing::Product,
        name: Some(product.to_string()),
    });
    let names: Vec<_> = unknown.collect();
    if !names.is_empty() {
        return Err(Refusal::NamesNothing { names });
    }
    let products: BTreeSet<_> = products.iter().cloned().collect();
    lifecycle::roll_back(rollout, to, &products).map_err(refusal)
}

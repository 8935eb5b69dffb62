//! Removes a factor, for example of a lost phone.
//!
//! While two-step is on, or any product requires a second step, the account keeps as many usable factors as the policies
//! ask for (INV-21). An owner without another factor adds one first.

use tidegate_core::{
    Account, Factor, FactorId, MessagePurpose, Method, Permission, Product, Refusal, Requirement, Subject,
};
use tidegate_factors::policy::{self, NotRemovable};
use tidegate_store::{Tx, factors, products};

use crate::{
    Command, CommandContext, Denied, Error, Fault,
    acting::Acting,
    enrollments::{Switched, switch},
    notices::About,
    sessions::ending,
};

#[derive(Debug)]
pub struct RemoveFactor {
    pub subject: Subject,
    pub factor: FactorId,
}

/// Products that are read at a time.
const PAGE_SIZE: i64 = 100;

impl Command for RemoveFactor {
    const NAME: &'static str = "remove_factor";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = Switched;

    async fn run(self, cx: &CommandContext) -> Result<Switched, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        let session = acting.session()?.id;
        cx.idempotent(async |tx| {
            let (account, _) = switch::lock(cx, tx, &acting).await?;
            let all = factors::of_account(tx, account.id).await?;
            let removed = all.iter().find(|one| one.id == self.factor).ok_or(Refusal::FactorNotFound)?;
            switch::may_rebind(cx, tx, &account, session).await?;
            may_remove(cx, tx, (&acting, &account), (&all, removed)).await?;
            let from = (&account, &acting.product.key, &acting.client);
            super::end_sessions(cx, tx, (&acting, &account), removed).await?;
            ending::end_trust(cx, tx, (&account, &acting.client)).await?;
            super::remove(cx, tx, from, removed).await?;
            let about = About::factor(removed.label.clone());
            let whose = (&account, &acting.product, &acting.client);
            cx.notify(tx, whose, MessagePurpose::FactorRemoved, about).await?;
            // Codes without a second factor would recover nothing.
            let left: Vec<Factor> = all.iter().filter(|one| one.id != removed.id).cloned().collect();
            if !policy::has_enrolled(&left) && account.two_step_since.is_none() {
                for codes in left.iter().filter(|one| one.method == Method::RecoveryCodes) {
                    super::end_sessions(cx, tx, (&acting, &account), codes).await?;
                    super::remove(cx, tx, from, codes).await?;
                }
            }
            Ok(Switched(cx.decide(tx, &acting.product, account.id).await?))
        })
        .await
    }
}

/// Asks the policy of the subject's product, and of every other product that requires a second step.
async fn may_remove(
    cx: &CommandContext,
    tx: &mut Tx,
    (acting, account): (&Acting, &Account),
    (all, removed): (&[Factor], &Factor),
) -> Result<(), Denied> {
    // A factor that cannot be read is not usable: without it the account loses nothing.
    let usable: Vec<Factor> =
        all.iter().filter(|one| one.id == removed.id || cx.query().is_readable(one)).cloned().collect();
    let readable = cx.query().is_readable(removed);
    let mut after = String::new();
    loop {
        let page = products::page(tx, &after, PAGE_SIZE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        last.key.as_str().clone_into(&mut after);
        for product in &page {
            let requirement = required(cx, tx, account, product).await?;
            let may = policy::may_remove(&product.settings.methods, &usable, removed.id, requirement);
            let why = match may {
                Err(NotRemovable::Address) => "address",
                Err(NotRemovable::TooFewLeft) if readable => "last",
                Err(NotRemovable::Never) if product.key == acting.product.key => "policy",
                Err(NotRemovable::RequiredBy(_)) if product.key == acting.product.key => "required",
                Ok(()) | Err(_) => continue,
            };
            return Err(Refusal::FactorNotRemovable { why }.into());
        }
    }
}

/// What the account must meet at the product; at least a second step while two-step is on, because a product may ask
/// for one tomorrow.
async fn required(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    product: &Product,
) -> Result<Requirement, Fault> {
    let requirement = cx.decide(tx, product, account.id).await?.requirement;
    Ok(if account.two_step_since.is_some() { requirement.max(Requirement::SecondStep) } else { requirement })
}

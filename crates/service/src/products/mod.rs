//! Products.

mod create;
mod get;
mod list;
mod list_interest;
mod register_interest;
mod update;

pub use create::CreateProduct;
pub use get::GetProduct;
pub use list::ListProducts;
pub use list_interest::{Interested, ListInterest};
pub use register_interest::{RegisterInterest, Registered};
pub use tidegate_store::interest::Interest;
pub use update::{ProductChange, UpdateProduct};

use tidegate_core::{PolicyFlaw, ProductSettings, Refusal};
use tidegate_factors::{method, policy, webauthn};

crate::idempotency::outcomes!(tidegate_core::Product);

/// Refuses a policy that leaves no way to enroll.
fn acceptable(settings: &ProductSettings) -> Result<(), Refusal> {
    let mut flaws = policy::flaws(&settings.methods);
    let needs_party = settings.methods.methods().any(|method| method::rules(method).needs_relying_party);
    if needs_party && settings.relying_party.is_none() {
        flaws.push(PolicyFlaw::NoRelyingParty);
    }
    let party = settings.relying_party.as_ref();
    flaws.extend(party.and_then(webauthn::unreadable_root).map(PolicyFlaw::UnreadableRoot));
    if flaws.is_empty() { Ok(()) } else { Err(Refusal::MethodPolicyNotAcceptable { flaws }) }
}

//! Products.

mod create;
mod get;
mod get_method_directory;
mod list;
mod list_interest;
mod register_interest;
mod update;

pub use create::CreateProduct;
pub use get::GetProduct;
pub use get_method_directory::{GetMethodDirectory, MethodDirectory};
pub use list::ListProducts;
pub use list_interest::{Interested, ListInterest};
pub use register_interest::{RegisterInterest, Registered};
pub use tidegate_factors::directory::SupportedCategory;
pub use tidegate_store::interest::Interest;
pub use update::{ProductChange, UpdateProduct};

use tidegate_core::{DirectoryEntry, PolicyFlaw, ProductSettings, Refusal, Timestamp};
use tidegate_factors::{directory, method, policy, webauthn};

use crate::times;

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

/// Refuses a directory entry that was verified after now, or that declares what the policy decides.
fn listable(entry: Option<&DirectoryEntry>, now: Timestamp) -> Result<(), Refusal> {
    let Some(entry) = entry else { return Ok(()) };
    times::happened("settings.directory.verify_time", entry.verified_at, now)?;
    let declared = entry.declared.iter().map(|one| one.category);
    let flaws: Vec<_> =
        declared.filter(|one| !directory::is_declarable(*one)).map(PolicyFlaw::Declared).collect();
    if flaws.is_empty() { Ok(()) } else { Err(Refusal::MethodPolicyNotAcceptable { flaws }) }
}

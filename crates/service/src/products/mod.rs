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

use tidegate_core::{MethodPolicy, Refusal};
use tidegate_factors::policy;

crate::idempotency::outcomes!(tidegate_core::Product);

/// Refuses a policy that leaves no way to enroll.
fn acceptable(policy: &MethodPolicy) -> Result<(), Refusal> {
    let flaws = policy::flaws(policy);
    if flaws.is_empty() { Ok(()) } else { Err(Refusal::MethodPolicyNotAcceptable { flaws }) }
}

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

crate::idempotency::outcomes!(tidegate_core::Product);

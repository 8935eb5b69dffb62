//! Customers: organisations that accounts belong to.

mod create;
mod get;
mod list;
mod update;

pub use create::CreateCustomer;
pub use get::GetCustomer;
pub use list::ListCustomers;
pub use update::{CustomerChange, UpdateCustomer};

crate::idempotency::outcomes!(tidegate_core::Customer);

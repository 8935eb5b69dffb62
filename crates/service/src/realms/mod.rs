//! Realms.

mod create;
mod get;
mod list;

pub use create::CreateRealm;
pub use get::GetRealm;
pub use list::ListRealms;

crate::idempotency::outcomes!(tidegate_core::Realm);

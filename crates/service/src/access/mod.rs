//! Callers and their credentials.

mod create;
mod identify;
mod list;
mod revoke;
mod rotate;
mod uses;
mod who_am_i;

pub use create::{CreateCredential, NewCredential};
pub(crate) use identify::token_parts;
pub use identify::{PresentedCredential, token_text};
pub use list::ListCredentials;
pub use revoke::RevokeCredential;
pub use rotate::{RotateCredential, RotatedCredential};
pub(crate) use uses::{Use, Uses};
pub use who_am_i::{Self_, WhoAmI};

crate::idempotency::outcomes!(tidegate_core::Credential);

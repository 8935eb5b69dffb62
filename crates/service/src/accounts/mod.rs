//! Accounts.

mod confirm_email;
mod create;
mod get;
mod import;
mod list;
mod lookup;
mod request_email_verification;
mod update;

pub use confirm_email::ConfirmEmail;
pub use create::CreateAccount;
pub use get::GetAccount;
pub use import::{ImportAccounts, ImportProblem, ImportReport, ImportRow, Imported, MAX_ROWS};
pub use list::ListAccounts;
pub use lookup::LookupAccount;
pub use request_email_verification::{RequestEmailVerification, Sent};
pub use update::{AccountChange, UpdateAccount};

use tidegate_core::Secret;
/// Bytes of any password that is looked at, as it is typed.
pub use tidegate_keyring::passwords::MAX_TYPED_BYTES as MAX_PASSWORD_BYTES;

/// Takes over a password hash from elsewhere; `None` when it is not an argon2id hash within bounds.
pub fn adopt(phc: &Secret<String>) -> Option<String> {
    tidegate_keyring::passwords::adopt(phc).ok()
}

crate::idempotency::outcomes!(tidegate_core::Account);

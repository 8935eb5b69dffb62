//! Accounts.

mod confirm_email;
mod confirm_phone_change;
mod create;
mod differences;
pub(crate) mod email_changes;
mod get;
mod import;
mod list;
mod lookup;
pub(crate) mod owner;
mod record_read;
mod request_email_change;
mod request_email_verification;
mod request_phone_change;
mod update;

pub use confirm_email::{ConfirmEmail, ConfirmedBy};
pub use confirm_phone_change::ConfirmPhoneChange;
pub use create::{AccountCreation, CreateAccount};
pub use get::GetAccount;
pub use import::{
    ImportAccounts, ImportPassword, ImportProblem, ImportReport, ImportRow, Imported, MAX_ROWS,
};
pub use list::ListAccounts;
pub use lookup::LookupAccount;
pub use record_read::{Disclosure, ReadRecorded, RecordRead};
pub use request_email_change::RequestEmailChange;
pub use request_email_verification::{RequestEmailVerification, Sent};
pub use request_phone_change::{PhoneChange, RequestPhoneChange};
pub use update::{AccountChange, UpdateAccount};

pub(crate) use email_changes::{UNDO_TTL, verify_email};

pub use tidegate_keyring::adoption::adopt;
/// Bytes of any typed password that is verified.
pub use tidegate_keyring::passwords::MAX_TYPED_BYTES as MAX_PASSWORD_BYTES;

crate::idempotency::outcomes!(tidegate_core::Account);

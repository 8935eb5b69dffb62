//! Whether the master key opens what the database holds. Checked once, before anything is served: a factor that does not
//! open must never be taken for an absent one (INV-45).

use tidegate_keyring::{Keyring, SealContext};
use tidegate_store::{Store, installation};

use crate::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCheck {
    Right,
    Wrong,
    /// The database was not initialised.
    NotInitialised,
}

pub async fn check(store: &Store, keyring: &Keyring) -> Result<KeyCheck, StoreError> {
    let Some(installation) = installation::find(&mut store.across("check_key")).await? else {
        return Ok(KeyCheck::NotInitialised);
    };
    let opened = keyring.open(&SealContext::KeyCheck, &installation.key_check);
    Ok(if opened.is_ok() { KeyCheck::Right } else { KeyCheck::Wrong })
}

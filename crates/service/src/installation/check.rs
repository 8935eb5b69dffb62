//! Whether the master key opens what the database holds. Checked once, before anything is served: a factor that does not
//! open must never be taken for an absent one (INV-45).

use tidegate_keyring::{Keyring, SealContext};
use tidegate_store::{
    Store,
    installation::{self, Installation},
};

use crate::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCheck {
    Right,
    Wrong,
    /// The database was not initialised.
    NotInitialised,
}

/// If it is right, the store uses no other installation's database from now on.
pub async fn check(store: &Store, keyring: &Keyring) -> Result<KeyCheck, StoreError> {
    let Some(installation) = installation::find(&mut store.across("check_key")).await? else {
        return Ok(KeyCheck::NotInitialised);
    };
    if !fits(&installation, keyring) {
        return Ok(KeyCheck::Wrong);
    }
    store.serve_only(installation.first_realm);
    Ok(KeyCheck::Right)
}

/// Whether the keyring is the one that the database was made with.
pub fn fits(installation: &Installation, keyring: &Keyring) -> bool {
    keyring.open(&SealContext::KeyCheck, &installation.key_check).is_ok()
}

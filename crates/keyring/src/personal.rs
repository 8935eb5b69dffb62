//! Each account's own key, which seals the personal fields of its events. Dropping the key erases all of them at once
//! and leaves the events as they are (crypto-shredding).

use tidegate_core::{AccountId, Entropy, Personal, RealmId, Sealed, Secret};

use crate::{Keyring, SealContext, Unreadable, decrypt, encrypt};

const WHERE: &[u8] = b"personal fields of an event";

impl Keyring {
    pub fn new_personal_key(
        &self,
        realm: RealmId,
        account: AccountId,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, Unreadable> {
        let key: [u8; 32] = entropy.bytes();
        self.seal(&SealContext::PersonalKey { realm, account }, &Secret::new(key.to_vec()), entropy)
    }

    pub fn seal_personal(
        &self,
        key: &Sealed,
        (realm, account): (RealmId, AccountId),
        personal: &Personal,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, Unreadable> {
        let plain = serde_json::to_vec(personal).map_err(|_| Unreadable)?;
        encrypt(&self.personal_key(key, realm, account)?, Vec::new(), WHERE, &plain, entropy)
    }

    pub fn open_personal(
        &self,
        key: &Sealed,
        (realm, account): (RealmId, AccountId),
        sealed: &Sealed,
    ) -> Result<Personal, Unreadable> {
        let plain = decrypt(&self.personal_key(key, realm, account)?, &[], &sealed.0, WHERE)?;
        serde_json::from_slice(plain.expose()).map_err(|_| Unreadable)
    }

    fn personal_key(
        &self,
        key: &Sealed,
        realm: RealmId,
        account: AccountId,
    ) -> Result<Secret<[u8; 32]>, Unreadable> {
        let key = self.open(&SealContext::PersonalKey { realm, account }, key)?;
        key.expose().as_slice().try_into().map(Secret::new).map_err(|_| Unreadable)
    }
}

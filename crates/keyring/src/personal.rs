//! Each account's own key, which seals the personal fields of its events and factors. Dropping the key erases all of them at
//! once and leaves events and factors as they are (crypto-shredding).

use tidegate_core::{AccountId, Entropy, FactorId, Personal, RealmId, Sealed, Secret};

use crate::{Keyring, SealContext, Unreadable, decrypt, encrypt};

/// What personal fields are of. They open nowhere else (INV-46).
#[derive(Debug, Clone, Copy)]
pub enum PersonalContext {
    Event,
    FactorOrigin(FactorId),
}

impl PersonalContext {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Event => b"personal fields of an event".to_vec(),
            Self::FactorOrigin(factor) => [b"origin of a factor", factor.as_bytes().as_slice()].concat(),
        }
    }
}

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
        context: PersonalContext,
        personal: &Personal,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, Unreadable> {
        let plain = serde_json::to_vec(personal).map_err(|_| Unreadable)?;
        encrypt(&self.personal_key(key, realm, account)?, Vec::new(), &context.bytes(), &plain, entropy)
    }

    pub fn open_personal(
        &self,
        key: &Sealed,
        (realm, account): (RealmId, AccountId),
        context: PersonalContext,
        sealed: &Sealed,
    ) -> Result<Personal, Unreadable> {
        let plain = decrypt(&self.personal_key(key, realm, account)?, &[], &sealed.0, &context.bytes())?;
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

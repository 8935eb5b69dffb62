//! Each account's own key, which seals the personal fields of its events and factors. Dropping the key erases all of them at
//! once and leaves events and factors as they are (crypto-shredding).

use sha2::{Digest as _, Sha256};
use tidegate_core::{
    AccountId, Entropy, EventId, FactorId, Personal, PersonalDigest, RealmId, Sealed, Secret, SeriesId,
    SessionId,
};

use crate::{Keyring, SealContext, Unreadable, decrypt, encrypt};

/// What personal fields are of. They open nowhere else (INV-46).
#[derive(Debug, Clone, Copy)]
pub enum PersonalContext {
    Event(EventId),
    FactorOrigin(FactorId),
    SessionClient(SessionId),
    DeviceClient(SeriesId),
}

/// What earlier versions sealed the fields of every event for.
const ANY_EVENT: &[u8] = b"personal fields of an event";

impl PersonalContext {
    fn bytes(&self) -> Vec<u8> {
        match self {
            // Longer than `ANY_EVENT`, so that no value fits both.
            Self::Event(event) => [ANY_EVENT, event.as_bytes().as_slice()].concat(),
            Self::FactorOrigin(factor) => [b"origin of a factor", factor.as_bytes().as_slice()].concat(),
            Self::SessionClient(session) => [b"client of a session", session.as_bytes().as_slice()].concat(),
            Self::DeviceClient(series) => [b"client of a device", series.as_bytes().as_slice()].concat(),
        }
    }
}

/// What the chain keeps of the sealed fields of an event.
pub fn personal_digest(sealed: &Sealed) -> PersonalDigest {
    PersonalDigest(Sha256::digest(&sealed.0).into())
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
        let plain = serde_json::to_vec(personal).map_err(|_| Unreadable::Damaged)?;
        encrypt(&self.personal_key(key, realm, account)?, Vec::new(), &context.bytes(), &plain, entropy)
    }

    pub fn open_personal(
        &self,
        key: &Sealed,
        (realm, account): (RealmId, AccountId),
        context: PersonalContext,
        sealed: &Sealed,
    ) -> Result<Personal, Unreadable> {
        let key = self.personal_key(key, realm, account)?;
        let mut plain = decrypt(&key, &[], &sealed.0, &context.bytes());
        if plain.is_err() && matches!(context, PersonalContext::Event(_)) {
            // Fields of an earlier version name no event. Moved to another event of their account they open, but where
            // the chain covers them (tag `tidegate/c2`), it shows the move.
            plain = decrypt(&key, &[], &sealed.0, ANY_EVENT);
        }
        let plain = plain?;
        serde_json::from_slice(plain.expose()).map_err(|_| Unreadable::Damaged)
    }

    pub(crate) fn personal_key(
        &self,
        key: &Sealed,
        realm: RealmId,
        account: AccountId,
    ) -> Result<Secret<[u8; 32]>, Unreadable> {
        let key = self.open(&SealContext::PersonalKey { realm, account }, key)?;
        key.expose().as_slice().try_into().map(Secret::new).map_err(|_| Unreadable::Damaged)
    }
}

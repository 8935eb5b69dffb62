//! The keys that sign a realm's assertions. The first is made when a key is first needed; several calls may need it at the
//! same time, and the key's number lets one of them make it. A new key is published before it signs, so that verifiers
//! know it by then, and an old one until the last assertion that it signed has expired.

use tidegate_core::{Fact, PUBLISHED_BEFORE, SigningKey, SigningKeys, Timestamp};
use tidegate_keyring::AssertionSigner;
use tidegate_store::{Tx, signing_keys};

use crate::{CommandContext, Fault};

/// How often another call may take the number of a new key.
const MAX_RACES: usize = 10;

impl CommandContext {
    /// The realm's keys, at least one.
    pub(crate) async fn signing_keys(&self) -> Result<SigningKeys, Fault> {
        let kept = signing_keys::all(&mut self.view()).await?;
        if !kept.0.is_empty() {
            return Ok(kept);
        }
        self.tx(async |tx| {
            self.insert_signing_key(tx, 1, self.now(), false).await?;
            Ok(signing_keys::all(tx).await?)
        })
        .await
    }

    pub(super) fn assertion_signer(&self, key: &SigningKey) -> Result<AssertionSigner, Fault> {
        Ok(self.keyring().signer(self.realm(), key.id, &key.sealed)?)
    }

    /// Makes the next key. `at_once`: it signs from now on and the other keys are dropped, because one of them is known to
    /// others. Otherwise a key that is waiting to sign already is taken.
    pub(crate) async fn rotate_signing_key(&self, tx: &mut Tx, at_once: bool) -> Result<SigningKey, Fault> {
        for _ in 0..MAX_RACES {
            let (keys, now) = (signing_keys::all(tx).await?, self.now());
            if let Some(waiting) = keys.waiting(now).filter(|_| !at_once) {
                return Ok(waiting.clone());
            }
            // Where no key was ever published, nobody has to learn of a new one first.
            let at_once_or_first = at_once || keys.0.is_empty();
            let signs_at = if at_once_or_first { now } else { now.plus(PUBLISHED_BEFORE) };
            if let Some(key) = self.insert_signing_key(tx, keys.next_number(), signs_at, at_once).await? {
                let oldest = if at_once { Some(&key) } else { keys.published(now).first() };
                if let Some(oldest) = oldest {
                    signing_keys::drop_before(tx, oldest.number).await?;
                }
                return Ok(key);
            }
        }
        Err(Fault::Raced)
    }

    /// `None` when another call has taken the number.
    async fn insert_signing_key(
        &self,
        tx: &mut Tx,
        number: i64,
        signs_at: Timestamp,
        dropped: bool,
    ) -> Result<Option<SigningKey>, Fault> {
        let id = self.new_id();
        let sealed = self.keyring().new_signing_key(self.realm(), id, self.entropy())?;
        let key = SigningKey { id, number, sealed, created_at: self.now(), signs_at };
        if !signing_keys::insert(tx, &key).await? {
            return Ok(None);
        }
        self.event(Fact::SigningKeyCreated { key: id, signs_at, dropped }).record(tx).await?;
        Ok(Some(key))
    }
}

//! When each credential was used last. A call only notes the time in memory; a worker writes it, once a minute at most, so
//! that no call waits and no call writes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use tidegate_core::{Credential, CredentialId, RealmId, Span, Timestamp};
use tidegate_store::credentials;

use crate::{App, StoreError};

/// The credentials that were used since the program began, as far as their cached entries live.
#[derive(Default)]
pub(crate) struct Uses(Mutex<BTreeMap<CredentialId, Arc<Use>>>);

/// The uses of one credential, in microseconds of Unix time.
pub(crate) struct Use {
    realm: RealmId,
    last: AtomicI64,
    written: AtomicI64,
}

/// Calls that are closer together count as one, so that calls on many cores do not write to one place in memory all the
/// time.
const GRAIN: Span = Span::seconds(1);

impl Uses {
    /// What is noted of the credential by this process.
    pub(crate) fn of(&self, credential: &Credential) -> Arc<Use> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let written = credential.last_used_at.map_or(i64::MIN, Timestamp::unix_micros);
            let (last, written) = (AtomicI64::new(written), AtomicI64::new(written));
            Arc::new(Use { realm: credential.realm, last, written })
        };
        uses.entry(credential.id).or_insert_with(new).clone()
    }

    /// The uses that were not written yet, by realm.
    fn unwritten(&self) -> BTreeMap<RealmId, Vec<(CredentialId, Arc<Use>)>> {
        let uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unwritten: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, used) in uses.iter().filter(|(_, used)| used.unwritten().is_some()) {
            unwritten.entry(used.realm).or_default().push((*id, used.clone()));
        }
        unwritten
    }

    /// Forgets what is written and belongs to no cached credential.
    fn tidy(&self) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.retain(|_, used| Arc::strong_count(used) > 1 || used.unwritten().is_some());
    }
}

impl Use {
    pub(crate) fn note(&self, now: Timestamp) {
        let (last, now) = (self.last.load(Ordering::Relaxed), now.unix_micros());
        if now.saturating_sub(last) >= GRAIN.micros() {
            self.last.store(now, Ordering::Relaxed);
        }
    }

    fn unwritten(&self) -> Option<i64> {
        let last = self.last.load(Ordering::Relaxed);
        (last > self.written.load(Ordering::Relaxed)).then_some(last)
    }
}

impl App {
    /// Writes when credentials were used last. To be called about once a minute, and once at the end.
    pub async fn write_uses(&self) -> Result<(), StoreError> {
        for (realm, uses) in self.inner.uses.unwritten() {
            let written: Vec<_> =
                uses.iter().filter_map(|(id, used)| Some((*id, used, used.unwritten()?))).collect();
            self.inner
                .parts
                .store
                .tx("write_uses", realm, async |tx| {
                    for (id, _, last) in &written {
                        credentials::used(tx, *id, Timestamp::from_unix_micros(*last)).await?;
                    }
                    Ok::<_, StoreError>(())
                })
                .await?;
            for (_, used, last) in written {
                used.written.store(last, Ordering::Relaxed);
            }
        }
        self.inner.uses.tidy();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Id;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);

    #[test]
    fn calls_within_a_second_count_as_one() {
        let (last, written) = (AtomicI64::new(i64::MIN), AtomicI64::new(i64::MIN));
        let used = Use { realm: Id::from_uuid_bytes([1; 16]), last, written };
        assert_eq!(used.unwritten(), None);
        used.note(NOW);
        used.note(NOW.plus(Span::from_micros(999_999)));
        assert_eq!(used.unwritten(), Some(NOW.unix_micros()));
        used.note(NOW.plus(GRAIN));
        assert_eq!(used.unwritten(), Some(NOW.plus(GRAIN).unix_micros()));
        used.note(NOW);
        assert_eq!(used.unwritten(), Some(NOW.plus(GRAIN).unix_micros()), "time does not go back");
    }
}

//! Introspection from the cache alone. It awaits nothing, and says only that a session is active: every other answer, and the
//! call that writes the last use, is for the use case, which reads the database.
//!
//! What ends a session or replaces its token is an event, and invalidates the entry. What changes the worth of all sessions of
//! an account, or at a product, invalidates the standing or the snapshot that the answer is decided from.

use std::sync::Arc;

use tidegate_core::{Caller, Level, Session, Timestamp};
use tidegate_keyring::TokenKind;
use tidegate_rollout::decide;

use super::{Name, rollouts};
use crate::{
    App, Command as _,
    sessions::{FLUSH_INTERVAL, Introspect, Worth, worth},
};

/// A session that was live when it was read.
pub(crate) struct CachedSession {
    /// Without what the answer does not show.
    pub(crate) session: Session,
    /// The name of its account in the cache.
    account: Name,
}

impl CachedSession {
    pub(crate) fn new(session: &Session) -> Self {
        let account = Name::from_slice(session.account.to_string().as_bytes());
        let session = Session { later_proofs: Vec::new(), client: None, ..session.clone() };
        Self { session, account }
    }
}

/// A session that is active now.
pub struct CachedIntrospection {
    cached: Arc<CachedSession>,
    pub level: Level,
    pub reauth_by: Option<Timestamp>,
}

impl CachedIntrospection {
    pub fn session(&self) -> &Session {
        &self.cached.session
    }
}

impl App {
    /// What `Introspect` would answer for an active session. `None` when the caller may not run it, when anything is not cached
    /// or the cache is not fresh, and for every session that is not active or was not used for a while.
    pub fn cached_introspection(&self, caller: &Caller, token: &str) -> Option<CachedIntrospection> {
        if !caller.may(Introspect::PERMISSION) {
            return None;
        }
        let fresh = self.inner.cache.fresh()?;
        let cached = fresh.session(caller.realm, TokenKind::Session.digest(token)?)?;
        let (session, now) = (&cached.session, self.inner.parts.clock.now());
        let used = now.since(session.last_used_at) < FLUSH_INTERVAL;
        if !used || !session.is_live(now) || !caller.products.include(&session.product) {
            return None;
        }
        let snapshot = fresh.realm(caller.realm)?;
        let at = snapshot.at(session.product.as_str())?;
        let known = snapshot.places(fresh.standing(caller.realm, &cached.account)?)?;
        let verdict = decide(&at.product, rollouts(&at.rollouts), &known.standing, now);
        let required = (verdict.requirement(), verdict.required_since());
        let within = at.product.settings.reauth_within;
        let worth = worth(session, known.state, (required, within), now).filter(Worth::is_full)?;
        self.inner.counts.session_found();
        Some(CachedIntrospection { level: worth.level, reauth_by: worth.reauth_by, cached })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_core::{Id, RealmId, Requirement, Span, TokenDigest};
    use uuid::Uuid;

    use super::*;
    use crate::cache::{Freshness, Invalidation, ReplicaCache};

    const REALM: RealmId = Id::from_uuid_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);
    const TOKEN: TokenDigest = TokenDigest([7; 32]);

    fn session(number: u128) -> Session {
        Session {
            id: Id::from_uuid(Uuid::from_u128(number)),
            account: Id::from_uuid_bytes([2; 16]),
            product: "kasa".parse().unwrap(),
            device: None,
            proofs: Vec::new(),
            later_proofs: Vec::new(),
            trusted: false,
            met: Requirement::None,
            created_at: NOW,
            last_used_at: NOW,
            idle: Span::hours(1),
            expires_at: NOW.plus(Span::hours(24)),
            end: None,
            refresh: None,
            client: None,
            reauth_by: None,
        }
    }

    fn cached(cache: &ReplicaCache) -> bool {
        cache.fresh().is_some_and(|fresh| fresh.session(REALM, TOKEN).is_some())
    }

    #[test]
    fn inv_23_an_end_invalidates_a_session_also_while_it_is_read() {
        let (cache, one) = (ReplicaCache::new(Freshness::SingleReplica, 10), session(1));
        for invalidation in [Invalidation::Session(one.id), Invalidation::Everything] {
            let version = cache.version_of_all();
            cache.invalidate(invalidation);
            cache.insert_session(version, (REALM, TOKEN), CachedSession::new(&one));
            assert!(!cached(&cache), "{invalidation:?} while it was read");
            cache.insert_session(cache.version_of_all(), (REALM, TOKEN), CachedSession::new(&one));
            assert!(cached(&cache));
            cache.invalidate(Invalidation::Session(session(2).id));
            assert!(cached(&cache), "another session's end does not matter");
            cache.invalidate(invalidation);
            assert!(!cached(&cache), "{invalidation:?}");
        }
    }

    #[test]
    fn inv_51_a_session_is_not_used_when_nothing_was_followed_for_a_while() {
        let cache = ReplicaCache::new(Freshness::Followed(Duration::from_hours(1)), 10);
        cache.insert_session(cache.version_of_all(), (REALM, TOKEN), CachedSession::new(&session(1)));
        assert!(!cached(&cache), "it was never followed");
        cache.mark_fresh(cache.micros());
        assert!(cached(&cache));
        let hasty = ReplicaCache::new(Freshness::Followed(Duration::ZERO), 10);
        hasty.insert_session(hasty.version_of_all(), (REALM, TOKEN), CachedSession::new(&session(1)));
        hasty.mark_fresh(hasty.micros());
        assert!(!cached(&hasty), "it was followed too long ago");
    }
}

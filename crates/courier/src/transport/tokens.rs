//! Tokens by which this server proves to a service who it is. A token is used until it must be renewed.

use std::collections::BTreeMap;

use tidegate_core::{Secret, Timestamp};
use tokio::sync::Mutex;

use crate::trouble::Trouble;

#[derive(Debug, Clone)]
pub(super) struct BearerToken {
    pub(super) text: Secret<String>,
    pub(super) made_at: Timestamp,
    pub(super) renew_at: Timestamp,
}

/// The most tokens that are kept. Owners choose the hosts that Web Push tokens are made for, so that without a limit they
/// could fill the memory.
const MAX_TOKENS: usize = 64;

/// The tokens in use, by what they are for.
#[derive(Default)]
pub(super) struct TokenStore(Mutex<BTreeMap<String, BearerToken>>);

impl TokenStore {
    /// The token in use, or the result of `renewal`, which runs only if there is none. One renewal runs at a time: callers
    /// that come meanwhile wait and get its token.
    pub(super) async fn get(
        &self,
        audience: &str,
        now: Timestamp,
        renewal: impl Future<Output = Result<BearerToken, Trouble>>,
    ) -> Result<BearerToken, Trouble> {
        let mut tokens = self.0.lock().await;
        // A token of the future was made before the clock was set back. The service may refuse it.
        let is_usable = |token: &BearerToken| (token.made_at..token.renew_at).contains(&now);
        if let Some(token) = tokens.get(audience).filter(|token| is_usable(token)) {
            return Ok(token.clone());
        }
        let token = renewal.await?;
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(audience.to_owned(), token.clone());
        Ok(token)
    }

    /// Drops a token that the service did not accept, unless another caller has renewed it meanwhile.
    pub(super) async fn drop_refused(&self, audience: &str, refused: &BearerToken) {
        let mut tokens = self.0.lock().await;
        if tokens.get(audience).is_some_and(|token| token.text.expose() == refused.text.expose()) {
            tokens.remove(audience);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use tidegate_core::Span;

    use super::*;

    const BEGIN: Timestamp = Timestamp::from_unix_micros(1_772_874_330_000_000);

    async fn number(store: &TokenStore, renewals: &AtomicI64, audience: &str, now: Timestamp) -> String {
        let renewal = async {
            let text = Secret::new(renewals.fetch_add(1, Ordering::Relaxed).to_string());
            Ok(BearerToken { text, made_at: now, renew_at: now.plus(Span::minutes(40)) })
        };
        store.get(audience, now, renewal).await.unwrap().text.expose().clone()
    }

    #[tokio::test]
    async fn a_token_is_used_until_it_must_be_renewed() {
        let (store, renewals) = (TokenStore::default(), AtomicI64::new(0));
        for (at, expected) in [(0, "0"), (39, "0"), (40, "1"), (79, "1"), (39, "2")] {
            let now = BEGIN.plus(Span::minutes(at));
            assert_eq!(number(&store, &renewals, "a", now).await, expected, "minute {at}");
        }
        assert_eq!(number(&store, &renewals, "b", BEGIN).await, "3", "each audience has its own");
    }

    #[tokio::test]
    async fn only_the_refused_token_is_dropped() {
        let (store, renewals) = (TokenStore::default(), AtomicI64::new(0));
        number(&store, &renewals, "a", BEGIN).await;
        let (text, made_at) = (Secret::new("another".to_owned()), BEGIN);
        store.drop_refused("a", &BearerToken { text, made_at, renew_at: BEGIN }).await;
        assert_eq!(number(&store, &renewals, "a", BEGIN).await, "0");
        let text = Secret::new("0".to_owned());
        store.drop_refused("a", &BearerToken { text, made_at, renew_at: BEGIN }).await;
        assert_eq!(number(&store, &renewals, "a", BEGIN).await, "1");
    }

    #[tokio::test]
    async fn the_number_of_tokens_is_bounded() {
        let (store, renewals) = (TokenStore::default(), AtomicI64::new(0));
        for host in 0..1_000 {
            number(&store, &renewals, &host.to_string(), BEGIN).await;
        }
        assert!(store.0.lock().await.len() <= MAX_TOKENS);
    }
}

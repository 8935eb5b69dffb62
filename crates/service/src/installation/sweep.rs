//! Deletes what must not be kept: the secrets of responses after ten minutes, their outcomes after a day, expired requests
//! for a passkey, what text messages have cost in the hours before the last day, after a month links that expired
//! and changes of addresses, and after 400 days what the funnels of rollouts counted.

use tidegate_core::{Clock, FunnelStep, Span};
use tidegate_store::{
    Store, email_changes, links, passkey_requests, realms, requests, rollout_hours, sms_costs,
};

use crate::StoreError;

/// Realms that are read at a time.
const PAGE_SIZE: i64 = 100;
/// How long what is over can still be asked for: a link says that it has expired.
const KEPT: Span = Span::days(30);

/// One pass over all realms, each in a transaction of its own.
pub async fn sweep(store: &Store, clock: &dyn Clock) -> Result<(), StoreError> {
    let mut last = String::new();
    loop {
        let realms = realms::page(&mut store.across("sweep"), &last, PAGE_SIZE).await?;
        let Some(end) = realms.last() else { return Ok(()) };
        last = end.key.to_string();
        for realm in &realms {
            let now = clock.now();
            store.tx("sweep", realm.id, async |tx| requests::forget(tx, now).await).await?;
            store.tx("sweep", realm.id, async |tx| passkey_requests::forget(tx, now).await).await?;
            let month = now.minus(KEPT);
            store.tx("sweep", realm.id, async |tx| links::forget(tx, month).await).await?;
            store.tx("sweep", realm.id, async |tx| email_changes::forget(tx, month).await).await?;
            let day = now.minus(Span::days(1));
            store.tx("sweep", realm.id, async |tx| sms_costs::forget(tx, day).await).await?;
            let counted = now.minus(FunnelStep::RETENTION);
            store.tx("sweep", realm.id, async |tx| rollout_hours::forget(tx, counted).await).await?;
        }
    }
}

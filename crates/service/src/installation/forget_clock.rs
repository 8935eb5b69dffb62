//! The way back after the clock that decides was ahead: what it left in the future is brought down to now, in all realms.
//!
//! Without it, accounts would be locked out until the instants come that the wrong clock had shown, because no time is
//! decided by twice (INV-54). What it had called expired stays expired.

use std::collections::BTreeMap;

use tidegate_core::{Actor, Entropy, Event, Fact, Id, RealmKey, Span, Timestamp};
use tidegate_factors::totp;
use tidegate_store::{
    Store,
    ahead::{self, LeftAhead, StepsAhead},
    events,
    installation::Installation,
    realms,
};

use crate::Fault;

/// Realms that are read at a time.
const PAGE_SIZE: i64 = 100;
/// The clock is stored some seconds after it is shown.
const MARGIN: Span = Span::minutes(1);

/// What was met in the realms, by their keys. Realms where nothing was met are left out.
pub type Met = BTreeMap<RealmKey, LeftAhead>;

/// Each realm in a transaction of its own, and the stored time at the end: where it is interrupted, it is to be run again.
/// No server may use the database meanwhile.
pub async fn forget_clock(
    store: &Store,
    entropy: &dyn Entropy,
    installation: &Installation,
    now: Timestamp,
) -> Result<Met, Fault> {
    let (mut met, mut last) = (Met::new(), String::new());
    let until = installation.clock_floor.plus(MARGIN);
    loop {
        let realms = realms::page(&mut store.across("forget_clock"), &last, PAGE_SIZE).await?;
        let Some(end) = realms.last() else { break };
        last = end.key.to_string();
        for realm in realms {
            let left = store
                .tx("forget_clock", realm.id, async |tx| {
                    let steps = totp::steps_ahead(now, until).map(|(now, until)| StepsAhead { now, until });
                    let left = ahead::bring_back(tx, now, until, &steps).await?;
                    if !left.counts.is_empty() {
                        let accounts = u64::try_from(left.accounts.len()).unwrap_or(u64::MAX);
                        let event = Event {
                            id: Id::new(now, entropy),
                            at: now,
                            actor: Actor::Worker("forget-clock".to_owned()),
                            product: None,
                            account: None,
                            fact: Fact::ClockForgotten { until: installation.clock_floor, accounts },
                            personal: None,
                        };
                        events::record(tx, event).await?;
                    }
                    Ok::<_, Fault>(left)
                })
                .await?;
            if !left.counts.is_empty() {
                met.insert(realm.key, left);
            }
        }
    }
    store.set_clock_floor(installation, now).await?;
    Ok(met)
}

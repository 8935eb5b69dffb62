//! Keeps the authority clock: on PostgreSQL the database server's, on SQLite the host's (INV-54).
//!
//! The host's clock can be wrong. A jump forward is followed only if the next read shows it too. The clock's progress is
//! stored, so that a clock that was set back is noticed at the start, before anything is decided by it.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use tidegate_core::{Clock as _, Span, Timestamp};
use tidegate_store::{Store, installation};
use tokio_util::sync::CancellationToken;

use crate::ambient::AuthorityClock;

/// Between two reads of the authority.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// More than this between two reads is a jump.
const JUMP: Span = Span::seconds(1);
/// If the host's clock is this far before the stored time, one of the two is wrong.
const BEHIND: Span = Span::minutes(1);

/// The first read must succeed: without an authority nothing may be decided by time.
pub async fn begin(store: &Store, clock: &AuthorityClock) -> anyhow::Result<()> {
    if let Some(authority) = store.clock().await? {
        clock.follow(authority);
        return Ok(());
    }
    let Some(installation) = installation::find(&mut store.across("keep_time")).await? else { return Ok(()) };
    let (host, floor) = (AuthorityClock::host(), installation.clock_floor);
    if floor.since(host) > BEHIND {
        bail!(
            "the clock of this machine shows {host}, and this database was in use at {floor}: set the clock, \
             or, if the database was used with a wrong one, run `tidegate forget-clock`"
        );
    }
    clock.follow(host.max(floor));
    Ok(())
}

/// Runs until it is stopped.
pub async fn keep(store: Store, clock: Arc<AuthorityClock>, stop: CancellationToken) {
    let mut suspected = None;
    while tokio::time::timeout(POLL_INTERVAL, stop.cancelled()).await.is_err() {
        let looked = match store.clock().await {
            Ok(Some(authority)) => {
                clock.follow(authority);
                Ok(())
            }
            Ok(None) => {
                suspected = look_at_the_host(&clock, AuthorityClock::host(), suspected);
                store_floor(&store, clock.now()).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "the clock could not be compared with the database");
        }
    }
}

/// Follows the host's clock forward, a jump only at the second read, and never back. Returns a jump that it saw for the
/// first time.
fn look_at_the_host(clock: &AuthorityClock, host: Timestamp, suspected: Option<Span>) -> Option<Span> {
    let now = clock.now();
    if now.since(host) > BEHIND {
        tracing::error!(clock = %now, host = %host, "the machine's clock was set back; it is not followed");
    }
    let ahead = host.since(now);
    if ahead <= JUMP {
        clock.follow(host.max(now));
        return None;
    }
    let again = suspected.is_some_and(|before| ahead.minus(before) <= JUMP && before.minus(ahead) <= JUMP);
    if !again {
        tracing::warn!(clock = %now, host = %host, "the machine's clock jumped; it is read again before it is followed");
        return Some(ahead);
    }
    clock.follow(host);
    None
}

async fn store_floor(store: &Store, now: Timestamp) -> Result<(), tidegate_store::Error> {
    match installation::find(&mut store.across("keep_time")).await? {
        Some(installation) => store.raise_clock_floor(&installation, now).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_host_is_followed_at_the_second_read() {
        let clock = AuthorityClock::default();
        let jumped = clock.now().plus(Span::days(1));
        let suspected = look_at_the_host(&clock, jumped, None);
        assert!(suspected.is_some() && clock.now() < jumped.minus(Span::hours(1)));
        assert_eq!(look_at_the_host(&clock, clock.now(), suspected), None, "it was gone again");
        assert!(clock.now() < jumped.minus(Span::hours(1)));
        let suspected = look_at_the_host(&clock, jumped, None);
        look_at_the_host(&clock, jumped, suspected);
        assert!(clock.now() >= jumped);
    }

    #[test]
    fn inv_54_the_host_is_not_followed_back() {
        let clock = AuthorityClock::default();
        let now = clock.now();
        for _ in 0..3 {
            look_at_the_host(&clock, now.minus(Span::days(1)), None);
        }
        assert!(clock.now() >= now);
    }
}

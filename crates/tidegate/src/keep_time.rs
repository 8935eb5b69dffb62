//! Where the time comes from: the database server on PostgreSQL, the host on SQLite. The host's clock can be
//! wrong, so a jump of it is believed only when it is still there at the next look; and it is stored how far
//! it has come, so that a start with a clock set back is noticed before anything is judged by it (INV-54).

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use tidegate_core::{Clock as _, Span, Timestamp};
use tidegate_store::{Store, installation};
use tokio_util::sync::CancellationToken;

use crate::ambient::AuthorityClock;

/// Between two looks.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// More than this in one look is a jump.
const JUMP: Span = Span::seconds(1);
/// So far behind what was stored, the host's clock is wrong; or what was stored is.
const BEHIND: Span = Span::minutes(1);

/// The first look must succeed: without an authority nothing may be judged by time.
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

/// Goes on until it is stopped.
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

/// Follows the host forward, a jump only at the second look; never back. Returns the jump it suspects.
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
        tracing::warn!(clock = %now, host = %host, "the machine's clock jumped; it is looked at again");
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
    fn a_jump_of_the_host_is_believed_at_the_second_look() {
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

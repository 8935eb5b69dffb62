//! Keeps the authority clock: on PostgreSQL the database server's, on SQLite the host's (INV-54).
//!
//! Either can be wrong. It is never followed back: what had expired would be valid again. After a step back of up to a minute
//! time stands still until the authority has caught up. After a larger one it goes on by the monotonic clock from the latest
//! instant that was shown. That instant is stored (by the pulse), so that it holds for all servers and after a restart. A jump
//! forward is followed only if the next read shows it too.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use tidegate_core::{Clock as _, Span, Timestamp};
use tidegate_store::{Engine, Store, installation};
use tokio_util::sync::CancellationToken;

use crate::ambient::{AuthorityClock, STILL};

/// More than this between two reads is a jump.
const JUMP: Span = Span::seconds(1);
/// If the authority is this far before the stored time, one of the two is wrong.
const BEHIND: Span = STILL;
/// A step back that is said in the log.
const NOTICEABLE: Span = Span::seconds(5);

/// The first read must succeed: without an authority nothing may be decided by time.
///
/// SQLite's host can be corrected before the server starts again, so a wrong one is refused. A database server is followed by
/// several servers, which would all be away: they go on from the stored time, by which nothing that expired is valid again.
pub async fn begin(store: &Store, clock: &AuthorityClock) -> anyhow::Result<()> {
    let Some(installation) = installation::find(&mut store.across("keep_time")).await? else { return Ok(()) };
    let (authority, floor) = (read(store).await?, installation.clock_floor);
    if floor.since(authority) > BEHIND {
        if store.engine() == Engine::Sqlite {
            bail!(
                "the clock of this machine shows {authority}, and this database was in use at {floor}: set the clock, \
                 or, if the database was used with a wrong one, run `tidegate forget-clock`"
            );
        }
        tracing::error!(
            authority = %authority,
            clock = %floor,
            "the clock of the database's server lies before the time at which the database was in use; time goes on from \
             there. Set the server's clock, or, if it was ahead then, stop all servers and run `tidegate forget-clock`"
        );
    }
    clock.begin(authority.max(floor));
    Ok(())
}

/// Runs until it is stopped.
pub async fn keep(store: Store, clock: Arc<AuthorityClock>, interval: Duration, stop: CancellationToken) {
    let mut watch = Watch::of(store.engine());
    while tokio::time::timeout(interval, stop.cancelled()).await.is_err() {
        match read(&store).await {
            Ok(authority) => {
                watch.look(&clock, authority);
                store.metrics().clock_behind(clock.now().since(authority).as_duration());
            }
            Err(error) => tracing::warn!(%error, "the clock could not be compared with the database"),
        }
    }
}

async fn read(store: &Store) -> Result<Timestamp, tidegate_store::Error> {
    Ok(store.clock().await?.unwrap_or_else(AuthorityClock::host))
}

/// What earlier reads of the authority said.
struct Watch {
    whose: &'static str,
    /// How far it was ahead at the last read, where that was a jump.
    suspected: Option<Span>,
    /// It was set back, and that was said.
    is_behind: bool,
}

impl Watch {
    fn of(engine: Engine) -> Self {
        let whose = match engine {
            Engine::Sqlite => "this machine",
            Engine::Postgres => "the database's server",
        };
        Self { whose, suspected: None, is_behind: false }
    }

    /// Follows the authority forward, a jump only at the second read, and never back.
    fn look(&mut self, clock: &AuthorityClock, authority: Timestamp) {
        let (now, whose) = (clock.now(), self.whose);
        let is_behind = now.since(authority) > BEHIND;
        if is_behind && !self.is_behind {
            tracing::error!(
                clock = %now,
                authority = %authority,
                "the clock of {whose} was set back. It is not followed: time goes on from where it was. Set it, or, if it \
                 was ahead before, stop all servers and run `tidegate forget-clock`"
            );
        } else if self.is_behind && !is_behind {
            tracing::warn!(clock = %now, authority = %authority, "the clock of {whose} is followed again");
        }
        if !is_behind && now.since(authority) > NOTICEABLE {
            tracing::warn!(
                clock = %now,
                authority = %authority,
                "the clock of {whose} was set back a little; time stands still until it has caught up"
            );
        }
        self.is_behind = is_behind;
        let ahead = authority.since(now);
        if ahead <= JUMP {
            clock.follow(authority);
            self.suspected = None;
            return;
        }
        let again =
            self.suspected.is_some_and(|before| ahead.minus(before) <= JUMP && before.minus(ahead) <= JUMP);
        if !again {
            tracing::warn!(
                clock = %now,
                authority = %authority,
                "the clock of {whose} jumped; it is read again before it is followed"
            );
            self.suspected = Some(ahead);
            return;
        }
        tracing::error!(clock = %now, authority = %authority, "the clock of {whose} jumped ahead, and is followed");
        clock.follow(authority);
        self.suspected = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_followed_at_the_second_read() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let (clock, mut watch) = (AuthorityClock::default(), Watch::of(engine));
            let jumped = clock.now().plus(Span::days(1));
            watch.look(&clock, jumped);
            assert!(watch.suspected.is_some() && clock.now() < jumped.minus(Span::hours(1)));
            watch.look(&clock, clock.now());
            assert_eq!(watch.suspected, None, "it was gone again");
            assert!(clock.now() < jumped.minus(Span::hours(1)));
            watch.look(&clock, jumped);
            watch.look(&clock, jumped);
            assert!(clock.now() >= jumped);
        }
    }

    #[test]
    fn inv_54_no_authority_is_followed_back() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let (clock, mut watch) = (AuthorityClock::default(), Watch::of(engine));
            let now = clock.now();
            for back in [Span::seconds(30), Span::hours(3), Span::hours(3)] {
                watch.look(&clock, now.minus(back));
                assert!(clock.now() >= now, "{engine:?}");
            }
            assert!(watch.is_behind);
            watch.look(&clock, clock.now());
            assert!(!watch.is_behind);
        }
    }
}

//! Shares of the connections: what is slow must not keep what is urgent from a connection.
//!
//! ```text
//!   8 connections   1 2 3 4 5 6 7 8
//!   reads of the hot path  ────────►   all
//!   writes of it           ────►       6
//!   other use cases        ──►         4
//!   lists and workers      ►           2
//! ```
//!
//! Each kind of work may hold a part of the connections, and the parts are nested: what a list holds counts for other use
//! cases and for writes too. So lists that read for seconds, and writes that wait for a locked table, leave connections to
//! sign-ins, introspection and evaluations. A single connection has no parts.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a use case may take of the connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Sign-ins, answers, introspection, evaluations, and what keeps them going.
    Hot,
    /// Every other use case.
    Ordinary,
    /// Lists, exports, previews, and the workers of the program.
    Bulk,
}

/// Counts the connections that each kind of work holds.
#[derive(Clone)]
pub(crate) struct Shares {
    /// From the narrowest to the widest: of lists and workers, of all but the hot path, of all but reads of the hot path.
    parts: [Arc<Semaphore>; 3],
}

/// A place in each part that the work counts for.
pub(crate) struct Place {
    _held: [Option<OwnedSemaphorePermit>; 3],
}

impl Shares {
    pub(crate) fn of(connections: u32) -> Self {
        let all = usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let kept = if all > 1 { (all / 4).max(1) } else { 0 };
        let part = |size: usize| Arc::new(Semaphore::new(size.max(1)));
        Self { parts: [part(all / 4), part(all / 2), part(all - kept)] }
    }

    /// Waits for a place. Dropping the returned future gives up the places that it has.
    pub(crate) async fn enter(&self, share: Share, writes: bool) -> Result<Place, sqlx::Error> {
        let counts = match (share, writes) {
            (Share::Hot, false) => [false, false, false],
            (Share::Hot, true) => [false, false, true],
            (Share::Ordinary, _) => [false, true, true],
            (Share::Bulk, _) => [true, true, true],
        };
        let mut held = [None, None, None];
        // The narrowest first, so that a place in a wide part is not held while a narrow one is waited for.
        for ((held, part), _) in held.iter_mut().zip(&self.parts).zip(counts).filter(|(_, counts)| *counts) {
            *held = Some(part.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?);
        }
        Ok(Place { _held: held })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// How many of this kind get a place beside those that are held.
    fn places(shares: &Shares, share: Share, writes: bool) -> Vec<Place> {
        let mut found = Vec::new();
        while found.len() < 100 {
            let entered = pin!(shares.enter(share, writes)).poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(place) = entered else { break };
            found.push(place.unwrap());
        }
        found
    }

    #[test]
    fn what_is_slow_leaves_connections_to_what_is_urgent() {
        let shares = Shares::of(8);
        let lists = places(&shares, Share::Bulk, false);
        let others = places(&shares, Share::Ordinary, true);
        let writes = places(&shares, Share::Hot, true);
        assert_eq!([lists.len(), others.len(), writes.len()], [2, 2, 2]);
        assert_eq!(places(&shares, Share::Hot, false).len(), 100, "the pool alone bounds it");
        drop(lists);
        assert_eq!(places(&shares, Share::Ordinary, false).len(), 2);
        for (connections, parts) in [(1, [1, 1, 1]), (2, [1, 1, 1]), (4, [1, 2, 3]), (20, [5, 10, 15])] {
            let of = |share, writes| places(&Shares::of(connections), share, writes).len();
            let found = [of(Share::Bulk, true), of(Share::Ordinary, true), of(Share::Hot, true)];
            assert_eq!(found, parts, "{connections}");
        }
    }
}

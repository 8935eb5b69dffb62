//! Bounds of connections: handshakes under way, and ages.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout_at};

/// Handshakes under way. Where there are too many, a new one waits for the oldest, and ends it when it
/// takes longer than `PATIENCE`: a caller's handshake takes milliseconds, so the oldest is then one that
/// an attacker holds open (slow loris). To end the oldest at once would end all of them where many
/// callers connect again at the same time.
pub(super) struct Handshakes {
    under_way: VecDeque<(Instant, oneshot::Sender<()>)>,
    max: usize,
    patience: Duration,
}

impl Handshakes {
    const PATIENCE: Duration = Duration::from_secs(1);

    pub(super) const fn new(max: usize) -> Self {
        Self { under_way: VecDeque::new(), max, patience: Self::PATIENCE }
    }

    /// The receiver is dropped when the handshake has ended, and resolves when it must end.
    pub(super) async fn begin(&mut self) -> oneshot::Receiver<()> {
        if self.under_way.len() >= self.max {
            self.under_way.retain(|(_, handshake)| !handshake.is_closed());
        }
        if self.under_way.len() >= self.max
            && let Some((begun, mut oldest)) = self.under_way.pop_front()
        {
            // Whether it ended by itself or not, its place is free when `oldest` is dropped.
            let _ = timeout_at((begun + self.patience).into(), oldest.closed()).await;
        }
        let (under_way, evicted) = oneshot::channel();
        self.under_way.push_back((Instant::now(), under_way));
        evicted
    }
}

/// The ages at which connections end: `max_age`, give or take a tenth, so that those which were
/// opened together do not end together. Multiples of the golden ratio spread evenly, which random
/// numbers do less well.
pub(super) struct Ages {
    max_age: Option<Duration>,
    turn: u32,
}

impl Ages {
    /// 2^32 divided by the golden ratio.
    const STEP: u32 = 0x9E37_79B9;

    pub(super) const fn new(max_age: Option<Duration>) -> Self {
        Self { max_age, turn: 0 }
    }

    pub(super) fn next(&mut self) -> Option<Duration> {
        self.turn = self.turn.wrapping_add(Self::STEP);
        let share = f64::from(self.turn) / f64::from(u32::MAX);
        Some(self.max_age?.mul_f64(0.9 + 0.2 * share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_handshake_makes_room_for_the_newest() {
        let mut handshakes = Handshakes { patience: Duration::ZERO, ..Handshakes::new(2) };
        let (mut first, second) = (handshakes.begin().await, handshakes.begin().await);
        drop(second);
        let mut third = handshakes.begin().await;
        assert!(first.try_recv() == Err(oneshot::error::TryRecvError::Empty), "the second had ended");
        let _fourth = handshakes.begin().await;
        assert!(first.try_recv() == Err(oneshot::error::TryRecvError::Closed), "it was the oldest");
        assert!(third.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    }

    #[test]
    fn ages_spread_over_a_tenth_in_both_directions() {
        let mut ages = Ages::new(Some(Duration::from_secs(1_000)));
        let mut ages: Vec<_> = (0..100).map(|_| ages.next().unwrap().as_secs()).collect();
        ages.sort_unstable();
        assert!(
            (900..=904).contains(ages.first().unwrap()) && (1_096..=1_100).contains(ages.last().unwrap())
        );
        assert!(ages.windows(2).all(|two| two[1] - two[0] <= 5), "{ages:?}");
        assert_eq!(Ages::new(None).next(), None);
    }
}

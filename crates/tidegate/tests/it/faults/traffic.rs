//! How the callers fare, for those who wait for it.

use tidegate_tests::TIMEOUT;
use tokio::{sync::watch, time::timeout};

/// Shared by the callers and the campaign.
#[derive(Clone)]
pub struct Traffic(watch::Sender<TrafficCounts>);

#[derive(Debug, Clone, Default)]
pub struct TrafficCounts {
    /// Calls that were answered, of each caller.
    pub answered: Vec<usize>,
    /// Attempts that got no answer, or were told to try again.
    pub unanswered: usize,
    is_over: bool,
}

impl TrafficCounts {
    pub fn all_answered(&self) -> usize {
        self.answered.iter().sum()
    }
}

impl Traffic {
    pub fn of(callers: usize) -> Self {
        Self(watch::Sender::new(TrafficCounts { answered: vec![0; callers], ..TrafficCounts::default() }))
    }

    pub fn counts(&self) -> TrafficCounts {
        self.0.borrow().clone()
    }

    pub fn answer_to(&self, caller: usize) {
        self.0.send_modify(|counts| counts.answered[caller] += 1);
    }

    pub fn no_answer(&self) {
        self.0.send_modify(|counts| counts.unanswered += 1);
    }

    pub fn stop(&self) {
        self.0.send_modify(|counts| counts.is_over = true);
    }

    pub fn is_over(&self) -> bool {
        self.0.borrow().is_over
    }

    /// Waits until so many more calls were answered.
    pub async fn answered(&self, more: usize) {
        let enough = self.counts().all_answered() + more;
        self.wait_for(|counts| counts.all_answered() >= enough).await;
    }

    /// Waits until so many more attempts got no answer.
    pub async fn unanswered(&self, more: usize) {
        let enough = self.counts().unanswered + more;
        self.wait_for(|counts| counts.unanswered >= enough).await;
    }

    /// Waits until every caller had an answer since now.
    pub async fn answered_to_each(&self) {
        let before = self.counts().answered;
        self.wait_for(|now| now.answered.iter().zip(&before).all(|(now, before)| now > before)).await;
    }

    async fn wait_for(&self, is_so: impl FnMut(&TrafficCounts) -> bool) {
        let mut counts = self.0.subscribe();
        let waited = timeout(TIMEOUT, counts.wait_for(is_so)).await;
        assert!(waited.is_ok(), "callers get no answer: {:?}", self.counts());
    }
}

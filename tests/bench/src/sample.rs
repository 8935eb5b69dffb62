//! The figures of one round, and of many rounds together.

use std::time::Duration;

/// One round of one side.
#[derive(Debug, Clone)]
pub struct Sample {
    pub calls: u64,
    pub wall: Duration,
    /// The server's CPU time; absent where there is no server.
    pub cpu: Option<Duration>,
    /// Sorted, in tenths of a microsecond.
    latencies: Vec<u32>,
}

impl Sample {
    /// `latencies` in tenths of a microsecond.
    pub fn new(mut latencies: Vec<u32>, wall: Duration, cpu: Option<Duration>) -> Self {
        latencies.sort_unstable();
        Self { calls: latencies.len() as u64, wall, cpu, latencies }
    }

    /// A round whose calls were counted, and not timed one by one.
    pub const fn counted(calls: u64, wall: Duration, cpu: Option<Duration>) -> Self {
        Self { calls, wall, cpu, latencies: Vec::new() }
    }

    /// Calls a second.
    pub fn rate(&self) -> f64 {
        number(self.calls) / self.wall.as_secs_f64()
    }

    /// The server's CPU time for a call, in microseconds.
    pub fn cpu(&self) -> Option<f64> {
        self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / number(self.calls))
    }

    /// The latency that `share` of the calls stay within, in microseconds.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let place = (share * self.latencies.len().saturating_sub(1) as f64).round() as usize;
        self.latencies.get(place).map(|tenths| f64::from(*tenths) / 10.0)
    }
}

/// All rounds of one side.
#[derive(Debug, Clone)]
pub struct Side {
    pub name: String,
    pub rounds: Vec<Sample>,
}

impl Side {
    /// The median over the rounds.
    pub fn median(&self, of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(of).collect())
    }

    pub fn rate(&self) -> Option<f64> {
        self.median(|round| Some(round.rate()))
    }

    pub fn cpu(&self) -> Option<f64> {
        self.median(Sample::cpu)
    }

    /// The median of the rounds' own; over all calls where a round is one call.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.rounds.iter().all(|round| round.calls == 1) {
            let all: Vec<_> = self.rounds.iter().flat_map(|round| round.latencies.clone()).collect();
            return Sample::new(all, Duration::ZERO, None).quantile(share);
        }
        self.median(|round| round.quantile(share))
    }

    /// The median of the ratios of each round to the other side's round next to it.
    pub fn to(&self, other: &Self, of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.filter_map(|(ours, theirs)| Some(of(ours)? / of(theirs)?)).collect())
    }
}

/// A latency as samples keep it: in tenths of a microsecond.
pub fn tenths(span: Duration) -> u32 {
    u32::try_from(span.as_nanos() / 100).unwrap_or(u32::MAX)
}

pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (half, upper) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(*values.get(half)?, *values.get(upper)?))
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_quantile_is_one_of_the_latencies() {
        let sample = Sample::new((1..=100).rev().map(|n| n * 10).collect(), Duration::from_secs(1), None);
        assert_eq!(
            (sample.quantile(0.5), sample.quantile(0.99), sample.quantile(1.0)),
            (Some(51.0), Some(99.0), Some(100.0))
        );
    }
}

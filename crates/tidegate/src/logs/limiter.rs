//! How many lines are written, so that no caller can fill the disk or hide one thing behind many others.
//!
//! Lines are of one class if they come from one place in the code and have the same part there (`incident`, or `class`):
//! a closed set. Of each class, the first lines of a minute are written. The rest is counted, and at the end of the
//! minute one line says how many they were:
//!
//! ```text
//! first line of the class ──► a minute begins: LINES (or LINES_OF_PART) are written, then they are counted
//!                                 └─ it ends: if any were counted, one line with `left_out`
//! ```

use std::{collections::HashMap, hash::Hash, time::Duration};

pub const PERIOD: Duration = Duration::from_mins(1);
/// Of a place that divides its lines by no part: they may differ in what they say.
const LINES: u32 = 10;
/// Of one part: its lines say the same.
const LINES_OF_PART: u32 = 1;
/// Classes that are counted at once. Beyond that, lines are counted by their place alone.
const MAX_CLASSES: usize = 16_384;

/// Times are those since some moment.
pub struct RateLimiter<P, S> {
    windows: HashMap<(P, Option<u64>), Window<S>>,
    /// Of windows that ended when a line of their class came.
    ended: Vec<LeftOut<S>>,
}

struct Window<S> {
    end: Duration,
    lines_left: u32,
    left_out: Option<LeftOut<S>>,
}

/// Lines of one class that were counted instead of written.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOut<S> {
    pub count: u64,
    /// What the first of them said.
    pub sample: S,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Written,
    LeftOut,
    /// It is not counted yet: ask again with a sample.
    NeedsSample,
}

impl<P: Copy + Eq + Hash, S> RateLimiter<P, S> {
    pub fn new() -> Self {
        Self { windows: HashMap::new(), ended: Vec::new() }
    }

    /// Counts a line. `part` is a hash of what divides the lines of the place; `sample` is wanted of the first line of a
    /// minute that is left out, and else dropped.
    pub fn admit(&mut self, place: P, part: Option<u64>, now: Duration, sample: Option<S>) -> Admission {
        let class = self.class(place, part, now);
        let lines = if class.1.is_some() { LINES_OF_PART } else { LINES };
        let fresh = || Window { end: now + PERIOD, lines_left: lines, left_out: None };
        let window = self.windows.entry(class).or_insert_with(fresh);
        if window.end <= now {
            self.ended.extend(std::mem::replace(window, fresh()).left_out);
        }
        if let Some(left) = window.lines_left.checked_sub(1) {
            window.lines_left = left;
            return Admission::Written;
        }
        match (&mut window.left_out, sample) {
            (Some(left_out), _) => left_out.count += 1,
            (none, Some(sample)) => *none = Some(LeftOut { count: 1, sample }),
            (None, None) => return Admission::NeedsSample,
        }
        Admission::LeftOut
    }

    fn class(&mut self, place: P, part: Option<u64>, now: Duration) -> (P, Option<u64>) {
        let class = (place, part);
        if self.windows.len() < MAX_CLASSES || self.windows.contains_key(&class) {
            return class;
        }
        let ended = self.windows.extract_if(|_, window| window.end <= now);
        self.ended.extend(ended.filter_map(|(_, window)| window.left_out));
        if self.windows.len() < MAX_CLASSES { class } else { (place, None) }
    }

    /// When `ended` has something to say next.
    pub fn next_end(&self) -> Option<Duration> {
        if !self.ended.is_empty() {
            return Some(Duration::ZERO);
        }
        self.windows.values().filter(|window| window.left_out.is_some()).map(|window| window.end).min()
    }

    /// What was left out in the minutes that have ended.
    pub fn ended(&mut self, now: Duration) -> Vec<LeftOut<S>> {
        let ended = self.windows.extract_if(|_, window| window.end <= now);
        self.ended.extend(ended.filter_map(|(_, window)| window.left_out));
        std::mem::take(&mut self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    type Tested = RateLimiter<&'static str, u64>;

    fn is_written(limiter: &mut Tested, part: Option<u64>, now: Duration, sample: u64) -> bool {
        match limiter.admit("a", part, now, None) {
            Admission::NeedsSample => limiter.admit("a", part, now, Some(sample)) == Admission::Written,
            admission => admission == Admission::Written,
        }
    }

    /// How many of a thousand lines are written.
    fn written(limiter: &mut Tested, part: Option<u64>, now: Duration) -> usize {
        (0..1_000).filter(|number| is_written(limiter, part, now, *number)).count()
    }

    #[test]
    fn the_first_lines_of_a_minute_are_written_and_the_rest_is_counted() {
        let mut limiter = RateLimiter::new();
        assert_eq!(written(&mut limiter, None, at(7)), 10);
        assert_eq!(limiter.next_end(), Some(at(67)));
        assert_eq!(limiter.ended(at(66)), []);
        assert!(!is_written(&mut limiter, None, at(66), 0));
        assert_eq!(limiter.ended(at(67)), [LeftOut { count: 991, sample: 10 }]);
        assert_eq!((limiter.next_end(), limiter.ended(at(1_000))), (None, vec![]), "it is said once");
        assert_eq!(written(&mut limiter, None, at(1_000)), 10);
    }

    #[test]
    fn a_minute_that_ends_by_the_next_line_is_told_too() {
        let mut limiter = RateLimiter::new();
        written(&mut limiter, None, at(0));
        assert!(is_written(&mut limiter, None, at(60), 0));
        assert_eq!(limiter.next_end(), Some(at(0)));
        assert_eq!(limiter.ended(at(60)), [LeftOut { count: 990, sample: 10 }]);
    }

    #[test]
    fn a_place_with_few_lines_leaves_nothing_out() {
        let mut limiter = RateLimiter::new();
        assert!(is_written(&mut limiter, None, at(0), 0));
        assert_eq!((limiter.next_end(), limiter.ended(at(60))), (None, vec![]));
        assert!(limiter.windows.is_empty());
    }

    #[test]
    fn parts_have_lines_of_their_own() {
        let mut limiter = RateLimiter::new();
        for (part, lines) in [(Some(1), 1), (Some(2), 1), (None, 10)] {
            assert_eq!(written(&mut limiter, part, at(0)), lines, "{part:?}");
        }
        assert_eq!(limiter.admit("b", Some(1), at(0), None), Admission::Written, "another place");
        let left_out: u64 = limiter.ended(at(60)).iter().map(|left_out| left_out.count).sum();
        assert_eq!(left_out, 999 + 999 + 990);
    }

    #[test]
    fn too_many_parts_share_the_lines_of_their_place() {
        let mut limiter = RateLimiter::new();
        let written = (0..20_000).filter(|part| is_written(&mut limiter, Some(*part), at(0), *part)).count();
        assert_eq!((written, limiter.windows.len()), (MAX_CLASSES + 10, MAX_CLASSES + 1));
        let left_out = limiter.ended(at(60));
        assert_eq!(left_out, [LeftOut { count: 20_000 - 16_384 - 10, sample: 16_394 }]);
        assert!(is_written(&mut limiter, Some(19_999), at(60), 0), "there is room again");
    }
}

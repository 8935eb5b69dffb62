//! The numbers by which a failed call is found in the log.
//!
//! While the database is away, thousands of calls fail in the same way, and the log writes only a few lines of them. Of
//! each kind of failure, the first calls of a minute get numbers of their own, and the later ones the last of these: so
//! every number that a caller was given leads to a line.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tidegate_core::{IncidentId, Span, Timestamp};

/// What failed, and where: words of the sources, so that there are few kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailureKind(pub &'static str, pub &'static str);

const PERIOD: Span = Span::minutes(1);
/// Calls of one kind in a period that get numbers of their own.
const OWN_NUMBERS: u32 = 10;

#[derive(Default)]
pub(crate) struct Incidents(Mutex<HashMap<FailureKind, Period>>);

struct Period {
    begun: Timestamp,
    numbers: u32,
    last: IncidentId,
}

impl Incidents {
    pub(crate) fn number(
        &self,
        kind: FailureKind,
        now: Timestamp,
        new: impl FnOnce() -> IncidentId,
    ) -> IncidentId {
        let mut periods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match periods.get_mut(&kind).filter(|period| now.since(period.begun) < PERIOD) {
            Some(period) if period.numbers >= OWN_NUMBERS => period.last,
            Some(period) => {
                period.numbers += 1;
                period.last = new();
                period.last
            }
            None => {
                let last = new();
                periods.insert(kind, Period { begun: now, numbers: 1, last });
                last
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tidegate_core::Id;

    use super::*;

    const AWAY: FailureKind = FailureKind("Unavailable", "");

    struct Calls {
        incidents: Incidents,
        made: u64,
    }

    impl Calls {
        fn fail(&mut self, kind: FailureKind, second: i64) -> IncidentId {
            let now = Timestamp::from_unix_micros(0).plus(Span::seconds(second));
            self.incidents.number(kind, now, || {
                self.made += 1;
                Id::from_uuid(uuid::Uuid::from_u128(self.made.into()))
            })
        }
    }

    #[test]
    fn the_first_calls_have_numbers_of_their_own_and_later_ones_share_the_last() {
        let mut calls = Calls { incidents: Incidents::default(), made: 0 };
        let numbers: Vec<_> = (0..1_000).map(|_| calls.fail(AWAY, 0)).collect();
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 10);
        assert!(numbers[9..].iter().all(|number| *number == numbers[9]));
        assert_eq!(calls.fail(AWAY, 59), numbers[9]);
        let next = calls.fail(AWAY, 60);
        assert!(!numbers.contains(&next), "a new minute");
        assert_ne!(calls.fail(AWAY, 60), next);
    }

    #[test]
    fn another_kind_has_numbers_of_its_own() {
        let mut calls = Calls { incidents: Incidents::default(), made: 0 };
        let numbers: Vec<_> = (0..20).map(|_| calls.fail(AWAY, 0)).collect();
        let first = calls.fail(FailureKind("Statement", "begin_sign_in"), 0);
        let other = calls.fail(FailureKind("Statement", "end_session"), 0);
        assert!(!numbers.contains(&first) && !numbers.contains(&other) && first != other);
    }
}

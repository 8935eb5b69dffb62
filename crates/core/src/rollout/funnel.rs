//! The funnel of a rollout: counts of events, hour by hour.

use crate::{Method, Ordinal, ProductKey, RolloutKey, Span, Timestamp, words};

words! {
    /// One step on the way from being told of two-step to signing in with it.
    FunnelStep "step of the funnel" {
        /// The owner was told that two-step comes.
        Told = "told",
        /// An app was told to show the feature.
        Shown = "shown",
        /// The owner put it off.
        Postponed = "postponed",
        /// Two-step became a duty of the account.
        Required = "required",
        /// An enrollment began.
        Started = "started",
        /// A factor was set up.
        Enrolled = "enrolled",
        /// Two-step acts from now on.
        Active = "active",
        /// A second step was asked.
        Challenged = "challenged",
        Passed = "passed",
        /// An answer was not accepted; the reason says why.
        Failed = "failed",
        /// Passed by a recovery code.
        Recovered = "recovered",
    }
}

words! {
    /// Why an answer to a challenge was not accepted.
    StepFailure "failure of a step" {
        WrongAnswer = "wrong_answer",
        Replayed = "replayed",
        Expired = "expired",
        UsedUp = "used_up",
        Superseded = "superseded",
        Slowed = "slowed",
        Closed = "closed",
        Denied = "denied",
    }
}

/// What one count is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunnelCell {
    pub rollout: RolloutKey,
    /// The beginning of the hour, in UTC.
    pub hour: Timestamp,
    /// `None`: no wave reached the account, or it is not known which.
    pub wave: Option<Ordinal>,
    pub product: ProductKey,
    /// `None`: the step is of no method.
    pub method: Option<Method>,
    pub step: FunnelStep,
    /// Only of `FunnelStep::Failed`.
    pub reason: Option<StepFailure>,
}

impl FunnelStep {
    /// For how long the counts are kept.
    pub const RETENTION: Span = Span::days(400);
}

/// The hour, in UTC, that an instant is in.
pub const fn hour_of(at: Timestamp) -> Timestamp {
    let micros = at.unix_micros();
    Timestamp::from_unix_micros(micros - micros.rem_euclid(Span::hours(1).micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_at_or_before_its_instants() {
        let at = |micros| hour_of(Timestamp::from_unix_micros(micros)).unix_micros();
        let hour = 3_600_000_000;
        assert_eq!([at(0), at(hour - 1), at(hour), at(-1)], [0, 0, hour, -hour]);
    }
}

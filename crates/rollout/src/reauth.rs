//! When a session must be made anew because more is required than it met.
//!
//! No session is ended by a date: a million people signed out at midnight is an outage. From the
//! instant the requirement rose, sessions that met less have up to seven days, spread by account.

use tidegate_core::{AccountId, Bucket, Decision, Salt, Session, Span, Timestamp};

use crate::bucket;

/// The longest time a session keeps after the requirement rose.
pub const GRACE: Span = Span::days(7);

/// From when on the session fails; `None` while it met enough (INV-16).
pub fn by(decision: &Decision, session: &Session) -> Option<Timestamp> {
    let since = decision.required_since.filter(|_| decision.requirement > session.met)?;
    Some(since.max(session.created_at).plus(spread(session.account)))
}

/// Between nothing and the whole grace, the same for an account at all times.
fn spread(account: AccountId) -> Span {
    const SPREAD: Salt = Salt(*b"reauth by bucket");
    let place = i64::from(bucket::of_account(SPREAD, account).number());
    Span::from_micros(GRACE.micros() / i64::from(Bucket::COUNT) * (place + 1))
}

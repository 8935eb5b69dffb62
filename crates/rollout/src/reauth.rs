//! When a session must be replaced, because more is required than it met.
//!
//! No date ends sessions: a million people signed out at midnight is an outage. From the instant at
//! which the requirement rose, sessions that met less last up to seven more days, spread by
//! account.

use tidegate_core::{AccountId, Bucket, Requirement, Salt, Session, Span, Timestamp};

use crate::bucket;

/// The longest time that a session lasts after the requirement rose.
pub const GRACE: Span = Span::days(7);

/// What a decision requires, and since when.
pub type Required = (Requirement, Option<Timestamp>);

/// The instant from which the session fails. `None` if it met enough (INV-16).
pub fn by((requirement, since): Required, session: &Session) -> Option<Timestamp> {
    let since = since.filter(|_| requirement > session.met)?;
    Some(since.max(session.created_at).plus(spread(session.account)))
}

/// A part of the grace, more than nothing and at most all of it. It is always the same for an
/// account.
fn spread(account: AccountId) -> Span {
    const SPREAD: Salt = Salt(*b"reauth by bucket");
    let place = i64::from(bucket::of_account(SPREAD, account).number());
    Span::from_micros(GRACE.micros() / i64::from(Bucket::COUNT) * (place + 1))
}

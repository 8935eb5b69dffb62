//! When a session must be replaced, because more is required than it met.
//!
//! No date ends sessions: a million people signed out at midnight is an outage. From the instant at
//! which the requirement rose, sessions that met less last some more time, spread by account: up to
//! seven days, by a setting of the product.

use tidegate_core::{AccountId, Bucket, RequiredSince, Requirement, Salt, Session, Span, Timestamp};

use crate::bucket;

/// What a decision requires, and since when.
pub type Required = (Requirement, RequiredSince);

/// The instant from which the session fails, at most `within` after the requirement rose. `None` if it met enough.
/// What the session was told before counts if it is earlier (INV-16).
pub fn by((requirement, since): Required, session: &Session, within: Span) -> Option<Timestamp> {
    let since = since.above(session.met).filter(|_| requirement > session.met)?;
    let by = since.max(session.created_at).plus(spread(session.account, within));
    Some(session.reauth_by.map_or(by, |told| told.min(by)))
}

/// A part of the time, more than nothing and at most all of it. It is always the same for an
/// account.
fn spread(account: AccountId, within: Span) -> Span {
    const SPREAD: Salt = Salt(*b"reauth by bucket");
    let place = i64::from(bucket::of_account(SPREAD, account).number());
    Span::from_micros(within.micros() / i64::from(Bucket::COUNT) * (place + 1))
}

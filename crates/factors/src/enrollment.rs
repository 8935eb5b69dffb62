//! The life of one enrollment.
//!
//! ```text
//!   awaiting_confirmation ── link redeemed ──► confirmed ── continued ──► awaiting_proof ── code ──► active
//!            (a session older than 7 days begins here) ────────────────────────► │
//!   every state but the last ── given up ──► cancelled, newer one begun ──► superseded      last wrong code ──► used_up
//!   at expires_at nothing goes on; the row needs no change for that
//! ```

use tidegate_core::{Account, Answered, Enrollment, EnrollmentState, FactorId, Session, Span, Timestamp};

use crate::method;

/// How long an enrollment and its link are valid; the hard limit is 24 hours.
pub const TTL: Span = Span::hours(2);
/// How old a session or an address must be to prove that the owner started the enrollment.
pub const PROVEN_AGE: Span = Span::days(7);

/// The proof that the owner, and not a thief of the password, started an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The session is at least `PROVEN_AGE` old: longer than a thief would wait.
    OldSession,
    /// A link must be redeemed. It goes to a verified address that the account has had since its
    /// creation, or for `PROVEN_AGE`.
    Link,
    /// The account has factors, and this one was proved a moment ago.
    Factors(FactorId),
}

/// A password alone never binds the first factor (INV-57): otherwise a stolen password would take
/// the account over. `None` without any other proof.
pub fn origin(account: &Account, session: &Session, now: Timestamp) -> Option<Origin> {
    if now.since(session.created_at) >= PROVEN_AGE {
        return Some(Origin::OldSession);
    }
    let contact = account.verified()?;
    let since_creation = contact.since <= account.created_at;
    (since_creation || now.since(contact.since) >= PROVEN_AGE).then_some(Origin::Link)
}

/// How many wrong answers the enrollment takes.
pub const fn max_tries(enrollment: &Enrollment) -> i64 {
    method::rules(enrollment.method).max_tries
}

/// The answer that needs no evaluation of the code, if there is one. `Err` names a state that takes
/// no code.
pub fn closed(enrollment: &Enrollment, now: Timestamp) -> Result<Option<Answered>, EnrollmentState> {
    match enrollment.state {
        EnrollmentState::Active => Ok(Some(Answered::AlreadyApproved)),
        EnrollmentState::UsedUp => Ok(Some(Answered::UsedUp)),
        EnrollmentState::Superseded => Ok(Some(Answered::Superseded)),
        _ if now >= enrollment.expires_at => Ok(Some(Answered::Expired)),
        EnrollmentState::AwaitingProof if enrollment.tries >= max_tries(enrollment) => {
            Ok(Some(Answered::UsedUp))
        }
        EnrollmentState::AwaitingProof => Ok(None),
        state => Err(state),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::{AccountState, Contact, Email, Id, Requirement, Sealed};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

    fn account(created: Timestamp, contact: Option<(Timestamp, bool)>) -> Account {
        Account {
            id: Id::from_uuid_bytes([1; 16]),
            external_id: None,
            contact: contact.map(|(since, verified)| Contact {
                email: Email::parse("ann@example.com").unwrap(),
                since,
                verified_at: verified.then_some(since),
            }),
            country: None,
            customer: None,
            labels: tidegate_core::Labels::default(),
            state: AccountState::Active,
            two_step_since: None,
            personal_key: Sealed(vec![]),
            created_at: created,
        }
    }

    fn session(age: Span) -> Session {
        Session {
            id: Id::from_uuid_bytes([2; 16]),
            account: Id::from_uuid_bytes([1; 16]),
            product: "kasa".parse().unwrap(),
            device: None,
            proofs: vec![],
            later_proofs: vec![],
            trusted: false,
            met: Requirement::None,
            created_at: NOW.minus(age),
            last_used_at: NOW,
            idle: Span::hours(1),
            expires_at: NOW.plus(Span::hours(1)),
            end: None,
        }
    }

    #[test]
    fn inv_57_a_fresh_session_needs_the_link_and_an_old_one_does_not() {
        let (day, week) = (Span::days(1), Span::days(7));
        let old_address = account(NOW.minus(Span::days(30)), Some((NOW.minus(Span::days(30)), true)));
        assert_eq!(origin(&old_address, &session(day), NOW), Some(Origin::Link));
        assert_eq!(origin(&old_address, &session(week), NOW), Some(Origin::OldSession));
        let almost = Span::from_micros(week.micros() - 1);
        assert_eq!(origin(&old_address, &session(almost), NOW), Some(Origin::Link));
    }

    #[test]
    fn inv_57_an_address_that_was_changed_last_week_proves_nothing() {
        let created = NOW.minus(Span::days(30));
        let changed = |age| account(created, Some((NOW.minus(age), true)));
        assert_eq!(origin(&changed(Span::days(6)), &session(Span::ZERO), NOW), None);
        assert_eq!(origin(&changed(Span::days(7)), &session(Span::ZERO), NOW), Some(Origin::Link));
        assert_eq!(origin(&account(NOW, Some((NOW, true))), &session(Span::ZERO), NOW), Some(Origin::Link));
        assert_eq!(origin(&account(NOW, Some((NOW, false))), &session(Span::ZERO), NOW), None);
        assert_eq!(origin(&account(NOW, None), &session(Span::ZERO), NOW), None);
    }
}

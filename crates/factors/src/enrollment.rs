//! The life of one enrollment.
//!
//! ```text
//!   awaiting_confirmation ── link redeemed ──► confirmed ── continued ──► awaiting_proof ── code ──► active
//!            (a session older than 7 days begins here) ────────────────────────► │
//!   every state but the last ── given up ──► cancelled, newer one begun ──► superseded      last wrong code ──► used_up
//!   at expires_at nothing goes on; the row needs no change for that
//! ```

use tidegate_core::{
    Account, Answered, Contact, Enrollment, EnrollmentState, Factor, FactorId, Level, Method, Session, Span,
    Timestamp, Word as _,
};

use crate::{check_up, fresh, method, policy};

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
    /// The owner cannot use this factor any more, as the check-up showed. A link must be redeemed.
    CheckUp(FactorId),
    /// This factor was proved a moment ago.
    Factors(FactorId),
}

/// Why a session may not begin an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotProved {
    /// A fresh proof of this level is needed.
    Stale(Level),
    /// Nothing can prove that the owner started it.
    NoOrigin,
}

/// An account with enrolled factors needs a fresh proof of them (INV-20). A password alone never binds the first one
/// (INV-57): otherwise a stolen password would take the account over. A recovery code or an access pass proves it, whatever
/// address the account has. Where the mailbox is the second step already, an old session does not: only the mailbox, by a
/// code or by a link.
pub fn origin(
    account: &Account,
    session: &Session,
    factors: &[Factor],
    now: Timestamp,
) -> Result<Origin, NotProved> {
    let proved = fresh::may_rebind(session, factors, now);
    if policy::has_enrolled(factors) {
        let failing =
            check_up::may_replace(account, session, factors).filter(|_| has_old_address(account, now));
        let failing = failing.map(|factor| factor.id);
        let origin = proved.map(Origin::Factors).or(failing.map(Origin::CheckUp));
        return origin.ok_or(NotProved::Stale(fresh::needed(factors)));
    }
    let coded = |factor: &FactorId| {
        factors.iter().any(|one| one.id == *factor && one.method == Method::RecoveryCodes)
    };
    if let Some(factor) = proved.filter(coded) {
        return Ok(Origin::Factors(factor));
    }
    if has_old_address(account, now) {
        return Ok(proved.map_or(Origin::Link, Origin::Factors));
    }
    // A thief of the password has a session too. Its age counts only where no mail can ask the owner.
    let old_session = now.since(session.created_at) >= PROVEN_AGE;
    if old_session && account.two_step_since.is_none() {
        Ok(Origin::OldSession)
    } else {
        Err(NotProved::NoOrigin)
    }
}

/// Whether the account has a verified address since its creation, or for `PROVEN_AGE`.
fn has_old_address(account: &Account, now: Timestamp) -> bool {
    let is_old = |contact: &Contact| is_old_address(contact.since, account.created_at, now);
    account.verified().is_some_and(is_old)
}

/// Whether an address that the account has since then counts as its owner's.
pub fn is_old_address(since: Timestamp, created_at: Timestamp, now: Timestamp) -> bool {
    since <= created_at || now.since(since) >= PROVEN_AGE
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

/// Why an enrollment is not in the state `from` any more, if it is not.
pub fn closed_to(enrollment: &Enrollment, from: EnrollmentState, now: Timestamp) -> Option<&'static str> {
    let is_open = enrollment.state == from && now < enrollment.expires_at;
    let state = if enrollment.state == from { "expired" } else { enrollment.state.as_str() };
    (!is_open).then_some(state)
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Id, Method, Proof, Requirement};

    use super::*;
    use crate::testing::{NOW, account};

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
            client: None,
            refresh: None,
            reauth_by: None,
        }
    }

    #[test]
    fn inv_57_the_age_of_a_session_counts_only_where_no_mail_can_ask_the_owner() {
        let (day, week) = (Span::days(1), Span::days(7));
        let old_address = account(NOW.minus(Span::days(30)), Some((NOW.minus(Span::days(30)), true)));
        assert_eq!(origin(&old_address, &session(day), &[], NOW), Ok(Origin::Link));
        assert_eq!(
            origin(&old_address, &session(week), &[], NOW),
            Ok(Origin::Link),
            "the mailbox can be asked"
        );
        let new_address = account(NOW.minus(Span::days(30)), Some((NOW.minus(day), true)));
        assert_eq!(origin(&new_address, &session(week), &[], NOW), Ok(Origin::OldSession));
        let almost = Span::from_micros(week.micros() - 1);
        assert_eq!(origin(&new_address, &session(almost), &[], NOW), Err(NotProved::NoOrigin));
        let locked = Account { two_step_since: Some(NOW), ..new_address };
        assert_eq!(
            origin(&locked, &session(week), &[], NOW),
            Err(NotProved::NoOrigin),
            "the mailbox is the second step"
        );
    }

    #[test]
    fn inv_57_an_address_that_was_changed_last_week_proves_nothing() {
        let created = NOW.minus(Span::days(30));
        let changed = |age| account(created, Some((NOW.minus(age), true)));
        let of = |account: &Account| origin(account, &session(Span::ZERO), &[], NOW);
        assert_eq!(of(&changed(Span::days(6))), Err(NotProved::NoOrigin));
        assert_eq!(of(&changed(Span::days(7))), Ok(Origin::Link));
        assert_eq!(of(&account(NOW, Some((NOW, true)))), Ok(Origin::Link));
        assert_eq!(of(&account(NOW, Some((NOW, false)))), Err(NotProved::NoOrigin));
        assert_eq!(of(&account(NOW, None)), Err(NotProved::NoOrigin));
    }

    #[test]
    fn inv_57_a_mailed_code_proves_as_much_as_a_mailed_link() {
        let created = NOW.minus(Span::days(30));
        let mailbox = Factor::new(
            Id::from_uuid_bytes([3; 16]),
            Id::from_uuid_bytes([1; 16]),
            Method::EmailCode,
            created,
        );
        let code = Proof { method: Method::EmailCode, at: NOW, factor: Some(mailbox.id), mailed: false };
        let typed = Session { proofs: vec![code], ..session(Span::ZERO) };
        let factors = [mailbox];
        let of = |since| origin(&account(created, Some((since, true))), &typed, &factors, NOW);
        assert_eq!(of(created), Ok(Origin::Factors(factors[0].id)));
        assert_eq!(of(NOW.minus(Span::days(6))), Err(NotProved::NoOrigin), "of a new address as little");
    }

    #[test]
    fn inv_57_a_pass_proves_it_whatever_the_address() {
        let created = NOW.minus(Span::days(30));
        let new_address = account(created, Some((NOW, true)));
        let set = Factor::new(Id::from_uuid_bytes([5; 16]), new_address.id, Method::RecoveryCodes, NOW);
        let typed =
            |factor| Proof { method: Method::RecoveryCodes, at: NOW, factor: Some(factor), mailed: false };
        let of = |proof| {
            let session = Session { proofs: vec![proof], ..session(Span::ZERO) };
            origin(&new_address, &session, std::slice::from_ref(&set), NOW)
        };
        assert_eq!(of(typed(set.id)), Ok(Origin::Factors(set.id)));
        assert_eq!(
            of(typed(Id::from_uuid_bytes([6; 16]))),
            Err(NotProved::NoOrigin),
            "of a set that is gone"
        );
    }

    #[test]
    fn inv_20_an_enrolled_factor_is_proved_by_itself() {
        let totp = Factor::new(Id::from_uuid_bytes([4; 16]), Id::from_uuid_bytes([1; 16]), Method::Totp, NOW);
        let mailbox = Factor::new(Id::from_uuid_bytes([3; 16]), totp.account, Method::EmailCode, NOW);
        let account = account(NOW, Some((NOW, true)));
        let of = |factor: &Factor| {
            let proof = Proof { method: factor.method, at: NOW, factor: Some(factor.id), mailed: false };
            let proved = Session { proofs: vec![proof], ..session(Span::days(30)) };
            origin(&account, &proved, &[totp.clone(), mailbox.clone()], NOW)
        };
        assert_eq!(of(&totp), Ok(Origin::Factors(totp.id)));
        assert_eq!(of(&mailbox), Err(NotProved::Stale(Level::Aal2)), "the mailbox is weaker");
    }
}

//! The check-up: some weeks after a second step was set up, its owner is asked to use it once more. So a set-up that went wrong
//! shows while the owner is signed in, and not on the day when the phone is lost.

use tidegate_core::{Account, Factor, Session, Span, Timestamp};

use crate::policy;

/// Whether the owner is to be asked: the newest factor was set up here so long ago, and none was used since that day.
pub fn is_due(account: &Account, factors: &[Factor], after: Span, now: Timestamp) -> bool {
    if account.two_step_since.is_none() || after <= Span::ZERO {
        return false;
    }
    let enrolled = || factors.iter().filter(|factor| policy::is_enrolled(factor.method));
    let newest = enrolled().max_by_key(|factor| factor.created_at);
    // An imported one was used elsewhere before.
    let Some(set_up) = newest.filter(|newest| newest.origin.is_some()) else { return false };
    let due_at = set_up.created_at.plus(after);
    now >= due_at && enrolled().all(|factor| factor.last_used_at.is_none_or(|used| used < due_at))
}

/// The factor in whose place the session may set up another one, without a proof of it: the owner was asked to use it, and cannot.
/// A trusted device stood in for it at the sign-in, so the session rests on an earlier proof of it. The mailbox has to confirm it.
pub fn may_replace<'f>(account: &Account, session: &Session, factors: &'f [Factor]) -> Option<&'f Factor> {
    let asked = account.check_up_asked_at.is_some_and(|asked| asked <= session.created_at);
    let newest = factors.iter().filter(|factor| policy::is_enrolled(factor.method));
    let newest = newest.max_by_key(|factor| factor.created_at);
    newest.filter(|_| asked && session.trusted)
}

#[cfg(test)]
mod tests {
    use tidegate_core::{FactorOrigin, Id, Method};

    use super::*;
    use crate::testing::{NOW, account};

    const MONTH: Span = Span::days(28);

    fn totp(created: Timestamp, used: Timestamp) -> Factor {
        let origin = Some(FactorOrigin { product: "kasa".parse().unwrap(), client: None });
        let new =
            Factor::new(Id::from_uuid_bytes([4; 16]), Id::from_uuid_bytes([1; 16]), Method::Totp, created);
        Factor { last_used_at: Some(used), origin, ..new }
    }

    #[test]
    fn the_owner_is_asked_from_the_28th_day_on_unless_the_factor_was_used_then() {
        let on = Account { two_step_since: Some(NOW), ..account(NOW, None) };
        let due = NOW.plus(MONTH);
        let just_before = due.minus(Span::from_micros(1));
        let set_up = [totp(NOW, NOW)];
        assert!(!is_due(&on, &set_up, MONTH, just_before));
        assert!(is_due(&on, &set_up, MONTH, due));
        assert!(is_due(&on, &[totp(NOW, just_before)], MONTH, due));
        assert!(!is_due(&on, &[totp(NOW, due)], MONTH, due));
        assert!(!is_due(&on, &set_up, Span::ZERO, due), "the product does not ask");
        let off = Account { two_step_since: None, ..on.clone() };
        assert!(!is_due(&off, &set_up, MONTH, due));
        let imported = [Factor { origin: None, ..totp(NOW, NOW) }];
        assert!(!is_due(&on, &imported, MONTH, due));
        assert!(!is_due(&on, &[], MONTH, due));
    }
}

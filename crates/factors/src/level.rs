//! What a session has proved. It depends on the proofs of the sign-in that made the session and on
//! the session's age, and on nothing else (INV-15).

use tidegate_core::{Level, Method, Proof, Span, Timestamp};

use crate::method::rules;

/// The age at which a session falls to the level of one factor.
pub const FRESH: Span = Span::hours(24);

pub fn of(proofs: &[Proof], made_at: Timestamp, now: Timestamp) -> Level {
    if proofs.iter().any(|proof| proof.method == Method::RecoveryCodes) {
        return Level::Recovery;
    }
    let mut steps = proofs.iter().filter(|proof| proof.method.is_second_step()).peekable();
    // Two proofs by one mailbox are one: they only recover (INV-34).
    let by_mailbox = steps.peek().is_some() && steps.all(|step| step.method == Method::EmailCode);
    if by_mailbox && proofs.iter().any(|proof| proof.mailed) {
        return Level::Recovery;
    }
    let proved = |second: bool| {
        let of_step = proofs.iter().filter(move |proof| proof.method.is_second_step() == second);
        of_step.filter_map(|proof| rules(proof.method).worth).max()
    };
    let by_passkey = proofs.first().is_some_and(|first| first.method == Method::WebAuthn);
    match (proved(false), proved(true)) {
        (Some(_), Some(level)) if now.since(made_at) < FRESH => level,
        // A sign-in that begins with a key began with one that verified its user.
        (None, Some(level)) if by_passkey && now.since(made_at) < FRESH => level,
        _ => Level::Aal1,
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Word as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

    fn proofs(methods: &[Method]) -> Vec<Proof> {
        methods.iter().map(|method| Proof { method: *method, at: NOW, factor: None, mailed: false }).collect()
    }

    #[test]
    fn inv_15_two_factors_are_aal2_for_a_day() {
        let both = proofs(&[Method::Password, Method::Totp]);
        assert_eq!(of(&both, NOW, NOW), Level::Aal2);
        assert_eq!(of(&both, NOW, NOW.plus(Span::hours(24))), Level::Aal1);
        assert_eq!(of(&proofs(&[Method::Password]), NOW, NOW), Level::Aal1);
        assert_eq!(of(&proofs(&[Method::Totp]), NOW, NOW), Level::Aal1);
    }

    #[test]
    fn inv_15_a_passkey_is_two_factors_at_once() {
        let passkey = proofs(&[Method::WebAuthn]);
        assert_eq!(of(&passkey, NOW, NOW), Level::Aal2Phr);
        assert_eq!(of(&passkey, NOW, NOW.plus(FRESH)), Level::Aal1);
        assert_eq!(of(&proofs(&[Method::Totp, Method::WebAuthn]), NOW, NOW), Level::Aal1);
        assert_eq!(of(&[], NOW, NOW), Level::Aal1);
    }

    #[test]
    fn inv_34_a_mailed_code_after_a_mailed_link_only_recovers() {
        let reset = Proof { method: Method::Password, at: NOW, factor: None, mailed: true };
        let with = |method| [vec![reset], proofs(&[method])].concat();
        assert_eq!(of(&with(Method::EmailCode), NOW, NOW), Level::Recovery);
        assert_eq!(of(&with(Method::Totp), NOW, NOW), Level::Aal2);
        assert_eq!(of(&[reset], NOW, NOW), Level::Aal1);
        assert_eq!(of(&proofs(&[Method::Password, Method::EmailCode]), NOW, NOW), Level::Aal1Email);
    }

    #[test]
    fn a_recovery_code_gives_a_session_that_only_recovers_for_good() {
        let codes = proofs(&[Method::Password, Method::RecoveryCodes]);
        for age in [Span::ZERO, FRESH, Span::days(30)] {
            assert_eq!(of(&codes, NOW, NOW.plus(age)), Level::Recovery);
        }
        assert!(Level::ALL.iter().all(|level| Level::Recovery <= *level));
    }
}

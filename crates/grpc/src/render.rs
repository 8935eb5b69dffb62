//! Conversions between `core` and the wire that several services share.

use std::{collections::BTreeMap, fmt::Write as _};

use tidegate_core::{
    Answered, Decision, Labels, LadderDecision, Level, Method, Missing, Proof, Purpose, Reason, Requirement,
    Rung, Span, Timestamp,
};
use tidegate_proto as proto;
use tidegate_service::{OneTimeSecret, PageToken};

pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.unix_micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

pub(crate) fn duration(span: Span) -> prost_types::Duration {
    let nanos = i32::try_from(span.micros() % 1_000_000 * 1_000).unwrap_or(0);
    prost_types::Duration { seconds: span.micros() / 1_000_000, nanos }
}

pub(crate) fn labels(labels: Labels) -> BTreeMap<String, String> {
    labels.into_iter().map(|(name, text)| (name.into(), text.into())).collect()
}

/// The secret, and whether it is withheld. A withheld secret is empty.
pub(crate) fn shown(shown: OneTimeSecret) -> (String, bool) {
    match shown {
        OneTimeSecret::Now(secret) => (secret.expose().clone(), false),
        OneTimeSecret::Withheld => (String::new(), true),
    }
}

pub(crate) fn page_token(token: Option<PageToken>) -> String {
    token.map(|token| token.0).unwrap_or_default().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Accepts only what `page_token` writes.
pub(crate) fn read_page_token(text: &str) -> Option<Vec<u8>> {
    read_hex(text)
}

/// Bytes as pairs of digits. `from_str_radix` alone also accepts a sign and upper case.
pub(crate) fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !text.len().is_multiple_of(2) || !digits || text.len() > 4_096 {
        return None;
    }
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

pub(crate) fn method(method: Method) -> proto::Method {
    match method {
        Method::Password => proto::Method::Password,
        Method::Totp => proto::Method::Totp,
        Method::RecoveryCodes => proto::Method::RecoveryCodes,
        Method::EmailCode => proto::Method::EmailCode,
        Method::WebAuthn => proto::Method::Webauthn,
        Method::Push => proto::Method::Push,
        Method::DeviceCode => proto::Method::DeviceCode,
        Method::SmsCode => proto::Method::SmsCode,
    }
}

/// `None` for methods that are not enrolled: passwords, recovery codes and verified addresses come by other ways.
pub(crate) fn read_method(wire: proto::Method) -> Option<Method> {
    match wire {
        proto::Method::Totp => Some(Method::Totp),
        proto::Method::Webauthn => Some(Method::WebAuthn),
        proto::Method::Push => Some(Method::Push),
        proto::Method::DeviceCode => Some(Method::DeviceCode),
        proto::Method::SmsCode => Some(Method::SmsCode),
        proto::Method::Unspecified
        | proto::Method::Password
        | proto::Method::RecoveryCodes
        | proto::Method::EmailCode => None,
    }
}

pub(crate) fn level(level: Level) -> proto::Level {
    match level {
        Level::Recovery => proto::Level::Recovery,
        Level::Aal1 => proto::Level::Aal1,
        Level::Aal1Email => proto::Level::Aal1Email,
        Level::Aal2 => proto::Level::Aal2,
        Level::Aal2Phr => proto::Level::Aal2Phr,
    }
}

pub(crate) fn requirement(requirement: Requirement) -> proto::Requirement {
    match requirement {
        Requirement::None => proto::Requirement::None,
        Requirement::SecondStep => proto::Requirement::SecondStep,
        Requirement::Aal2 => proto::Requirement::Aal2,
        Requirement::Aal2Phr => proto::Requirement::Aal2Phr,
    }
}

pub(crate) fn proofs(proofs: &[Proof]) -> Vec<proto::Proof> {
    let proof = |proof: &Proof| proto::Proof {
        method: method(proof.method).into(),
        accept_time: Some(timestamp(proof.at)),
    };
    proofs.iter().map(proof).collect()
}

pub(crate) const fn missing(missing: Missing) -> proto::Missing {
    match missing {
        Missing::VerifiedEmail => proto::Missing::VerifiedEmail,
    }
}

pub(crate) fn all_missing(missing: &[Missing]) -> Vec<i32> {
    missing.iter().map(|one| self::missing(*one).into()).collect()
}

/// What came of a proof: the outcome, the tries left, and when the next answer is verified.
pub(crate) fn answered(
    answered: Answered,
) -> (proto::ProofOutcome, Option<i32>, Option<prost_types::Timestamp>) {
    use proto::ProofOutcome as Outcome;
    match answered {
        Answered::Approved => (Outcome::Approved, None, None),
        Answered::WrongAnswer { tries_left } => {
            (Outcome::WrongAnswer, Some(i32::try_from(tries_left).unwrap_or(0)), None)
        }
        Answered::AlreadyApproved => (Outcome::AlreadyApproved, None, None),
        Answered::Replayed => (Outcome::Replayed, None, None),
        Answered::Expired => (Outcome::Expired, None, None),
        Answered::UsedUp => (Outcome::UsedUp, None, None),
        Answered::Superseded => (Outcome::Superseded, None, None),
        Answered::Slowed { until } => (Outcome::Slowed, None, Some(timestamp(until))),
        Answered::Closed => (Outcome::Closed, None, None),
        Answered::Denied => (Outcome::Denied, None, None),
    }
}

pub(crate) const fn purpose(purpose: Purpose) -> proto::ChallengePurpose {
    match purpose {
        Purpose::SignIn => proto::ChallengePurpose::SignIn,
        Purpose::Change => proto::ChallengePurpose::Change,
    }
}

pub(crate) const fn reason(reason: Reason) -> proto::DecisionReason {
    match reason {
        Reason::NoRollout => proto::DecisionReason::NoRollout,
        Reason::NotYet => proto::DecisionReason::NotYet,
        Reason::Wave => proto::DecisionReason::Wave,
        Reason::Shown => proto::DecisionReason::Shown,
        Reason::Active => proto::DecisionReason::Active,
        Reason::Allowed => proto::DecisionReason::Allowed,
        Reason::Denied => proto::DecisionReason::Denied,
        Reason::Stopped => proto::DecisionReason::Stopped,
        Reason::HeldOut => proto::DecisionReason::HeldOut,
        Reason::Ladder => proto::DecisionReason::Ladder,
    }
}

pub(crate) fn decision(decision: Decision) -> proto::Decision {
    proto::Decision {
        account_id: decision.account.to_string(),
        product: decision.product.into(),
        visible: decision.visible,
        on: decision.on,
        may_toggle: decision.may_toggle,
        requirement: requirement(decision.requirement).into(),
        methods: decision.methods.iter().map(|one| method(*one).into()).collect(),
        missing: all_missing(&decision.missing),
        reason: reason(decision.reason).into(),
        rollout: decision.rollout.map(String::from).unwrap_or_default(),
        wave: decision.wave.map_or(0, |ordinal| ordinal.0),
        revision: decision.revision.map_or(0, |revision| revision.0),
        evaluate_time: Some(timestamp(decision.evaluated_at)),
        next_change_time: decision.next_change_at.map(timestamp),
        ladder: decision.ladder.map(ladder),
    }
}

pub(crate) const fn rung(rung: Rung) -> proto::Rung {
    match rung {
        Rung::Optional => proto::Rung::Optional,
        Rung::Nudge => proto::Rung::Nudge,
        Rung::Required => proto::Rung::Required,
        Rung::Locked => proto::Rung::Locked,
    }
}

pub(crate) fn ladder(ladder: LadderDecision) -> proto::LadderDecision {
    proto::LadderDecision {
        rollout: ladder.rollout.into(),
        revision: ladder.revision.0,
        rule: ladder.rule.0,
        rung: rung(ladder.rung).into(),
        demands: requirement(ladder.demands).into(),
        required_from_time: ladder.required_from.map(timestamp),
        enforced: ladder.enforced,
        enroll_by_time: ladder.enroll_by.map(timestamp),
        held: ladder.held,
        exempt_until_time: ladder.exempt_until.map(timestamp),
        skips_left: ladder.skips_left,
        skipped_until_time: ladder.skipped_until.map(timestamp),
        postponable_until_time: ladder.postponable_until.map(timestamp),
    }
}

/// A number of things, which are never that many.
pub(crate) fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_is_read_as_it_was_written() {
        let text = page_token(Some(PageToken(vec![0, 15, 255])));
        assert_eq!((text.as_str(), read_page_token(&text)), ("000fff", Some(vec![0, 15, 255])));
        for wrong in ["0", "zz", "é0", "+f", "0F"] {
            assert_eq!(read_page_token(wrong), None);
        }
    }
}

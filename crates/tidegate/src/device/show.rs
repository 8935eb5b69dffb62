//! What a device shows. Text from the wire is shown without characters that move a terminal's cursor or that a reader does not
//! see.

use tidegate_client::PushDecision;
use tidegate_core::{Timestamp, is_readable};
use tidegate_proto::{self as proto, ProofOutcome as Outcome};

/// The most characters of one text.
const MAX_SHOWN: usize = 200;

/// A push in one line; with a code, in two.
pub fn push(push: &proto::Push, now: Timestamp) -> String {
    let mut text = what(push);
    if let Some(expires) = &push.expire_time {
        let left = expires.seconds.saturating_sub(now.unix_seconds()).max(0);
        text = text + "; " + &left.to_string() + " s left";
    }
    if !push.code.is_empty() {
        text = text + "\n  code " + &plain(&push.code);
    }
    text
}

/// What a push is for, and from where.
pub fn what(push: &proto::Push) -> String {
    let title = if push.product_title.is_empty() { &push.product } else { &push.product_title };
    let purpose = match push.purpose() {
        proto::ChallengePurpose::SignIn => "to sign in",
        proto::ChallengePurpose::Change => "to change what protects the account",
        proto::ChallengePurpose::Unspecified => "for a purpose that this program does not know",
    };
    let mut text = format!("{}: {purpose}", plain(title));
    if !push.context.is_empty() {
        text = text + ", from " + &plain(&push.context);
    }
    text
}

/// Characters that a reader does not see are replaced, and a long text is cut.
pub fn plain(text: &str) -> String {
    text.chars().take(MAX_SHOWN).map(|c| if is_readable(c) { c } else { '\u{fffd}' }).collect()
}

/// What came of a decision, and whether it is what the person wanted.
pub fn outcome(decision: PushDecision<'_>, outcome: Outcome) -> (bool, String) {
    let told = match (decision, outcome) {
        (PushDecision::Approve { .. }, Outcome::Approved) => return (true, "approved".into()),
        (PushDecision::Approve { .. }, Outcome::AlreadyApproved) => return (true, "approved before".into()),
        (PushDecision::Deny, Outcome::Denied) => return (true, "denied".into()),
        (PushDecision::Report, Outcome::Denied) => return (true, "denied and reported".into()),
        (_, Outcome::UsedUp) => "the number is wrong, and the prompt has ended".into(),
        (_, Outcome::Expired) => "it is too late: the prompt has expired".into(),
        (_, Outcome::Superseded) => "a newer prompt or a later state of the sign-in took its place".into(),
        (_, Outcome::AlreadyApproved) => "it was approved before".into(),
        (_, Outcome::Denied) => "it was denied before".into(),
        (_, Outcome::Closed) => "the device is closed: enroll it again".into(),
        (_, other) => format!("the server answered {}", other.as_str_name()),
    };
    (false, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_rfc3339("2026-03-02T09:00:02.5Z").unwrap()
    }

    fn prompt() -> proto::Push {
        let mut prompt = proto::Push {
            method: proto::Method::Push.into(),
            purpose: proto::ChallengePurpose::SignIn.into(),
            product: "kasa".into(),
            product_title: "Kasa".into(),
            context: "Firefox on Linux, 203.0.113.7".into(),
            ..Default::default()
        };
        // 2026-03-02T09:01:00Z.
        prompt.expire_time.get_or_insert_default().seconds = 1_772_442_060;
        prompt
    }

    #[test]
    fn a_prompt_says_what_it_is_for_and_from_where() {
        assert_eq!(push(&prompt(), at()), "Kasa: to sign in, from Firefox on Linux, 203.0.113.7; 58 s left");
        let purpose = proto::ChallengePurpose::Change.into();
        let prompt =
            proto::Push { purpose, product_title: String::new(), context: String::new(), ..prompt() };
        assert_eq!(push(&prompt, at()), "kasa: to change what protects the account; 58 s left");
    }

    #[test]
    fn a_code_has_a_line_of_its_own() {
        let prompt = proto::Push { code: "048213".into(), context: String::new(), ..prompt() };
        assert_eq!(push(&prompt, at()), "Kasa: to sign in; 58 s left\n  code 048213");
    }

    /// A caller chooses the context: it must not overwrite what the line says, or say it backwards.
    #[test]
    fn text_from_the_wire_moves_no_cursor_and_hides_nothing() {
        let context = "x\r\u{1b}[2KApp\u{202e}7.311.0\u{85}".into();
        let shown = push(&proto::Push { context, ..prompt() }, at());
        assert_eq!(shown, "Kasa: to sign in, from x\u{fffd}\u{fffd}[2KApp\u{fffd}7.311.0\u{fffd}; 58 s left");
        assert_eq!(plain(&"x".repeat(300)).len(), MAX_SHOWN);
    }

    #[test]
    fn only_what_the_person_wanted_counts_as_done() {
        let approve = PushDecision::Approve { number: "42" };
        assert_eq!(outcome(approve, Outcome::Approved), (true, "approved".into()));
        assert!(outcome(PushDecision::Report, Outcome::Denied).0);
        for (decision, told) in [
            (approve, Outcome::UsedUp),
            (approve, Outcome::Denied),
            (approve, Outcome::Unspecified),
            (PushDecision::Deny, Outcome::Approved),
            (PushDecision::Deny, Outcome::AlreadyApproved),
        ] {
            assert!(!outcome(decision, told).0, "{decision:?} {told:?}");
        }
    }
}

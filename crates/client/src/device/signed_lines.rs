//! The lines that a device signs, as the contract documents them (`DeviceProof`, `PushDecision`).
//!
//! Each line ends with a line feed, so a value with a line feed could pass for two lines. No value with a control character
//! is signed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tidegate_core::Timestamp;
use tidegate_proto::{self as proto, push_address::Address};

/// The calls that a device signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushMethod {
    ListPushes,
    WatchPushes,
}

/// What a person decided about a push prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushDecision<'a> {
    Approve {
        /// The digits that the person typed.
        number: &'a str,
    },
    /// The person does not approve.
    Deny,
    /// The person denies, and says that the sign-in is not theirs.
    Report,
}

/// Why something is not signed. Fits after "failed to sign: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {flaw}")]
pub struct Unsignable {
    field: &'static str,
    flaw: &'static str,
}

impl PushMethod {
    const fn name(self) -> &'static str {
        match self {
            Self::ListPushes => "ListPushes",
            Self::WatchPushes => "WatchPushes",
        }
    }
}

impl<'a> PushDecision<'a> {
    pub(super) const fn number(self) -> &'a str {
        match self {
            Self::Approve { number } => number,
            Self::Deny | Self::Report => "",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Deny => "deny",
            Self::Report => "report",
        }
    }
}

pub(super) fn enrollment(nonce: &[u8]) -> String {
    format!("tidegate device enrollment v1\nnonce: {}\n", URL_SAFE_NO_PAD.encode(nonce))
}

pub(super) fn request(
    method: PushMethod,
    factor_id: &str,
    time: Timestamp,
    address: Option<&proto::PushAddress>,
) -> Result<String, Unsignable> {
    let method = method.name();
    let factor = line("factor", factor_id)?;
    let time = whole_seconds(time.unix_seconds());
    let (kind, value) = match address.map(|address| &address.address) {
        None => ("", ""),
        Some(Some(Address::FcmToken(token))) => ("fcm ", token.as_str()),
        Some(Some(Address::ApnsToken(token))) => ("apns ", token.as_str()),
        Some(Some(Address::WebPush(web_push))) => ("web_push ", web_push.endpoint.as_str()),
        Some(None) => return Err(Unsignable { field: "address", flaw: "is missing" }),
    };
    let value = line("address", value)?;
    Ok(format!(
        "tidegate device request v1\nmethod: {method}\nfactor: {factor}\ntime: {time}\naddress: {kind}{value}\n"
    ))
}

pub(super) fn decision(push: &proto::Push, decision: PushDecision<'_>) -> Result<String, Unsignable> {
    if push.method() != proto::Method::Push {
        return Err(Unsignable { field: "method", flaw: "is not PUSH: there is nothing to decide" });
    }
    let purpose = match push.purpose() {
        proto::ChallengePurpose::SignIn => "sign_in",
        proto::ChallengePurpose::Change => "change",
        proto::ChallengePurpose::Unspecified => {
            return Err(Unsignable { field: "purpose", flaw: "is not known to this program" });
        }
    };
    let expires = push.expire_time.as_ref().ok_or(Unsignable { field: "expires", flaw: "is missing" })?;
    let number = decision.number();
    let is_approval = matches!(decision, PushDecision::Approve { .. });
    if is_approval && (number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Unsignable { field: "number", flaw: "must be digits" });
    }
    let lines = [
        ("challenge", line("challenge", &push.challenge_id)?),
        ("nonce", &URL_SAFE_NO_PAD.encode(&push.nonce)),
        ("account", line("account", &push.account_id)?),
        ("product", line("product", &push.product)?),
        ("purpose", purpose),
        ("context", line("context", &push.context)?),
        ("expires", &whole_seconds(expires.seconds)),
        ("decision", decision.word()),
        ("number", number),
    ];
    let title = "tidegate push decision v1\n".to_owned();
    Ok(lines.into_iter().fold(title, |text, (name, value)| text + name + ": " + value + "\n"))
}

fn line<'a>(field: &'static str, value: &'a str) -> Result<&'a str, Unsignable> {
    let is_plain = !value.contains(char::is_control);
    is_plain.then_some(value).ok_or(Unsignable { field, flaw: "has a control character" })
}

/// `2026-03-02T09:01:00Z`
fn whole_seconds(unix_seconds: i64) -> String {
    Timestamp::from_unix_micros(unix_seconds.saturating_mul(1_000_000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::{super::key::tests as fixed, *};

    const NONCE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

    fn address(address: Address) -> Result<String, Unsignable> {
        let address = proto::PushAddress { address: Some(address) };
        request(PushMethod::ListPushes, "fac_1", fixed::at(), Some(&address))
    }

    #[test]
    fn an_enrollment_has_two_lines() {
        let lines = enrollment(&fixed::push().nonce);
        assert_eq!(lines, format!("tidegate device enrollment v1\nnonce: {NONCE}\n"));
    }

    #[test]
    fn a_request_has_five_lines_whether_or_not_there_is_an_address() {
        let lines = request(PushMethod::WatchPushes, "fac_1", fixed::at(), None).unwrap();
        let begin =
            "tidegate device request v1\nmethod: WatchPushes\nfactor: fac_1\ntime: 2026-03-02T09:00:00Z\n";
        assert_eq!(lines, format!("{begin}address: \n"));
        let begin = begin.replace("WatchPushes", "ListPushes");
        let endpoint = "https://push.example/1".to_owned();
        let web_push = proto::WebPushAddress { endpoint, p256dh: vec![4; 65], auth: vec![1; 16] };
        for (given, spelled) in [
            (Address::FcmToken("dGVzdA:APA91b".into()), "fcm dGVzdA:APA91b"),
            (Address::ApnsToken("00ff".into()), "apns 00ff"),
            (Address::WebPush(web_push), "web_push https://push.example/1"),
        ] {
            assert_eq!(address(given).unwrap(), format!("{begin}address: {spelled}\n"));
        }
    }

    #[test]
    fn a_decision_has_ten_lines_of_what_the_device_showed() {
        let lines = decision(&fixed::push(), PushDecision::Approve { number: "42" }).unwrap();
        let expected = format!(
            "tidegate push decision v1\n\
             challenge: chl_01h455vb4pex5vsknk084sn02q\n\
             nonce: {NONCE}\n\
             account: acct_01h455vb4pex5vsknk084sn02q\n\
             product: kasa\n\
             purpose: sign_in\n\
             context: Firefox on Linux, 203.0.113.7\n\
             expires: 2026-03-02T09:01:00Z\n\
             decision: approve\n\
             number: 42\n"
        );
        assert_eq!(lines, expected);
        let undecided = expected.trim_end_matches("decision: approve\nnumber: 42\n");
        for (decided, word) in [(PushDecision::Deny, "deny"), (PushDecision::Report, "report")] {
            let lines = decision(&fixed::push(), decided).unwrap();
            assert_eq!(lines, format!("{undecided}decision: {word}\nnumber: \n"));
        }
    }

    #[test]
    fn a_change_without_a_context_is_decided_too() {
        let purpose = proto::ChallengePurpose::Change.into();
        let push = proto::Push { purpose, context: String::new(), ..fixed::push() };
        let lines = decision(&push, PushDecision::Deny).unwrap();
        assert!(lines.contains("\npurpose: change\ncontext: \nexpires: 2026-03-02T09:01:00Z\n"), "{lines}");
    }

    /// Two lines in one value would let a person approve something else than what is signed.
    #[test]
    fn a_value_of_two_lines_is_not_signed() {
        let split = || "x\ncontext: y".to_owned();
        for push in [
            proto::Push { context: split(), ..fixed::push() },
            proto::Push { product: split(), ..fixed::push() },
            proto::Push { account_id: split(), ..fixed::push() },
            proto::Push { challenge_id: split(), ..fixed::push() },
        ] {
            let refused = decision(&push, PushDecision::Deny).unwrap_err();
            assert_eq!(refused.flaw, "has a control character", "{refused}");
        }
        let refused = address(Address::FcmToken("x\ny".into())).unwrap_err();
        assert_eq!(refused.to_string(), "address has a control character");
        assert!(request(PushMethod::ListPushes, "fac_1\n", fixed::at(), None).is_err());
    }

    #[test]
    fn what_is_no_prompt_or_no_number_is_not_signed() {
        let code = proto::Push { method: proto::Method::DeviceCode.into(), ..fixed::push() };
        let endless = proto::Push { expire_time: None, ..fixed::push() };
        let aimless = proto::Push { purpose: 77, ..fixed::push() };
        for push in [code, endless, aimless] {
            assert!(decision(&push, PushDecision::Deny).is_err(), "{push:?}");
        }
        for number in ["", "4 2", "forty-two", "42\n", "٤٢"] {
            let refused = decision(&fixed::push(), PushDecision::Approve { number }).unwrap_err();
            assert_eq!(refused.to_string(), "number must be digits", "{number:?}");
        }
        let nowhere = proto::PushAddress::default();
        assert!(request(PushMethod::ListPushes, "fac_1", fixed::at(), Some(&nowhere)).is_err());
    }
}

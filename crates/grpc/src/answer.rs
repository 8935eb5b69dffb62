//! A person's answer to a challenge or in an enrollment. Both requests have the same `oneof`, and
//! one function reads it.

use tidegate_core::{Answer, SignedDecision};
use tidegate_proto::{self as proto, answer_challenge_request, complete_enrollment_request};

use crate::form::Form;

/// The longest code in bytes, typed spaces included.
pub(crate) const MAX_CODE_BYTES: usize = 64;

/// The longest credential in bytes: an attestation with its certificates has some thousand.
pub(crate) const MAX_CREDENTIAL_BYTES: usize = 16_384;

/// The forms of an answer on the wire, in either request.
pub(crate) enum WireAnswer {
    Code(String),
    WebauthnJson(String),
    Decision(proto::PushDecision),
}

impl From<answer_challenge_request::Answer> for WireAnswer {
    fn from(answer: answer_challenge_request::Answer) -> Self {
        use answer_challenge_request::Answer;
        match answer {
            Answer::Code(code) => Self::Code(code),
            Answer::WebauthnJson(json) => Self::WebauthnJson(json),
            Answer::Decision(decision) => Self::Decision(decision),
        }
    }
}

impl From<complete_enrollment_request::Answer> for WireAnswer {
    fn from(answer: complete_enrollment_request::Answer) -> Self {
        use complete_enrollment_request::Answer;
        match answer {
            Answer::Code(code) => Self::Code(code),
            Answer::WebauthnJson(json) => Self::WebauthnJson(json),
            Answer::Decision(decision) => Self::Decision(decision),
        }
    }
}

/// Reads the person's answer.
pub(crate) fn read(answer: Option<impl Into<WireAnswer>>, form: &mut Form) -> Option<Answer> {
    match answer.map(Into::into) {
        None => form.note("answer", "must be code, webauthn_json or decision"),
        Some(WireAnswer::Code(code)) => form.secret("code", code, MAX_CODE_BYTES).map(Answer::Code),
        Some(WireAnswer::WebauthnJson(json)) => {
            form.secret("webauthn_json", json, MAX_CREDENTIAL_BYTES).map(Answer::Assertion)
        }
        Some(WireAnswer::Decision(decision)) => {
            form.within("decision", |form| self::decision(decision, form)).map(Answer::Decision)
        }
    }
}

/// The longest signature in bytes: DER of P-256 has at most 72.
const MAX_SIGNATURE_BYTES: usize = 128;

/// What a device signed. Its number and signature are looked at later.
pub(crate) fn decision(decision: proto::PushDecision, form: &mut Form) -> Option<SignedDecision> {
    let proto::PushDecision { approve, number, report, signature } = decision;
    if number.len() > MAX_CODE_BYTES {
        return form.note("number", format!("must have at most {MAX_CODE_BYTES} bytes"));
    }
    let signature = self::signature(signature, form)?;
    Some(SignedDecision { approve, report, number, signature })
}

pub(crate) fn signature(signature: Vec<u8>, form: &mut Form) -> Option<Vec<u8>> {
    if signature.is_empty() || signature.len() > MAX_SIGNATURE_BYTES {
        return form.note("signature", format!("must have 1 to {MAX_SIGNATURE_BYTES} bytes"));
    }
    Some(signature)
}

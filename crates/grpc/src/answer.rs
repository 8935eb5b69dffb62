//! A person's answer to a challenge or in an enrollment. Both requests have the same `oneof`, and
//! one function reads it.

use tidegate_core::Answer;
use tidegate_proto::{answer_challenge_request, complete_enrollment_request};

use crate::form::Form;

/// The longest code in bytes, typed spaces included.
const MAX_CODE_BYTES: usize = 64;

/// The longest credential in bytes: an attestation with its certificates has some thousand.
pub(crate) const MAX_CREDENTIAL_BYTES: usize = 16_384;

/// The forms of an answer on the wire, in either request.
pub(crate) enum WireAnswer {
    Code(String),
    WebauthnJson(String),
    Decision,
}

impl From<answer_challenge_request::Answer> for WireAnswer {
    fn from(answer: answer_challenge_request::Answer) -> Self {
        use answer_challenge_request::Answer;
        match answer {
            Answer::Code(code) => Self::Code(code),
            Answer::WebauthnJson(json) => Self::WebauthnJson(json),
            Answer::Decision(_) => Self::Decision,
        }
    }
}

impl From<complete_enrollment_request::Answer> for WireAnswer {
    fn from(answer: complete_enrollment_request::Answer) -> Self {
        use complete_enrollment_request::Answer;
        match answer {
            Answer::Code(code) => Self::Code(code),
            Answer::WebauthnJson(json) => Self::WebauthnJson(json),
            Answer::Decision(_) => Self::Decision,
        }
    }
}

/// Reads the person's answer. Refuses the forms that no method accepts yet.
pub(crate) fn read(answer: Option<impl Into<WireAnswer>>, form: &mut Form) -> Option<Answer> {
    match answer.map(Into::into) {
        None => form.note("answer", "must be code or webauthn_json"),
        Some(WireAnswer::Code(code)) => form.secret("code", code, MAX_CODE_BYTES).map(Answer::Code),
        Some(WireAnswer::WebauthnJson(json)) => {
            form.secret("webauthn_json", json, MAX_CREDENTIAL_BYTES).map(Answer::Assertion)
        }
        Some(WireAnswer::Decision) => form.note("decision", NOT_TAKEN),
    }
}

const NOT_TAKEN: &str = "must not be set: no method takes it yet";

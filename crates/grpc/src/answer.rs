//! A person's answer to a challenge or in an enrollment: one `oneof` of two requests, read by one function.

use tidegate_core::Answer;
use tidegate_proto::{answer_challenge_request, complete_enrollment_request};

use crate::form::Form;

/// The longest code, in bytes, with the spaces that were typed.
const MAX_CODE_BYTES: usize = 64;

/// The forms that an answer has on the wire, whichever request carries it.
pub(crate) enum WireAnswer {
    Code(String),
    WebauthnJson,
    Decision,
}

impl From<answer_challenge_request::Answer> for WireAnswer {
    fn from(answer: answer_challenge_request::Answer) -> Self {
        use answer_challenge_request::Answer;
        match answer {
            Answer::Code(code) => Self::Code(code),
            Answer::WebauthnJson(_) => Self::WebauthnJson,
            Answer::Decision(_) => Self::Decision,
        }
    }
}

impl From<complete_enrollment_request::Answer> for WireAnswer {
    fn from(answer: complete_enrollment_request::Answer) -> Self {
        use complete_enrollment_request::Answer;
        match answer {
            Answer::Code(code) => Self::Code(code),
            Answer::WebauthnJson(_) => Self::WebauthnJson,
            Answer::Decision(_) => Self::Decision,
        }
    }
}

/// What the person answered. Refuses the forms that no method takes yet.
pub(crate) fn read(answer: Option<impl Into<WireAnswer>>, form: &mut Form) -> Option<Answer> {
    match answer.map(Into::into) {
        None => form.note("answer", "must be code"),
        Some(WireAnswer::Code(code)) => form.secret("code", code, MAX_CODE_BYTES).map(Answer::Code),
        Some(WireAnswer::WebauthnJson) => form.note("webauthn_json", NOT_TAKEN),
        Some(WireAnswer::Decision) => form.note("decision", NOT_TAKEN),
    }
}

const NOT_TAKEN: &str = "must not be set: no method takes it yet";

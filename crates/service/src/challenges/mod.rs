//! Challenges.

mod answer;
mod cancel;
mod consume;
mod context;
mod count;
mod create;
mod get;
mod pause;
mod pose;
mod resend;
mod wrong;

pub use answer::AnswerChallenge;
pub(crate) use answer::{AnsweredBy, Answering};
pub use cancel::CancelChallenge;
pub use create::{ChallengeView, CreateChallenge};
pub use get::GetChallenge;
pub use resend::ResendChallenge;

use tidegate_core::{AnswerForm, Answered, Challenge, ChallengeId, Refusal};
use tidegate_factors::method::Malformed;
use tidegate_store::{View, challenges};

use crate::{Denied, acting::Acting};

crate::idempotency::outcomes!(Answered);

/// Finds a challenge of the subject's sign-in or session. Other subjects learn nothing of it
/// (INV-3, INV-32).
async fn find(view: &mut View, acting: &Acting, id: ChallengeId) -> Result<Challenge, Denied> {
    let within = acting.within()?;
    let found = challenges::find(view, id).await?;
    let theirs = found.filter(|found| found.within == within && found.account == acting.account.id);
    Ok(theirs.ok_or(Refusal::ChallengeNotFound)?)
}

/// The refusal of an answer that does not have the method's form. It is not charged.
pub(crate) fn malformed(malformed: Malformed) -> Refusal {
    let (field, must) = match malformed {
        Malformed::Digits(digits) => ("code", format!("must have {digits} digits")),
        Malformed::RecoveryCode => ("code", "must have 24 letters and digits".to_owned()),
        Malformed::Credential => ("webauthn_json", "must be a PublicKeyCredential as JSON".to_owned()),
        Malformed::UserHandle => ("webauthn_json", "must name its account by userHandle".to_owned()),
        Malformed::Number(digits) => ("decision.number", format!("must have {digits} ASCII digits")),
        Malformed::Contradiction => {
            ("decision", "must approve with a number, or deny without one".to_owned())
        }
        Malformed::Signature => ("decision.signature", "must be made with the enrolled key".to_owned()),
        Malformed::Form(AnswerForm::Code) => ("answer", "must be code".to_owned()),
        Malformed::Form(AnswerForm::Assertion) => ("answer", "must be webauthn_json".to_owned()),
        Malformed::Form(AnswerForm::Decision) => ("answer", "must be decision".to_owned()),
    };
    Refusal::AnswerMalformed { field, must }
}

//! Challenges.

mod answer;
mod cancel;
mod create;
mod get;

pub use answer::AnswerChallenge;
pub use cancel::CancelChallenge;
pub use create::{Asked, CreateChallenge};
pub use get::GetChallenge;

/// Wrong answers a challenge takes.
pub use tidegate_factors::challenge::TRIES;

use tidegate_core::{Answered, Challenge, ChallengeId, Refusal, SignIn};
use tidegate_store::{View, challenges};

use crate::Fault;

crate::once::outcomes!(Answered);

/// A challenge belongs to its sign-in: other subjects learn nothing of it (INV-3, INV-32).
async fn find(
    view: &mut View,
    sign_in: &SignIn,
    id: ChallengeId,
) -> Result<Result<Challenge, Refusal>, Fault> {
    let found = challenges::find(view, id).await?;
    let theirs = found.filter(|found| found.sign_in == sign_in.id && found.account == sign_in.account);
    Ok(theirs.ok_or(Refusal::ChallengeNotFound))
}

//! Challenges.

mod answer;
mod cancel;
mod context;
mod create;
mod get;

pub use answer::AnswerChallenge;
pub use cancel::CancelChallenge;
pub use create::{ChallengeView, CreateChallenge};
pub use get::GetChallenge;

/// Wrong answers a challenge takes.
pub use tidegate_factors::challenge::MAX_TRIES;

use tidegate_core::{Answered, Challenge, ChallengeId, Refusal};
use tidegate_store::{View, challenges};

use crate::{Denied, acting::Acting};

crate::idempotency::outcomes!(Answered);

/// A challenge belongs to its sign-in or session: other subjects learn nothing of it (INV-3, INV-32).
async fn find(view: &mut View, acting: &Acting, id: ChallengeId) -> Result<Challenge, Denied> {
    let within = acting.within()?;
    let found = challenges::find(view, id).await?;
    let theirs = found.filter(|found| found.within == within && found.account == acting.account.id);
    Ok(theirs.ok_or(Refusal::ChallengeNotFound)?)
}

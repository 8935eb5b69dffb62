//! The owner puts the set-up off, once, after the deadline, so that somebody back from a holiday is not locked out on the spot.
//!
//! Only a sign-in that waits for an enrollment takes it. One that waits for a challenge belongs to an account that has a factor:
//! there is nothing to set up, and who knows the password alone must not get past the factor.
//!
//! A thief with the password could do the same. So the owner gets a notice, "this wasn't me" takes it back, and while changes are
//! locked nothing is put off.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Decision, Fact, LadderDecision, MessagePurpose, Offer, Permission, Refusal, Rung, SignIn, SignInState,
    Subject, Timestamp, Word as _,
};
use tidegate_factors::{level, sign_in::Trusted};
use tidegate_store::{
    Tx,
    ledger::{self, LedgerKey},
    sign_ins, standings,
};

use crate::{
    Command, CommandContext, Denied, Error, Fault,
    accounts::owner,
    decisions,
    idempotency::outcomes,
    notices::About,
    offers::{NextStep, next_step},
};

#[derive(Debug)]
pub struct PostponeEnrollment {
    pub subject: Subject,
}

/// The sign-in as it goes on, and the decision.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollmentPostponed {
    pub sign_in: SignIn,
    pub offers: Vec<Offer>,
    pub decision: Decision,
}

outcomes!(EnrollmentPostponed);

impl Command for PostponeEnrollment {
    const NAME: &'static str = "postpone_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = EnrollmentPostponed;

    async fn run(self, cx: &CommandContext) -> Result<EnrollmentPostponed, Error> {
        let acting = cx.acting(&self.subject).await?;
        let begun = acting.sign_in()?;
        let (product, client) = (&acting.product, &acting.client);
        cx.idempotent(async |tx| {
            let account = owner::lock(tx, &acting).await?;
            if account.epoch != begun.epoch {
                return Err(Refusal::SubjectNotValid.into());
            }
            let (now, pending) = (cx.now(), SignInState::PendingEnrollment);
            if !sign_ins::hold(tx, begun.id, pending, now).await? {
                let found = sign_ins::get(tx, begun.id).await?.ok_or(Fault::Dangling("sign-in"))?;
                return Err(Refusal::SignInState { state: found.state.as_str() }.into());
            }
            if !owner::acting_may_change(tx, &account, &acting).await? {
                return Err(Refusal::ChangesLocked.into());
            }
            let decision = cx.decide(tx, product, account.id).await?;
            let ladder = decision.ladder.as_ref().filter(|ladder| ladder.enforced);
            let ladder = ladder.ok_or(Refusal::LadderNotEnforced)?;
            let at = LedgerKey { account: account.id, rollout: &ladder.rollout, product: &product.key };
            let Some(until) = ladder.postponable_until else { return Err(why_not(tx, at, ladder).await?) };
            // The row exists from here on, also where another rollout demanded the set-up when the sign-in began.
            decisions::enforce(cx, tx, &account, &decision, client).await?;
            if !ledger::postpone(tx, at, until).await? {
                return Err(Refusal::PostponementUsed.into());
            }
            let event = cx.event(Fact::EnrollmentPostponed { rollout: ladder.rollout.clone(), until });
            event.at(&product.key).of(&account).from(client).record(tx).await?;
            let decision = cx.decide(tx, product, account.id).await?;
            let proved = (level::of(&begun.proofs, now, now), Trusted::No);
            let next = next_step(cx.query(), tx, (&account, product), decision.requirement, proved).await?;
            let NextStep { state, requirement, offers } = next;
            sign_ins::go_on(tx, begun.id, (state, requirement), now).await?;
            let about = About { until: Some(until), ..About::default() };
            let whose = (&account, product, client);
            cx.notify(tx, whose, MessagePurpose::EnrollmentPostponed, about).await?;
            let sign_in = SignIn { state, requirement, ..begun.clone() };
            Ok(EnrollmentPostponed { sign_in, offers, decision })
        })
        .await
    }
}

/// Why an enforced ladder cannot be put off.
async fn why_not(tx: &mut Tx, at: LedgerKey<'_>, ladder: &LadderDecision) -> Result<Denied, Fault> {
    let used = ladder.rung != Rung::Locked && is_used(tx, at, ladder.since).await?;
    Ok(if used { Refusal::PostponementUsed } else { Refusal::PostponementNotOffered }.into())
}

async fn is_used(tx: &mut Tx, at: LedgerKey<'_>, since: Option<Timestamp>) -> Result<bool, Fault> {
    let LedgerKey { account, rollout, product } = at;
    let known = standings::get(tx, account).await?.ok_or(Fault::Dangling("account"))?;
    let mut entries = known.standing.ledger.iter();
    let entry = entries.find(|entry| entry.rollout == *rollout && entry.product == *product);
    Ok(entry.is_some_and(|entry| entry.marks.since(since).postponed_until.is_some()))
}

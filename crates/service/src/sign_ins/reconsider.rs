//! A sign-in that waits for an enrollment is decided again whenever it is used. Meanwhile the set-up may have been put off or
//! done in another sign-in, support may have exempted the account, and a manager may have taken the ladder back.

use tidegate_core::{SignIn, SignInState};
use tidegate_factors::{level, sign_in::Trusted};
use tidegate_store::{Tx, View, sign_ins};

use crate::{
    CommandContext, Denied, Fault, QueryContext,
    acting::Acting,
    offers::{NextStep, next_step},
    sign_ins::SignInView,
};

/// The sign-in as it goes on now. Nothing is written.
pub(super) async fn reconsidered(
    cx: &QueryContext,
    view: &mut View,
    acting: &Acting,
    sign_in: &SignIn,
) -> Result<SignInView, Fault> {
    let decision = cx.decide(view, &acting.product, sign_in.account).await?;
    let proved = (level::of(&sign_in.proofs, cx.now(), cx.now()), Trusted::No);
    let whose = (&acting.account, &acting.product);
    let NextStep { state, requirement, offers } =
        next_step(cx, view, whose, decision.requirement, proved).await?;
    Ok(SignInView { sign_in: SignIn { state, requirement, ..sign_in.clone() }, offers })
}

/// The sign-in that acts, moved on if it waits for an enrollment that is not asked any more.
pub(crate) async fn moved_on(cx: &CommandContext, tx: &mut Tx, acting: &Acting) -> Result<SignIn, Denied> {
    let sign_in = acting.sign_in()?;
    if sign_in.state != SignInState::PendingEnrollment {
        return Ok(sign_in.clone());
    }
    let now = reconsidered(cx.query(), tx, acting, sign_in).await?.sign_in;
    if now.state != sign_in.state {
        sign_ins::go_on(tx, now.id, (now.state, now.requirement), cx.now()).await?;
    }
    Ok(now)
}

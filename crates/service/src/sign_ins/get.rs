//! Returns the state of a sign-in.

use serde::{Deserialize, Serialize};
use tidegate_core::{Offer, Permission, SignIn, SignInState, Subject};
use tidegate_factors::sign_in::takes_answers;

use super::reconsider::reconsidered;
use crate::{Error, Query, QueryContext, Share, offers::offers};

#[derive(Debug)]
pub struct GetSignIn {
    pub subject: Subject,
}

/// A sign-in, and the factors that can take the second step while one is asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignInView {
    pub sign_in: SignIn,
    pub offers: Vec<Offer>,
}

crate::idempotency::outcomes!(SignInView);

impl Query for GetSignIn {
    const NAME: &'static str = "get_sign_in";
    const PERMISSION: Permission = Permission::SignIn;
    const SHARE: Share = Share::Hot;
    type Outcome = SignInView;

    async fn run(self, cx: &QueryContext) -> Result<SignInView, Error> {
        let acting = cx.acting(&self.subject).await?;
        let sign_in = acting.sign_in()?.clone();
        if sign_in.state == SignInState::PendingEnrollment {
            return Ok(reconsidered(cx, &mut cx.view(), &acting, &sign_in).await?);
        }
        let offers = if takes_answers(sign_in.state) {
            offers(cx, &mut cx.view(), &acting.account, (&acting.product, sign_in.requirement)).await?
        } else {
            Vec::new()
        };
        Ok(SignInView { sign_in, offers })
    }
}

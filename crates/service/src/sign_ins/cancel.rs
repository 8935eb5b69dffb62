//! Cancels a sign-in.

use tidegate_core::{Fact, Permission, Refusal, SignInState, Subject, Within, Word as _};
use tidegate_factors::sign_in;
use tidegate_store::{challenges, sign_ins};

use crate::{Command, CommandContext, Error, Share, sign_ins::SignInView};

#[derive(Debug)]
pub struct CancelSignIn {
    pub subject: Subject,
}

impl Command for CancelSignIn {
    const NAME: &'static str = "cancel_sign_in";
    const PERMISSION: Permission = Permission::SignIn;
    const SHARE: Share = Share::Hot;
    type Outcome = SignInView;

    async fn run(self, cx: &CommandContext) -> Result<SignInView, Error> {
        let acting = cx.acting(&self.subject).await?;
        let mut sign_in = acting.sign_in()?.clone();
        cx.idempotent(async |tx| {
            let open = sign_in::is_open(sign_in.state);
            let (id, from, to) = (sign_in.id, sign_in.state, SignInState::Cancelled);
            if !open || !sign_ins::advance(tx, id, from, to, cx.now()).await? {
                return Err(Refusal::SignInState { state: sign_in.state.as_str() }.into());
            }
            sign_in.state = SignInState::Cancelled;
            challenges::cancel_all(tx, sign_in.account, Within::SignIn(sign_in.id)).await?;
            let event = cx.event(Fact::SignInCancelled { sign_in: sign_in.id });
            event.at(&acting.product.key).of(&acting.account).from(&acting.client).record(tx).await?;
            Ok(SignInView { sign_in, offers: Vec::new() })
        })
        .await
    }
}

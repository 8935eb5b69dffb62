//! Reads a challenge of the subject's sign-in or session.

use tidegate_core::{ChallengeId, Permission, Subject};

use crate::{Error, Query, QueryContext, Share, challenges::ChallengeView};

#[derive(Debug)]
pub struct GetChallenge {
    pub subject: Subject,
    pub challenge: ChallengeId,
}

impl Query for GetChallenge {
    const NAME: &'static str = "get_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    const SHARE: Share = Share::Hot;
    type Outcome = ChallengeView;

    async fn run(self, cx: &QueryContext) -> Result<ChallengeView, Error> {
        let acting = cx.acting(&self.subject).await?;
        let mut view = cx.view();
        let challenge = super::find(&mut view, &acting, self.challenge).await?;
        Ok(ChallengeView { challenge, prompt: None })
    }
}

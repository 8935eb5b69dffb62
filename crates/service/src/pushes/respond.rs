//! Gives the person's decision about a prompt, from the device. The signature is the authority: no token of the sign-in or
//! session is needed, and none reaches the device.

use tidegate_core::{Answer, Answered, ChallengeId, ClientContext, Permission, SignedDecision};

use crate::{
    Command, CommandContext, Error, Share,
    challenges::{AnsweredBy, Answering},
};

#[derive(Debug)]
pub struct RespondPush {
    pub challenge: ChallengeId,
    pub decision: SignedDecision,
}

impl Command for RespondPush {
    const NAME: &'static str = "respond_push";
    const PERMISSION: Permission = Permission::Pushes;
    const SHARE: Share = Share::Hot;
    type Outcome = Answered;

    async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        let (challenge, answer) = (self.challenge, Answer::Decision(self.decision));
        let client = ClientContext::default();
        Answering { by: AnsweredBy::Device, client, challenge, answer }.run(cx).await
    }
}

//! Mails an access pass to an owner who has lost the second step.

use tidegate_core::{AccountState, MessagePurpose, Permission, Refusal};
use tidegate_store::accounts;

use super::{
    case::Case,
    pass::{self, PassMailed},
};
use crate::{Command, CommandContext, Error, Fault};

#[derive(Debug)]
pub struct IssueAccessPass(pub Case);

const FROM: &[AccountState] = &[AccountState::Active];

impl Command for IssueAccessPass {
    const NAME: &'static str = "issue_access_pass";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = PassMailed;

    async fn run(self, cx: &CommandContext) -> Result<PassMailed, Error> {
        let Self(case) = self;
        let product = cx.product(&mut cx.view(), &case.product).await?;
        cx.idempotent(async |tx| {
            let found = case.find(tx, FROM).await?;
            // Locked before the budget is asked: calls for one account run one after the other.
            let account = accounts::lock(tx, found.id).await?.ok_or(Fault::Dangling("account"))?;
            let account = super::case::in_state(account, FROM)?;
            let contact = account.verified().ok_or(Refusal::EmailNotVerified)?;
            let permit = cx.permit_send(tx, &contact.email, MessagePurpose::AccessPass).await?;
            Ok(pass::mail(cx, tx, (&account, contact, &product), &case.reason, permit).await?)
        })
        .await
    }
}

//! The worker of `BeginRecovery`: mails the link where there is such an account.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    AccountState, ClientContext, Fact, Identifier, LinkTarget, MessagePurpose, Permission, RecoveryId, Span,
};
use tidegate_keyring::SealContext;
use tidegate_store::{accounts, products, recoveries};

use super::begin_recovery::ResetAsked;
use crate::{App, Command, CommandContext, Error, Fault, Share, idempotency::outcomes, messages::SendPermit};

/// How long the link is valid.
const LINK_TTL: Span = Span::minutes(30);
/// Requests that are read at a time.
const BATCH: i64 = 100;

impl App {
    /// Looks at every request to reset a password. Must be called often, because owners wait for the mail.
    pub async fn send_resets(&self) -> Result<(), Fault> {
        loop {
            let mut across = self.inner.parts.store.across("send_resets").sharing(Share::Ordinary);
            let waiting = recoveries::oldest(&mut across, BATCH).await?;
            for recoveries::WaitingRecovery { realm, id } in &waiting {
                match self.work("recovery", *realm, SendReset { recovery: *id }).await {
                    Ok(_) | Err(Error::Refused(_)) => {}
                    Err(Error::Failed(fault)) => return Err(fault),
                }
            }
            if waiting.is_empty() {
                return Ok(());
            }
        }
    }
}

/// The worker's own command. No call of the contract runs it.
#[derive(Debug)]
pub struct SendReset {
    pub recovery: RecoveryId,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Looked {}

outcomes!(Looked);

impl Command for SendReset {
    const NAME: &'static str = "send_reset";
    const PERMISSION: Permission = Permission::SignIn;
    type Outcome = Looked;

    async fn run(self, cx: &CommandContext) -> Result<Looked, Error> {
        cx.idempotent(async |tx| {
            let Some(taken) = recoveries::take(tx, self.recovery).await? else { return Ok(Looked {}) };
            let context = SealContext::Recovery { realm: cx.realm(), recovery: taken.id };
            // What cannot be opened is dropped: the owner asks again.
            let Ok(plain) = cx.query().noted(cx.keyring().open(&context, &taken.material)) else {
                return Ok(Looked {});
            };
            if taken.expires_at <= cx.now() {
                return Ok(Looked {});
            }
            let asked: ResetAsked = serde_json::from_slice(plain.expose())?;
            let identifier = Identifier::restored(asked.identifier);
            let Some(account) = accounts::by_email(tx, &identifier).await? else { return Ok(Looked {}) };
            let Some(product) = products::find(tx, &asked.product).await? else { return Ok(Looked {}) };
            let Some(contact) = &account.contact else { return Ok(Looked {}) };
            if account.state != AccountState::Active {
                return Ok(Looked {});
            }
            let demanded = asked.demanded;
            let purpose =
                if demanded { MessagePurpose::NewPasswordDemanded } else { MessagePurpose::ResetPassword };
            let client = ClientContext { language: asked.language, ..ClientContext::default() };
            // The send was taken from the budget of the identifier, or is the only one until the password is reset.
            let permit = SendPermit::taken(cx.now());
            // An address that is not verified gets it too: who sets the password anew by the link has verified it.
            let (whose, link) = ((&account, contact), (LinkTarget::Password, purpose, LINK_TTL));
            let mailed = cx.mail_link(tx, whose, (&product, &client), link, permit).await?;
            let event = cx.event(Fact::PasswordResetRequested { delivery: mailed.delivery });
            event.at(&product.key).of(&account).record(tx).await?;
            Ok(Looked {})
        })
        .await
    }
}

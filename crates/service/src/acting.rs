//! Who acts. A use case for a person begins with `acting`, which finds the account, the product and
//! the device of a token, or refuses. An account id alone authorises nothing (INV-59).

use tidegate_core::{
    Account, AccountState, ClientContext, DeviceId, Fact, Level, Permission, Product, ProductKey, Refusal,
    Session, SignIn, Subject, Timestamp, Title, Who, Within,
};
use tidegate_keyring::TokenKind;
use tidegate_store::{Tx, accounts, products, sign_ins};

use crate::{CommandContext, Error, Fault, QueryContext, sessions};

/// The account that a call acts for, and what authorises it.
pub(crate) struct Acting {
    pub(crate) account: Account,
    pub(crate) product: Product,
    pub(crate) client: ClientContext,
    pub(crate) by: By,
    /// The session was made by a recovery code.
    pub(crate) recovers: bool,
}

pub(crate) enum By {
    Session(Session),
    SignIn(SignIn),
    /// Support, with its reason.
    Support(Title),
}

impl Acting {
    pub(crate) fn session(&self) -> Result<&Session, Refusal> {
        match &self.by {
            By::Session(session) => Ok(session),
            By::SignIn(_) | By::Support(_) => Err(Refusal::SubjectNotAccepted { accepted: "session_token" }),
        }
    }

    pub(crate) fn sign_in(&self) -> Result<&SignIn, Refusal> {
        match &self.by {
            By::SignIn(sign_in) => Ok(sign_in),
            By::Session(_) | By::Support(_) => Err(Refusal::SubjectNotAccepted { accepted: "sign_in_token" }),
        }
    }

    /// What the subject's challenges belong to.
    pub(crate) fn within(&self) -> Result<Within, Refusal> {
        match &self.by {
            By::Session(session) => Ok(Within::Session(session.id)),
            By::SignIn(sign_in) => Ok(Within::SignIn(sign_in.id)),
            By::Support(_) => Err(Refusal::SubjectNotAccepted { accepted: "session_token, sign_in_token" }),
        }
    }

    /// Refuses sign-ins: for reads that sessions and support may make.
    pub(crate) fn not_signing_in(&self) -> Result<(), Refusal> {
        match &self.by {
            By::SignIn(_) => Err(Refusal::SubjectNotAccepted { accepted: "session_token, on_behalf" }),
            By::Session(_) | By::Support(_) => Ok(()),
        }
    }

    /// The device that the token is bound to.
    pub(crate) fn device(&self) -> Option<&DeviceId> {
        match &self.by {
            By::Session(session) => session.device.as_ref(),
            By::SignIn(sign_in) => sign_in.device.as_ref(),
            By::Support(_) => None,
        }
    }
}

impl CommandContext {
    /// Records what support saw, and the reason. What owners see of their accounts is not recorded.
    pub(crate) async fn record_seen(&self, tx: &mut Tx, acting: &Acting) -> Result<(), Fault> {
        let By::Support(reason) = &acting.by else { return Ok(()) };
        let event = self.event(Fact::SeenOnBehalf { reason: reason.clone() });
        event.at(&acting.product.key).of(&acting.account).from(&acting.client).record(tx).await
    }
}

impl QueryContext {
    /// Every token that is not valid gets the same answer: unknown, expired, ended, or another
    /// product's. A recovery session is refused: it may only do what calls `acting_or_recovering`.
    pub(crate) async fn acting(&self, subject: &Subject) -> Result<Acting, Error> {
        let acting = self.acting_or_recovering(subject).await?;
        if acting.recovers { Err(Refusal::SessionRecovers.into()) } else { Ok(acting) }
    }

    /// The same for re-binding factors and signing out, which a recovery session may do.
    pub(crate) async fn acting_or_recovering(&self, subject: &Subject) -> Result<Acting, Error> {
        let client = subject.client.clone();
        let mut recovers = false;
        let (account, product, by) = match &subject.who {
            Who::Session(token) => {
                let live = sessions::judge(self, token).await?.ok_or(Refusal::SubjectNotValid)?;
                recovers = live.introspected.level == Level::Recovery;
                (live.account, live.product, By::Session(live.introspected.session))
            }
            Who::SignIn(token) => {
                let sign_in = self.sign_in(token.expose()).await?.ok_or(Refusal::SubjectNotValid)?;
                let mut view = self.view();
                let account = accounts::get(&mut view, sign_in.account).await?;
                let product = products::find(&mut view, &sign_in.product).await?;
                let account = account.ok_or(Fault::Dangling("account"))?;
                if account.state != AccountState::Active {
                    return Err(Refusal::AccountNotUsable.into());
                }
                if account.epoch != sign_in.epoch {
                    return Err(Refusal::SubjectNotValid.into());
                }
                (account, product.ok_or(Fault::Dangling("product"))?, By::SignIn(sign_in))
            }
            Who::OnBehalf { account, product, reason } => {
                if !self.agent().may(Permission::ActOnBehalf) {
                    let permission = Permission::ActOnBehalf;
                    return Err(Refusal::PermissionDenied { permission }.into());
                }
                let mut view = self.view();
                let product = self.product(&mut view, product).await?;
                let account = accounts::find(&mut view, account).await?.ok_or(Refusal::AccountNotFound)?;
                (account, product, By::Support(reason.clone()))
            }
        };
        let acting = Acting { account, product, client, by, recovers };
        let bound = acting.device();
        if is_elsewhere(bound, &acting.client) { Err(Refusal::SubjectNotValid.into()) } else { Ok(acting) }
    }

    async fn sign_in(&self, token: &str) -> Result<Option<SignIn>, Fault> {
        let Some(digest) = TokenKind::SignIn.digest(token) else { return Ok(None) };
        let found = sign_ins::find(&mut self.view(), digest).await?;
        Ok(found.filter(|found| self.is_live(found.expires_at, &found.product)))
    }

    /// Whether a sign-in's token is valid, and comes from its device. For code that reads the
    /// sign-in itself.
    pub(crate) fn admits(
        &self,
        expires_at: Timestamp,
        product: &ProductKey,
        (bound, client): (Option<&DeviceId>, &ClientContext),
    ) -> bool {
        self.is_live(expires_at, product) && !is_elsewhere(bound, client)
    }

    fn is_live(&self, expires_at: Timestamp, product: &ProductKey) -> bool {
        self.now() < expires_at && self.agent().covers(product)
    }
}

/// A token is bound to its device. If the caller names another device, the token was taken from its
/// own.
pub(crate) fn is_elsewhere(bound: Option<&DeviceId>, client: &ClientContext) -> bool {
    client.device.as_ref().zip(bound).is_some_and(|(named, its)| named != its)
}

//! Begins the enrollment of a first factor.
//!
//! A password alone never binds it (INV-57): the day a requirement starts must not be the day on which
//! stolen passwords turn into taken-over accounts.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, Decision, Enrollment, EnrollmentState, Fact, LinkTarget, Method, Permission, Refusal, Subject,
    Template,
};
use tidegate_factors::enrollment::{self, Origin};
use tidegate_store::{Tx, accounts, enrollments, factors};

use crate::{
    Command, CommandContext, Denied, Error, Fault, OneTimeSecret, Outcome,
    acting::Acting,
    enrollments::{Secrets, seed},
};

#[derive(Debug)]
pub struct BeginEnrollment {
    pub subject: Subject,
    pub method: Method,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollmentStarted {
    pub enrollment: Enrollment,
    /// Masked; when a link was mailed.
    pub sent_to: Option<String>,
    /// When nothing has to be confirmed.
    pub secrets: Option<Secrets>,
}

impl Outcome for EnrollmentStarted {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.secrets.as_mut().map_or_else(Vec::new, Secrets::all)
    }
}

impl Command for BeginEnrollment {
    const NAME: &'static str = "begin_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = EnrollmentStarted;

    async fn run(self, cx: &CommandContext) -> Result<EnrollmentStarted, Error> {
        let acting = cx.acting(&self.subject).await?;
        let session = acting.session()?.clone();
        cx.idempotent(async |tx| {
            let account = accounts::get(tx, acting.account.id).await?.ok_or(Fault::Dangling("account"))?;
            let decision = cx.decide(tx, &acting.product, account.id).await?;
            self.may_begin(tx, &decision, &account).await?;
            let origin = enrollment::origin(&account, &session, cx.now()).ok_or(Refusal::NoProofOfOrigin)?;
            Ok(self.begin(cx, tx, (&acting, &decision), &account, origin).await?)
        })
        .await
    }
}

impl BeginEnrollment {
    async fn may_begin(&self, tx: &mut Tx, decision: &Decision, account: &Account) -> Result<(), Denied> {
        let factors = factors::of_account(tx, account.id).await?;
        if !decision.visible {
            Err(Refusal::TwoStepNotAvailable.into())
        } else if !decision.methods.contains(&self.method) {
            Err(Refusal::MethodNotAllowed.into())
        } else if factors.iter().any(|factor| factor.method() == self.method) {
            Err(Refusal::AlreadyEnrolled.into())
        } else if account.verified().is_none() {
            Err(Refusal::EmailNotVerified.into())
        } else {
            Ok(())
        }
    }

    async fn begin(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (acting, decision): (&Acting, &Decision),
        account: &Account,
        origin: Origin,
    ) -> Result<EnrollmentStarted, Fault> {
        let now = cx.now();
        let mut new = Enrollment {
            id: cx.new_id(),
            account: account.id,
            product: acting.product.key.clone(),
            device: acting.device().cloned(),
            rollout: decision.rollout.clone(),
            method: self.method,
            state: EnrollmentState::AwaitingConfirmation,
            factor: cx.new_id(),
            seed: None,
            tries: 0,
            created_at: now,
            expires_at: now.plus(enrollment::TTL),
        };
        let (mut sent_to, mut secrets) = (None, None);
        match origin {
            Origin::Link => {
                let contact = account.verified().ok_or(Fault::Dangling("verified address"))?;
                let target = LinkTarget::Enrollment(new.id);
                let what = (target, Template::ConfirmEnrollment, enrollment::TTL);
                cx.mail_link(tx, account, contact, &acting.product, what).await?;
                sent_to = Some(contact.email.masked());
            }
            Origin::OldSession => {
                let (sealed, shown) = seed::mint(cx, acting, new.factor)?;
                (new.state, new.seed, secrets) = (EnrollmentState::AwaitingProof, Some(sealed), Some(shown));
            }
        }
        enrollments::insert(tx, &new).await?;
        let confirmed = origin == Origin::OldSession;
        let fact = Fact::EnrollmentBegun { enrollment: new.id, method: self.method, confirmed };
        cx.event(fact).at(&new.product).of(account).from(&acting.client).record(tx).await?;
        Ok(EnrollmentStarted { enrollment: new, sent_to, secrets })
    }
}

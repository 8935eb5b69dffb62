//! Begins the enrollment of a factor.
//!
//! A later one needs a fresh proof of those that the account has, or a recovery session (INV-20). A password alone
//! never binds the first one (INV-57). Otherwise, on the day a requirement starts, stolen
//! passwords would take accounts over.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, Decision, Enrollee, Enrollment, EnrollmentState, Fact, Factor, LinkTarget, MessagePurpose,
    Method, Permission, Product, Refusal, Requirement, Setup, Subject, Title,
};
use tidegate_factors::{
    enrolled_device,
    enrollment::{self, NotProved, Origin},
    method::{self, Enrolled},
    policy::{self, NotBindable},
};
use tidegate_store::{Tx, accounts, enrollments, factors};

use super::{enroller, first_code};
use crate::{
    Command, CommandContext, Denied, Error, Fault, OneTimeSecret, Outcome, acting::Acting, decisions,
};

#[derive(Debug)]
pub struct BeginEnrollment {
    pub subject: Subject,
    pub method: Method,
    pub label: Option<Title>,
    /// What is enrolled, where the method must know.
    pub enrollee: Option<Enrollee>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollmentStarted {
    pub enrollment: Enrollment,
    /// The masked address, when a link was mailed.
    pub sent_to: Option<String>,
    /// Present when nothing has to be confirmed.
    pub setup: Option<Setup<OneTimeSecret>>,
}

impl Outcome for EnrollmentStarted {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.setup.as_mut().map_or_else(Vec::new, Setup::texts)
    }
}

impl Command for BeginEnrollment {
    const NAME: &'static str = "begin_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = EnrollmentStarted;

    async fn run(self, cx: &CommandContext) -> Result<EnrollmentStarted, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.may_enroll()?;
        self.check_enrollee()?;
        if let Some(Enrollee::Phone(number)) = &self.enrollee {
            cx.sms_cost(number)?;
        }
        cx.idempotent(async |tx| {
            let account = accounts::get(tx, acting.account.id).await?.ok_or(Fault::Dangling("account"))?;
            let factors = factors::of_account(tx, account.id).await?;
            let session = enroller::proved(cx, tx, &acting, (&account, &factors)).await?;
            let decision = cx.decide(tx, &acting.product, account.id).await?;
            self.may_begin((&acting.product, &decision), &account, &factors)?;
            has_not_ended(cx, tx, (&acting.product, &decision), self.method).await?;
            let origin = enrollment::origin(&account, &session, &factors, cx.now());
            let origin = origin.map_err(|why| match why {
                NotProved::Stale(level) => Refusal::FreshProofNeeded { level },
                NotProved::NoOrigin => Refusal::NoProofOfOrigin,
            })?;
            self.begin(cx, tx, (&acting, &decision), (&account, &factors), origin).await
        })
        .await
    }
}

/// Refuses a method that a rollout has ended for the account, unless nothing else could meet what is required.
pub(super) async fn has_not_ended(
    cx: &CommandContext,
    tx: &mut Tx,
    (product, decision): (&Product, &Decision),
    method: Method,
) -> Result<(), Denied> {
    let ahead = decision.ladder.as_ref().map_or(Requirement::None, |ladder| ladder.demands);
    let whose = (decision.account, decision.requirement.max(ahead));
    let ended = cx.query().ended_methods(tx, product, whose).await?;
    if ended.contains(method) { Err(Refusal::MethodNotAllowed.into()) } else { Ok(()) }
}

impl BeginEnrollment {
    fn check_enrollee(&self) -> Result<(), Refusal> {
        let (field, must) = match (method::rules(self.method).about, &self.enrollee) {
            (Enrolled::Nothing, None) | (Enrolled::Phone, Some(Enrollee::Phone(_))) => return Ok(()),
            (Enrolled::Device, Some(Enrollee::Device(device))) => {
                if enrolled_device::is_key(&device.public_key) {
                    return Ok(());
                }
                ("device", "must have an Ed25519 or P-256 key as a SubjectPublicKeyInfo")
            }
            (Enrolled::Device, None) => ("device", "must be set"),
            (Enrolled::Phone, None) => ("phone", "must be set"),
            (_, Some(Enrollee::Device(_))) => ("device", "must not be set: the method enrolls no device"),
            (_, Some(Enrollee::Phone(_))) => ("phone", "must not be set: the method enrolls no phone"),
        };
        Err(Refusal::AnswerMalformed { field, must: must.to_owned() })
    }

    fn may_begin(
        &self,
        (product, decision): (&Product, &Decision),
        account: &Account,
        factors: &[Factor],
    ) -> Result<(), Refusal> {
        if !decision.visible {
            return Err(Refusal::TwoStepNotAvailable);
        }
        policy::may_bind(&product.settings.methods, factors, self.method).map_err(|why| match why {
            NotBindable::AlreadyEnrolled => Refusal::AlreadyEnrolled,
            NotBindable::TooMany => Refusal::TooManyFactors { limit: policy::MAX_OF_METHOD },
            NotBindable::NotAllowed => Refusal::MethodNotAllowed,
            NotBindable::Requires(method) => Refusal::MethodRequires { method },
        })?;
        let first = !policy::has_enrolled(factors);
        let by_link = first || product.settings.methods.confirm_by_link;
        if by_link && account.verified().is_none() {
            return Err(Refusal::EmailNotVerified);
        }
        Ok(())
    }

    async fn begin(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (acting, decision): (&Acting, &Decision),
        (account, factors): (&Account, &[Factor]),
        origin: Origin,
    ) -> Result<EnrollmentStarted, Denied> {
        let now = cx.now();
        let confirmed = match origin {
            Origin::Link | Origin::CheckUp(_) => false,
            Origin::OldSession => true,
            Origin::Factors(_) => !acting.product.settings.methods.confirm_by_link,
        };
        let mail = match (confirmed, account.verified()) {
            (true, _) => None,
            (false, contact) => {
                let contact = contact.ok_or(Fault::Dangling("verified address"))?;
                let purpose = MessagePurpose::ConfirmEnrollment;
                Some((contact, purpose, cx.permit_send(tx, &contact.email, purpose).await?))
            }
        };
        let first = match (&self.enrollee, &mail) {
            (Some(Enrollee::Phone(number)), None) => Some(first_code::permit(cx, tx, number).await?),
            _ => None,
        };
        let mut new = Enrollment {
            id: cx.new_id(),
            account: account.id,
            product: acting.product.key.clone(),
            device: acting.device().cloned(),
            rollout: decision.rollout.clone(),
            method: self.method,
            state: EnrollmentState::AwaitingConfirmation,
            factor: cx.new_id(),
            proved_by: match origin {
                Origin::Factors(factor) | Origin::CheckUp(factor) => Some(factor),
                Origin::Link | Origin::OldSession => None,
            },
            material: None,
            label: self.label.clone(),
            tries: 0,
            created_at: now,
            expires_at: now.plus(enrollment::TTL),
        };
        let (mut sent_to, mut setup) = (None, None);
        let device = new.device.clone();
        enrollments::supersede(tx, account.id, &new.product, device, new.method, now).await?;
        if let Some((contact, purpose, permit)) = mail {
            let what = (LinkTarget::Enrollment(new.id), purpose, enrollment::TTL);
            cx.mail_link(tx, (account, contact), (&acting.product, &acting.client), what, permit).await?;
            sent_to = Some(contact.email.masked());
            new.material = cx.keep_enrollee(account.id, new.factor, self.enrollee.as_ref())?;
        } else {
            let made = cx.set_up(acting, (new.method, new.factor), self.enrollee.as_ref(), factors)?;
            first_code::send(cx, tx, acting, made.first_message, first).await?;
            (new.state, new.material) = (EnrollmentState::AwaitingProof, Some(made.material));
            setup = Some(made.setup);
        }
        enrollments::insert(tx, &new).await?;
        // Who enrolls has seen it, whether or not an app said so: numbers count the wave that reached the account.
        decisions::show(cx, tx, account, decision, &acting.client).await?;
        let fact = Fact::EnrollmentBegun { enrollment: new.id, method: self.method, confirmed };
        cx.event(fact).at(&new.product).of(account).from(&acting.client).record(tx).await?;
        Ok(EnrollmentStarted { enrollment: new, sent_to, setup })
    }
}

//! Continues an enrollment after its link was redeemed: makes the secret and shows it once. Where a code was sent, it sends a
//! new one, and the one before is void (INV-5); the wrong answers stay charged (INV-9).

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Enrollee, Enrollment, EnrollmentId, EnrollmentState, Fact, Permission, PhoneNumber, Refusal, Setup,
    Subject, Word as _,
};
use tidegate_factors::{
    enrollment,
    method::{self, Enrolled, Unusable},
    sms_code,
};
use tidegate_store::{enrollments, factors};

use super::{enroller, first_code};
use crate::{Command, CommandContext, Error, Fault, OneTimeSecret, Outcome};

#[derive(Debug)]
pub struct ContinueEnrollment {
    pub subject: Subject,
    pub enrollment: EnrollmentId,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollmentContinued {
    pub enrollment: Enrollment,
    pub setup: Setup<OneTimeSecret>,
}

impl Outcome for EnrollmentContinued {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.setup.texts()
    }
}

impl Command for ContinueEnrollment {
    const NAME: &'static str = "continue_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = EnrollmentContinued;

    async fn run(self, cx: &CommandContext) -> Result<EnrollmentContinued, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.may_enroll()?;
        cx.idempotent(async |tx| {
            let mut enrollment = super::find(tx, &acting, self.enrollment).await?;
            let registered = factors::of_account(tx, enrollment.account).await?;
            let what = (enrollment.method, enrollment.factor);
            let (enrollee, again) = match cx.kept_enrollee(&enrollment)? {
                Some(enrollee) => (Some(enrollee), false),
                None => match numbered(cx, &enrollment)? {
                    Some(number) => (Some(Enrollee::Phone(number)), true),
                    None => (None, false),
                },
            };
            let from = if again { EnrollmentState::AwaitingProof } else { EnrollmentState::Confirmed };
            if let Some(closed) = enrollment::closed_to(&enrollment, from, cx.now()) {
                return Err(Refusal::EnrollmentState { state: closed }.into());
            }
            let permit = match &enrollee {
                Some(Enrollee::Phone(number)) => Some(first_code::permit(cx, tx, number).await?),
                Some(Enrollee::Device(_)) | None => None,
            };
            let made = cx.set_up(&acting, what, enrollee.as_ref(), &registered)?;
            if !enrollments::reveal(tx, (enrollment.id, from), made.material, cx.now()).await? {
                let state = enrollment.state.as_str();
                return Err(Refusal::EnrollmentState { state }.into());
            }
            first_code::send(cx, tx, &acting, made.first_message, permit).await?;
            enroller::confirmed(cx, tx, &acting).await?;
            enrollment.state = EnrollmentState::AwaitingProof;
            let event = cx.event(Fact::EnrollmentContinued { enrollment: enrollment.id });
            event.at(&enrollment.product).of(&acting.account).from(&acting.client).record(tx).await?;
            Ok(EnrollmentContinued { enrollment, setup: made.setup })
        })
        .await
    }
}

/// The number that a code was sent to, and may be sent to again.
fn numbered(cx: &CommandContext, enrollment: &Enrollment) -> Result<Option<PhoneNumber>, Fault> {
    let is_sent = method::rules(enrollment.method).about == Enrolled::Phone;
    if !is_sent || enrollment.state != EnrollmentState::AwaitingProof {
        return Ok(None);
    }
    let (account, factor) = (enrollment.account, enrollment.factor);
    let material = cx.query().factor_material(account, factor, enrollment.material.as_ref());
    Ok(Some(sms_code::number(&material.ok_or(Unusable)?)?))
}

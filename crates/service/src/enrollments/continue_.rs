//! Continues an enrollment after its link was redeemed: makes the secret and shows it once.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Enrollment, EnrollmentId, EnrollmentState, Fact, Permission, Refusal, Setup, Subject, Word as _,
};
use tidegate_store::{enrollments, factors};

use crate::{Command, CommandContext, Error, OneTimeSecret, Outcome};

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
        acting.session()?;
        cx.idempotent(async |tx| {
            let mut enrollment = super::find(tx, &acting, self.enrollment).await?;
            let registered = factors::of_account(tx, enrollment.account).await?;
            let what = (enrollment.method, enrollment.factor);
            let device = cx.kept_device(&enrollment)?;
            let (material, setup) = cx.set_up(&acting, what, device.as_ref(), &registered)?;
            if !enrollments::reveal(tx, enrollment.id, material, cx.now()).await? {
                let confirmed = enrollment.state == EnrollmentState::Confirmed;
                let state = if confirmed { "expired" } else { enrollment.state.as_str() };
                return Err(Refusal::EnrollmentState { state }.into());
            }
            enrollment.state = EnrollmentState::AwaitingProof;
            let event = cx.event(Fact::EnrollmentContinued { enrollment: enrollment.id });
            event.at(&enrollment.product).of(&acting.account).from(&acting.client).record(tx).await?;
            Ok(EnrollmentContinued { enrollment, setup })
        })
        .await
    }
}

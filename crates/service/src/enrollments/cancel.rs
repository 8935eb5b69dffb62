//! Cancels an enrollment.

use tidegate_core::{
    Enrollment, EnrollmentId, EnrollmentState, Fact, Permission, Refusal, Subject, Word as _,
};
use tidegate_store::enrollments;

use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct CancelEnrollment {
    pub subject: Subject,
    pub enrollment: EnrollmentId,
}

impl Command for CancelEnrollment {
    const NAME: &'static str = "cancel_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = Enrollment;

    async fn run(self, cx: &CommandContext) -> Result<Enrollment, Error> {
        use EnrollmentState::{AwaitingConfirmation, AwaitingProof, Cancelled, Confirmed};
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.may_enroll()?;
        cx.idempotent(async |tx| {
            let mut enrollment = super::find(tx, &acting, self.enrollment).await?;
            let (id, state) = (enrollment.id, enrollment.state);
            let open = matches!(state, AwaitingConfirmation | Confirmed | AwaitingProof);
            if !open || !enrollments::advance(tx, id, state, Cancelled, cx.now()).await? {
                let state = if open { "expired" } else { state.as_str() };
                return Err(Refusal::EnrollmentState { state }.into());
            }
            enrollment.state = Cancelled;
            let event = cx.event(Fact::EnrollmentCancelled { enrollment: id });
            event.at(&enrollment.product).of(&acting.account).from(&acting.client).record(tx).await?;
            Ok(enrollment)
        })
        .await
    }
}

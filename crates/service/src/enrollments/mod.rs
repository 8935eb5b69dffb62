//! Two-step status, and the enrollment of factors.

mod begin;
mod cancel;
mod complete;
mod continue_;
mod disable;
mod enable;
mod enroller;
pub(crate) mod first_code;
mod get;
mod list_factors;
mod postpone;
mod record_shown;
mod skip;
mod status;
pub(crate) mod switch;

pub use begin::{BeginEnrollment, EnrollmentStarted};
pub use cancel::CancelEnrollment;
pub use complete::{CompleteEnrollment, EnrollmentCompletion, NewFactor};
pub use continue_::{ContinueEnrollment, EnrollmentContinued};
pub use disable::DisableTwoStep;
pub use enable::{EnableTwoStep, TwoStepEnabled};
pub use get::GetEnrollment;
pub use list_factors::{Factors, ListFactors};
pub use postpone::{EnrollmentPostponed, PostponeEnrollment};
pub use record_shown::RecordShown;
pub use skip::SkipEnrollment;
pub use status::{GetTwoStepStatus, Status};
pub use switch::Switched;

use tidegate_core::{Enrollment, EnrollmentId, Refusal};
use tidegate_store::{View, enrollments};

use crate::{Denied, acting::Acting};

crate::idempotency::outcomes!(Enrollment);

/// Finds an enrollment of the subject's account, product and device. Other subjects learn nothing
/// of it (INV-32).
async fn find(view: &mut View, acting: &Acting, id: EnrollmentId) -> Result<Enrollment, Denied> {
    let found = enrollments::find(view, id).await?;
    let theirs = found.filter(|found| {
        found.account == acting.account.id
            && found.product == acting.product.key
            && found.device.as_ref() == acting.device()
    });
    Ok(theirs.ok_or(Refusal::EnrollmentNotFound)?)
}

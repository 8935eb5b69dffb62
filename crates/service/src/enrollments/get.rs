//! Returns the state of an enrollment, never its secret.

use tidegate_core::{Enrollment, EnrollmentId, Permission, Subject};

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetEnrollment {
    pub subject: Subject,
    pub enrollment: EnrollmentId,
}

impl Query for GetEnrollment {
    const NAME: &'static str = "get_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = Enrollment;

    async fn run(self, cx: &QueryContext) -> Result<Enrollment, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.may_enroll()?;
        Ok(super::find(&mut cx.view(), &acting, self.enrollment).await?)
    }
}

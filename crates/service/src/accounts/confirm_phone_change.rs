//! Submits the code that was sent to the new number.

use tidegate_core::{Answer, EnrollmentId, Method, Permission, Refusal, Secret, Subject};
use tidegate_store::{enrollments, factors};

use crate::{
    Command, CommandContext, Error,
    enrollments::{CompleteEnrollment, EnrollmentCompletion},
};

#[derive(Debug)]
pub struct ConfirmPhoneChange {
    pub subject: Subject,
    pub enrollment: EnrollmentId,
    pub code: Secret<String>,
}

impl Command for ConfirmPhoneChange {
    const NAME: &'static str = "confirm_phone_change";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = EnrollmentCompletion;

    async fn run(self, cx: &CommandContext) -> Result<EnrollmentCompletion, Error> {
        let Self { subject, enrollment, code } = self;
        let acting = cx.acting_or_recovering(&subject).await?;
        let mut view = cx.query().view();
        let change = enrollments::find(&mut view, enrollment).await?;
        // An enrollment of a factor that the account does not have yet is no change.
        let changes = match change.filter(|change| change.account == acting.account.id) {
            Some(change) => factors::find(&mut view, change.account, change.factor).await?,
            None => None,
        };
        changes.filter(|factor| factor.method == Method::SmsCode).ok_or(Refusal::EnrollmentNotFound)?;
        CompleteEnrollment { subject, enrollment, answer: Answer::Code(code) }.run(cx).await
    }
}

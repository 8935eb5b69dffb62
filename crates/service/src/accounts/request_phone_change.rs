//! Begins a change of the number that codes by SMS go to.
//!
//! The change is an enrollment of the factor that the account has: the new number is verified as a first one is, and the old
//! one stays until then. So a factor that the policy never lets be removed can still follow its owner to another number.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Enrollee, Enrollment, EnrollmentId, EnrollmentState, Fact, Method, Permission, PhoneNumber, Refusal,
    Subject, Timestamp,
};
use tidegate_factors::enrollment;
use tidegate_store::{enrollments, factors};

use crate::{
    Command, CommandContext, Error,
    enrollments::{first_code, switch},
    idempotency::outcomes,
};

#[derive(Debug)]
pub struct RequestPhoneChange {
    pub subject: Subject,
    pub phone: PhoneNumber,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PhoneChange {
    pub enrollment: EnrollmentId,
    /// The new number, masked.
    pub to: String,
    pub expires_at: Timestamp,
}

outcomes!(PhoneChange);

impl Command for RequestPhoneChange {
    const NAME: &'static str = "request_phone_change";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = PhoneChange;

    async fn run(self, cx: &CommandContext) -> Result<PhoneChange, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        let session = acting.session()?.id;
        cx.idempotent(async |tx| {
            let (account, decision) = switch::lock(cx, tx, &acting).await?;
            let all = factors::of_account(tx, account.id).await?;
            let phone = all.iter().find(|one| one.method == Method::SmsCode).ok_or(Refusal::NoPhone)?;
            let proved = switch::may_rebind(cx, tx, &account, session).await?;
            let permit = first_code::permit(cx, tx, &self.phone).await?;
            let (now, product, device) = (cx.now(), acting.product.key.clone(), acting.device().cloned());
            enrollments::supersede(tx, account.id, &product, device.clone(), phone.method, now).await?;
            let enrollee = Enrollee::Phone(self.phone.clone());
            let made = cx.set_up(&acting, (phone.method, phone.id), Some(&enrollee), &all)?;
            let change = Enrollment {
                id: cx.new_id(),
                account: account.id,
                product,
                device,
                rollout: decision.rollout,
                method: phone.method,
                state: EnrollmentState::AwaitingProof,
                factor: phone.id,
                proved_by: Some(proved),
                material: Some(made.material),
                label: phone.label.clone(),
                tries: 0,
                created_at: now,
                expires_at: now.plus(enrollment::TTL),
            };
            enrollments::insert(tx, &change).await?;
            first_code::send(cx, tx, &acting, made.first_message, Some(permit)).await?;
            let fact = Fact::PhoneChangeRequested { enrollment: change.id, factor: phone.id };
            let event = cx.event(fact).at(&change.product).of(&account).from(&acting.client);
            event.record(tx).await?;
            let to = self.phone.masked();
            Ok(PhoneChange { enrollment: change.id, to, expires_at: change.expires_at })
        })
        .await
    }
}

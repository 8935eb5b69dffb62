use tidegate_core::{Channel, Delivery, DeliveryProblem, DeliveryState, MessagePurpose};
use tidegate_proto as proto;
use tidegate_service::Page;

use crate::render::{page_token, timestamp};

pub(super) fn listed(page: Page<Delivery>) -> proto::ListDeliveriesResponse {
    let deliveries = page.items.into_iter().map(delivery).collect();
    proto::ListDeliveriesResponse { deliveries, next_page_token: page_token(page.next) }
}

fn delivery(delivery: Delivery) -> proto::Delivery {
    let queued = delivery.state == DeliveryState::Queued;
    proto::Delivery {
        id: delivery.id.to_string(),
        account_id: delivery.account.to_string(),
        channel: channel(delivery.channel).into(),
        purpose: purpose(delivery.purpose).into(),
        state: state(delivery.state).into(),
        tries: i32::try_from(delivery.tries).unwrap_or(i32::MAX),
        problem: delivery.problem.map(|why| problem(why).into()).unwrap_or_default(),
        next_try_time: queued.then(|| timestamp(delivery.next_try_at)),
        create_time: Some(timestamp(delivery.created_at)),
        expire_time: Some(timestamp(delivery.expires_at)),
        end_time: delivery.ended_at.map(timestamp),
    }
}

pub(crate) const fn channel(channel: Channel) -> proto::Channel {
    match channel {
        Channel::Mail => proto::Channel::Mail,
        Channel::Push => proto::Channel::Push,
        Channel::Sms => proto::Channel::Sms,
    }
}

pub(crate) const fn purpose(purpose: MessagePurpose) -> proto::MessagePurpose {
    use proto::MessagePurpose as Wire;
    match purpose {
        MessagePurpose::VerifyEmail => Wire::VerifyEmail,
        MessagePurpose::ConfirmEnrollment => Wire::ConfirmEnrollment,
        MessagePurpose::SignInCode => Wire::SignInCode,
        MessagePurpose::ChangeCode => Wire::ChangeCode,
        MessagePurpose::FactorAdded => Wire::FactorAdded,
        MessagePurpose::FactorRemoved => Wire::FactorRemoved,
        MessagePurpose::RecoveryCodesReplaced => Wire::RecoveryCodesReplaced,
        MessagePurpose::RecoveryCodesVoided => Wire::RecoveryCodesVoided,
        MessagePurpose::RecoveryCodeUsed => Wire::RecoveryCodeUsed,
        MessagePurpose::FactorCopied => Wire::FactorCopied,
        MessagePurpose::PushDenied => Wire::PushDenied,
        MessagePurpose::ConfirmPhone => Wire::ConfirmPhone,
        MessagePurpose::PhoneChanged => Wire::PhoneChanged,
        MessagePurpose::ResetPassword => Wire::ResetPassword,
        MessagePurpose::NewPasswordDemanded => Wire::NewPasswordDemanded,
        MessagePurpose::PasswordChanged => Wire::PasswordChanged,
        MessagePurpose::DeviceCopied => Wire::DeviceCopied,
        MessagePurpose::NewDevice => Wire::NewDevice,
        MessagePurpose::SecondStepFailed => Wire::SecondStepFailed,
        MessagePurpose::SignInClosed => Wire::SignInClosed,
        MessagePurpose::ConfirmAddress => Wire::ConfirmAddress,
        MessagePurpose::ClaimAddress => Wire::ClaimAddress,
        MessagePurpose::AddressChangeRequested => Wire::AddressChangeRequested,
        MessagePurpose::AddressChanged => Wire::AddressChanged,
        MessagePurpose::AccountSuspended => Wire::AccountSuspended,
        MessagePurpose::AccountReactivated => Wire::AccountReactivated,
        MessagePurpose::AccountLockedDown => Wire::AccountLockedDown,
        MessagePurpose::AccountDeleted => Wire::AccountDeleted,
        MessagePurpose::FactorsReset => Wire::FactorsReset,
        MessagePurpose::AccessPass => Wire::AccessPass,
        MessagePurpose::EnrollmentReminder => Wire::EnrollmentReminder,
        MessagePurpose::TwoStepStaysOn => Wire::TwoStepStaysOn,
        MessagePurpose::EnrollmentPostponed => Wire::EnrollmentPostponed,
    }
}

const fn state(state: DeliveryState) -> proto::DeliveryState {
    match state {
        DeliveryState::Queued => proto::DeliveryState::Queued,
        DeliveryState::Sent => proto::DeliveryState::Sent,
        DeliveryState::Delivered => proto::DeliveryState::Delivered,
        DeliveryState::Failed => proto::DeliveryState::Failed,
    }
}

const fn problem(problem: DeliveryProblem) -> proto::DeliveryProblem {
    use proto::DeliveryProblem as Wire;
    match problem {
        DeliveryProblem::Expired => Wire::Expired,
        DeliveryProblem::Sealed => Wire::Sealed,
        DeliveryProblem::Destination => Wire::Destination,
        DeliveryProblem::Text => Wire::Text,
        DeliveryProblem::Transport => Wire::Transport,
        DeliveryProblem::TimedOut => Wire::TimedOut,
        DeliveryProblem::RefusedForNow => Wire::RefusedForNow,
        DeliveryProblem::Refused => Wire::Refused,
        DeliveryProblem::Gone => Wire::Gone,
        DeliveryProblem::NotConfigured => Wire::NotConfigured,
        DeliveryProblem::NotDelivered => Wire::NotDelivered,
    }
}

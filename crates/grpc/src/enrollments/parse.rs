use tidegate_core::{Enrollee, NewDevice, PhoneNumber, PushAddress};
use tidegate_proto::{self as proto, begin_enrollment_request::About, push_address::Address};
use tidegate_service::enrollments::{
    BeginEnrollment, CancelEnrollment, CompleteEnrollment, ContinueEnrollment, DisableTwoStep, EnableTwoStep,
    GetEnrollment, GetTwoStepStatus, ListFactors, PostponeEnrollment, RecordShown, SkipEnrollment,
};
use tidegate_service::factors::{GenerateRecoveryCodes, RemoveFactor, RenameFactor};
use tidegate_service::support::ResetFactors;

use crate::{answer, form::Form, render::read_method};

pub(super) fn status(message: proto::GetTwoStepStatusRequest, form: &mut Form) -> Option<GetTwoStepStatus> {
    Some(GetTwoStepStatus { subject: form.subject(message.subject)? })
}

pub(super) fn begin(message: proto::BeginEnrollmentRequest, form: &mut Form) -> Option<BeginEnrollment> {
    let subject = form.subject(message.subject);
    let method = form.word("method", message.method, read_method);
    let enrollee = match message.about {
        None => Some(None),
        Some(About::Phone(typed)) => phone(form, &typed).map(|number| Some(Enrollee::Phone(number))),
        Some(About::Device(device)) => {
            let device = form.within("device", |form| new_device(device, form));
            device.map(|device| Some(Enrollee::Device(device)))
        }
    };
    let label = form.optional("label", &message.label);
    Some(BeginEnrollment { subject: subject?, method: method?, label: label?, enrollee: enrollee? })
}

pub(crate) fn phone(form: &mut Form, typed: &str) -> Option<PhoneNumber> {
    match PhoneNumber::parse(typed) {
        Ok(number) => Some(number),
        Err(why) => form.note("phone", why),
    }
}

/// The longest public key in bytes.
const MAX_KEY_BYTES: usize = 256;

fn new_device(wire: proto::DeviceKey, form: &mut Form) -> Option<NewDevice> {
    let public_key = match wire.public_key {
        key if key.is_empty() || key.len() > MAX_KEY_BYTES => {
            form.note("public_key", format!("must have 1 to {MAX_KEY_BYTES} bytes"))
        }
        key => Some(key),
    };
    let address = push_address(wire.push_address, form);
    Some(NewDevice { public_key: public_key?, address: address? })
}

/// `Some(None)`: there is none.
pub(crate) fn push_address(wire: Option<proto::PushAddress>, form: &mut Form) -> Option<Option<PushAddress>> {
    let Some(wire) = wire else { return Some(None) };
    form.within("push_address", |form| {
        let (field, address) = match wire.address {
            None => return form.note("address", "must be set"),
            Some(Address::WebPush(web)) => {
                ("web_push", PushAddress::web_push(&web.endpoint, web.p256dh, web.auth))
            }
            Some(Address::FcmToken(token)) => ("fcm_token", PushAddress::fcm(&token)),
            Some(Address::ApnsToken(token)) => ("apns_token", PushAddress::apns(&token)),
        };
        match address {
            Ok(address) => Some(Some(address)),
            Err(why) => form.note(field, format!("must {}", why.0)),
        }
    })
}

pub(super) fn get(message: proto::GetEnrollmentRequest, form: &mut Form) -> Option<GetEnrollment> {
    let subject = form.subject(message.subject);
    let enrollment = form.text("enrollment_id", &message.enrollment_id);
    Some(GetEnrollment { subject: subject?, enrollment: enrollment? })
}

pub(super) fn continue_(
    message: proto::ContinueEnrollmentRequest,
    form: &mut Form,
) -> Option<ContinueEnrollment> {
    let subject = form.subject(message.subject);
    let enrollment = form.text("enrollment_id", &message.enrollment_id);
    Some(ContinueEnrollment { subject: subject?, enrollment: enrollment? })
}

pub(super) fn complete(
    message: proto::CompleteEnrollmentRequest,
    form: &mut Form,
) -> Option<CompleteEnrollment> {
    let subject = form.subject(message.subject);
    let enrollment = form.text("enrollment_id", &message.enrollment_id);
    let answer = answer::read(message.answer, form);
    Some(CompleteEnrollment { subject: subject?, enrollment: enrollment?, answer: answer? })
}

pub(super) fn cancel(message: proto::CancelEnrollmentRequest, form: &mut Form) -> Option<CancelEnrollment> {
    let subject = form.subject(message.subject);
    let enrollment = form.text("enrollment_id", &message.enrollment_id);
    Some(CancelEnrollment { subject: subject?, enrollment: enrollment? })
}

pub(super) fn list_factors(message: proto::ListFactorsRequest, form: &mut Form) -> Option<ListFactors> {
    Some(ListFactors { subject: form.subject(message.subject)? })
}

pub(super) fn rename(message: proto::RenameFactorRequest, form: &mut Form) -> Option<RenameFactor> {
    let subject = form.subject(message.subject);
    let factor = form.text("factor_id", &message.factor_id);
    let label = form.optional("label", &message.label);
    Some(RenameFactor { subject: subject?, factor: factor?, label: label? })
}

pub(super) fn remove(message: proto::RemoveFactorRequest, form: &mut Form) -> Option<RemoveFactor> {
    let subject = form.subject(message.subject);
    let factor = form.text("factor_id", &message.factor_id);
    Some(RemoveFactor { subject: subject?, factor: factor? })
}

pub(super) fn generate(
    message: proto::GenerateRecoveryCodesRequest,
    form: &mut Form,
) -> Option<GenerateRecoveryCodes> {
    Some(GenerateRecoveryCodes { subject: form.subject(message.subject)? })
}

pub(super) fn enable(message: proto::EnableTwoStepRequest, form: &mut Form) -> Option<EnableTwoStep> {
    Some(EnableTwoStep { subject: form.subject(message.subject)? })
}

pub(super) fn disable(message: proto::DisableTwoStepRequest, form: &mut Form) -> Option<DisableTwoStep> {
    Some(DisableTwoStep { subject: form.subject(message.subject)? })
}

pub(super) fn record_shown(message: proto::RecordShownRequest, form: &mut Form) -> Option<RecordShown> {
    Some(RecordShown { subject: form.subject(message.subject)? })
}

pub(super) fn skip(message: proto::SkipEnrollmentRequest, form: &mut Form) -> Option<SkipEnrollment> {
    let rollout = form.optional("rollout", &message.rollout);
    Some(SkipEnrollment { subject: form.subject(message.subject)?, rollout: rollout? })
}

pub(super) fn postpone(
    message: proto::PostponeEnrollmentRequest,
    form: &mut Form,
) -> Option<PostponeEnrollment> {
    Some(PostponeEnrollment { subject: form.subject(message.subject)? })
}

pub(super) fn reset_factors(message: proto::ResetFactorsRequest, form: &mut Form) -> Option<ResetFactors> {
    form.case(&message.account, &message.product, &message.reason).map(ResetFactors)
}

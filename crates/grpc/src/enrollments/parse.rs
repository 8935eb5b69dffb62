use tidegate_proto::{self as proto, begin_enrollment_request::About};
use tidegate_service::enrollments::{
    BeginEnrollment, CancelEnrollment, CompleteEnrollment, ContinueEnrollment, DisableTwoStep, EnableTwoStep,
    GetEnrollment, GetTwoStepStatus, ListFactors,
};
use tidegate_service::factors::{GenerateRecoveryCodes, RemoveFactor, RenameFactor};

use crate::{answer, form::Form, render::read_method};

pub(super) fn status(message: proto::GetTwoStepStatusRequest, form: &mut Form) -> Option<GetTwoStepStatus> {
    Some(GetTwoStepStatus { subject: form.subject(message.subject)? })
}

pub(super) fn begin(message: proto::BeginEnrollmentRequest, form: &mut Form) -> Option<BeginEnrollment> {
    let subject = form.subject(message.subject);
    let method = form.word("method", message.method, read_method);
    let about = match message.about {
        None => Some(()),
        Some(About::Phone(_)) => form.note("phone", "must not be set: no method takes it yet"),
        Some(About::Device(_)) => form.note("device", "must not be set: no method takes it yet"),
    };
    let label = form.optional("label", &message.label);
    let () = about?;
    Some(BeginEnrollment { subject: subject?, method: method?, label: label? })
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

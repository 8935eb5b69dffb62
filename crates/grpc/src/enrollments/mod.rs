//! `EnrollmentService`.

mod parse;
mod render;

pub(crate) use parse::{phone, push_address};

crate::door::handlers! { EnrollmentService in enrollment_service_server {
    act get_two_step_status(GetTwoStepStatusRequest) -> GetTwoStepStatusResponse = parse::status, render::status;
    act begin_enrollment(BeginEnrollmentRequest) -> BeginEnrollmentResponse = parse::begin, render::begun;
    ask get_enrollment(GetEnrollmentRequest) -> GetEnrollmentResponse = parse::get, render::got;
    act continue_enrollment(ContinueEnrollmentRequest) -> ContinueEnrollmentResponse
        = parse::continue_, render::continued;
    act complete_enrollment(CompleteEnrollmentRequest) -> CompleteEnrollmentResponse
        = parse::complete, render::completed;
    act cancel_enrollment(CancelEnrollmentRequest) -> CancelEnrollmentResponse = parse::cancel, render::cancelled;
    act list_factors(ListFactorsRequest) -> ListFactorsResponse = parse::list_factors, render::listed;
    act rename_factor(RenameFactorRequest) -> RenameFactorResponse = parse::rename, render::renamed;
    act remove_factor(RemoveFactorRequest) -> RemoveFactorResponse = parse::remove, render::removed;
    act generate_recovery_codes(GenerateRecoveryCodesRequest) -> GenerateRecoveryCodesResponse
        = parse::generate, render::generated;
    act enable_two_step(EnableTwoStepRequest) -> EnableTwoStepResponse = parse::enable, render::enabled;
    act disable_two_step(DisableTwoStepRequest) -> DisableTwoStepResponse = parse::disable, render::disabled;
    act record_shown(RecordShownRequest) -> RecordShownResponse = parse::record_shown, render::recorded_shown;
    act skip_enrollment(SkipEnrollmentRequest) -> SkipEnrollmentResponse = parse::skip, render::skipped;
    act postpone_enrollment(PostponeEnrollmentRequest) -> PostponeEnrollmentResponse
        = parse::postpone, render::postponed;
    act reset_factors(ResetFactorsRequest) -> ResetFactorsResponse = parse::reset_factors, render::factors_reset;
} }

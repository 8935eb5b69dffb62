use tidegate_core::{Enrollment, EnrollmentState, Setup};
use tidegate_proto as proto;
use tidegate_service::OneTimeSecret;
use tidegate_service::enrollments::{
    EnrollmentCompletion, EnrollmentContinued, EnrollmentPostponed, EnrollmentStarted, Factors, Status,
    Switched, TwoStepEnabled,
};

use tidegate_service::factors::{RecoveryCodesGenerated, Renamed};
use tidegate_service::support::FactorsReset;

use crate::{
    render::{answered, count, decision, method, read_hex, shown, timestamp},
    sign_ins::sign_in,
};

pub(super) fn status(status: Status) -> proto::GetTwoStepStatusResponse {
    proto::GetTwoStepStatusResponse {
        decision: Some(decision(status.decision)),
        active_methods: status.active_methods.iter().map(|one| method(*one).into()).collect(),
        recovery_codes_left: count(status.recovery_codes_left),
        mailbox_only: status.mailbox_only,
    }
}

pub(super) fn begun(begun: EnrollmentStarted) -> proto::BeginEnrollmentResponse {
    let (setup, secret_withheld) = begun.setup.map(setup).unzip();
    proto::BeginEnrollmentResponse {
        enrollment: Some(enrollment(begun.enrollment)),
        sent_to: begun.sent_to.unwrap_or_default(),
        setup,
        secret_withheld: secret_withheld.unwrap_or(false),
    }
}

pub(super) fn got(got: Enrollment) -> proto::GetEnrollmentResponse {
    proto::GetEnrollmentResponse { enrollment: Some(enrollment(got)) }
}

pub(super) fn continued(continued: EnrollmentContinued) -> proto::ContinueEnrollmentResponse {
    let (setup, secret_withheld) = setup(continued.setup);
    let enrollment = Some(enrollment(continued.enrollment));
    proto::ContinueEnrollmentResponse { enrollment, setup: Some(setup), secret_withheld }
}

pub(super) fn completed(completed: EnrollmentCompletion) -> proto::CompleteEnrollmentResponse {
    let (outcome, tries_left, retry_time) = answered(completed.outcome);
    let factor = completed.factor.map(|new| proto::Factor {
        id: new.id.to_string(),
        method: method(new.method).into(),
        create_time: Some(timestamp(new.created_at)),
        last_use_time: Some(timestamp(new.created_at)),
        codes_left: 0,
        label: new.label.map(String::from).unwrap_or_default(),
        hint: new.hint.unwrap_or_default(),
        ..Default::default()
    });
    let (recovery_codes, secret_withheld) = codes(completed.recovery_codes);
    proto::CompleteEnrollmentResponse {
        outcome: outcome.into(),
        tries_left,
        retry_time,
        factor,
        recovery_codes,
        secret_withheld,
    }
}

/// The codes that may still be shown, and whether some may not.
fn codes(codes: Vec<OneTimeSecret>) -> (Vec<String>, bool) {
    let codes: Vec<_> = codes.into_iter().map(shown).collect();
    let secret_withheld = codes.iter().any(|(_, withheld)| *withheld);
    (codes.into_iter().filter(|(_, withheld)| !withheld).map(|(code, _)| code).collect(), secret_withheld)
}

pub(super) fn renamed(_: Renamed) -> proto::RenameFactorResponse {
    proto::RenameFactorResponse {}
}

pub(super) fn removed(switched: Switched) -> proto::RemoveFactorResponse {
    proto::RemoveFactorResponse { decision: Some(decision(switched.0)) }
}

pub(super) fn generated(generated: RecoveryCodesGenerated) -> proto::GenerateRecoveryCodesResponse {
    let (recovery_codes, secret_withheld) = codes(generated.recovery_codes);
    proto::GenerateRecoveryCodesResponse { recovery_codes, secret_withheld }
}

pub(super) fn cancelled(cancelled: Enrollment) -> proto::CancelEnrollmentResponse {
    proto::CancelEnrollmentResponse { enrollment: Some(enrollment(cancelled)) }
}

pub(super) fn listed(listed: Factors) -> proto::ListFactorsResponse {
    let factors = listed.0.into_iter().map(|listed| proto::Factor {
        id: listed.id.to_string(),
        method: method(listed.method).into(),
        create_time: Some(timestamp(listed.created_at)),
        last_use_time: listed.last_used_at.map(timestamp),
        codes_left: count(listed.codes_left),
        access_pass_expire_time: listed.pass_until.map(timestamp),
        label: listed.label.map(String::from).unwrap_or_default(),
        hint: listed.hint.unwrap_or_default(),
        origin: listed
            .origin
            .map(|origin| proto::FactorOrigin { product: origin.product.into(), client: origin.client }),
    });
    proto::ListFactorsResponse { factors: factors.collect() }
}

pub(super) fn enabled(enabled: TwoStepEnabled) -> proto::EnableTwoStepResponse {
    let (recovery_codes, secret_withheld) = codes(enabled.recovery_codes);
    proto::EnableTwoStepResponse {
        decision: Some(decision(enabled.decision)),
        recovery_codes,
        secret_withheld,
    }
}

pub(super) fn disabled(switched: Switched) -> proto::DisableTwoStepResponse {
    proto::DisableTwoStepResponse { decision: Some(decision(switched.0)) }
}

pub(super) fn recorded_shown(switched: Switched) -> proto::RecordShownResponse {
    proto::RecordShownResponse { decision: Some(decision(switched.0)) }
}

pub(super) fn skipped(switched: Switched) -> proto::SkipEnrollmentResponse {
    proto::SkipEnrollmentResponse { decision: Some(decision(switched.0)) }
}

pub(super) fn postponed(postponed: EnrollmentPostponed) -> proto::PostponeEnrollmentResponse {
    proto::PostponeEnrollmentResponse {
        sign_in: Some(sign_in(postponed.sign_in, &postponed.offers)),
        decision: Some(decision(postponed.decision)),
    }
}

fn enrollment(enrollment: Enrollment) -> proto::Enrollment {
    use proto::EnrollmentState as Wire;
    let state = match enrollment.state {
        EnrollmentState::AwaitingConfirmation => Wire::AwaitingConfirmation,
        EnrollmentState::Confirmed => Wire::Confirmed,
        EnrollmentState::AwaitingProof => Wire::AwaitingProof,
        EnrollmentState::Active => Wire::Active,
        EnrollmentState::UsedUp => Wire::UsedUp,
        EnrollmentState::Superseded => Wire::Superseded,
        EnrollmentState::Cancelled => Wire::Cancelled,
    };
    proto::Enrollment {
        id: enrollment.id.to_string(),
        method: method(enrollment.method).into(),
        state: state.into(),
        product: enrollment.product.into(),
        expire_time: Some(timestamp(enrollment.expires_at)),
    }
}

fn setup(setup: Setup<OneTimeSecret>) -> (proto::Setup, bool) {
    use proto::setup::Setup as Wire;
    let mut any_withheld = false;
    let setup = setup.map(|secret| {
        let (text, withheld) = shown(secret);
        any_withheld |= withheld;
        text
    });
    let setup = match setup {
        Setup::Authenticator { otpauth_uri, base32: secret, qr_svg } => {
            Wire::Totp(proto::TotpSecret { otpauth_uri, secret, qr_svg })
        }
        Setup::WebAuthn { options } => Wire::WebauthnOptionsJson(options),
        Setup::Device { nonce } => {
            Wire::Device(proto::DeviceSetup { nonce: read_hex(&nonce).unwrap_or_default() })
        }
        Setup::Sent { hint } => Wire::Sent(proto::SentPrompt { hint }),
    };
    (proto::Setup { setup: Some(setup) }, any_withheld)
}

pub(super) fn factors_reset(reset: FactorsReset) -> proto::ResetFactorsResponse {
    let (removed_count, expire_time) = (count(reset.removed), Some(timestamp(reset.expires_at)));
    proto::ResetFactorsResponse { removed_count, sent_to: reset.sent_to, expire_time }
}

use tidegate_core::{Advice, Answered, MethodAdvice, Offer, SignIn, SignInState};
use tidegate_proto as proto;
use tidegate_service::{
    passwords::RecoveryBegun,
    sign_ins::{Held, PasskeyRequested, SignInCompletion, SignInStarted, SignInView},
};

use crate::{
    render::{all_missing, answered, count, ladder, method, requirement, shown, timestamp},
    sessions::session,
};

pub(super) fn passkey_requested(requested: PasskeyRequested) -> proto::CreatePasskeyRequestResponse {
    proto::CreatePasskeyRequestResponse {
        webauthn_options_json: requested.options,
        expire_time: Some(timestamp(requested.expires_at)),
    }
}

pub(super) fn begun(begun: SignInStarted) -> proto::BeginSignInResponse {
    let Some((sign_in, offers, token)) = begun.sign_in else {
        let denied = proto::SignIn { state: proto::SignInState::Denied.into(), ..Default::default() };
        let (retry_time, closed) = match begun.held {
            Some(Held::Until(until)) => (Some(timestamp(until)), false),
            held => (None, held.is_some()),
        };
        let sign_in = Some(denied);
        return proto::BeginSignInResponse { sign_in, retry_time, closed, ..Default::default() };
    };
    let (sign_in_token, secret_withheld) = shown(token);
    let sign_in = Some(self::sign_in(sign_in, &offers));
    proto::BeginSignInResponse { sign_in, sign_in_token, secret_withheld, ..Default::default() }
}

pub(super) fn got(standing: SignInView) -> proto::GetSignInResponse {
    proto::GetSignInResponse { sign_in: Some(sign_in(standing.sign_in, &standing.offers)) }
}

pub(super) fn cancelled(standing: SignInView) -> proto::CancelSignInResponse {
    proto::CancelSignInResponse { sign_in: Some(sign_in(standing.sign_in, &standing.offers)) }
}

pub(super) fn completed(completed: SignInCompletion) -> proto::CompleteSignInResponse {
    let sign_in = Some(sign_in(completed.sign_in, &completed.offers));
    let Some(new) = completed.session else {
        let advice = proto::Advice::Nothing.into();
        return proto::CompleteSignInResponse { sign_in, advice, ..Default::default() };
    };
    let (session_token, secret_withheld) = shown(new.token);
    let advice = match new.advice {
        Advice::Nothing => proto::Advice::Nothing,
        Advice::TwoStepAvailable => proto::Advice::TwoStepAvailable,
        Advice::RebindFactors => proto::Advice::RebindFactors,
        Advice::CheckUp => proto::Advice::CheckUp,
        Advice::TwoStepNudge => proto::Advice::TwoStepNudge,
        Advice::TwoStepRequired => proto::Advice::TwoStepRequired,
        Advice::TwoStepStaysOn => proto::Advice::TwoStepStaysOn,
        Advice::AddMethod => proto::Advice::AddMethod,
    };
    proto::CompleteSignInResponse {
        sign_in,
        session: Some(session(&new.session, new.level, None)),
        session_token,
        device_token: new.device_token.map(|token| shown(token).0).unwrap_or_default(),
        trusted_until_time: new.trusted_until.map(timestamp),
        advice: advice.into(),
        missing: all_missing(&new.missing),
        ladder: new.ladder.map(ladder),
        better_method: new.better_method.map(method_advice),
        secret_withheld,
        recovery_codes_left: new.recovery_codes_left.map(count),
        weak_password: new.weak_password,
        refresh_token: new.refresh_token.map(|token| shown(token).0).unwrap_or_default(),
        refresh_expire_time: new.session.refresh.map(|refresh| timestamp(refresh.until)),
    }
}

fn method_advice(advice: MethodAdvice) -> proto::MethodAdvice {
    proto::MethodAdvice {
        rollout: advice.rollout.into(),
        methods: advice.methods.into_iter().map(|one| method(one).into()).collect(),
        snoozes_left: advice.snoozes_left,
        end_time: advice.ends_at.map(timestamp),
    }
}

pub(super) fn redeemed(outcome: Answered) -> proto::RedeemLinkResponse {
    proto::RedeemLinkResponse { outcome: answered(outcome).0.into() }
}

pub(super) fn recovery_begun(_: RecoveryBegun) -> proto::BeginRecoveryResponse {
    proto::BeginRecoveryResponse {}
}

pub(super) fn recovered(outcome: Answered) -> proto::CompleteRecoveryResponse {
    proto::CompleteRecoveryResponse { outcome: answered(outcome).0.into() }
}

pub(crate) fn sign_in(sign_in: SignIn, offers: &[Offer]) -> proto::SignIn {
    let state = match sign_in.state {
        SignInState::PendingNetwork => proto::SignInState::PendingNetwork,
        SignInState::PendingEnrollment => proto::SignInState::PendingEnrollment,
        SignInState::PendingChallenge => proto::SignInState::PendingChallenge,
        SignInState::Ready => proto::SignInState::Ready,
        SignInState::Completed => proto::SignInState::Completed,
        SignInState::Cancelled => proto::SignInState::Cancelled,
    };
    let offer = |offer: &Offer| proto::Offer {
        factor_id: offer.factor.to_string(),
        method: method(offer.method).into(),
        label: offer.label.clone().map(String::from).unwrap_or_default(),
        hint: offer.hint.clone().unwrap_or_default(),
    };
    proto::SignIn {
        id: sign_in.id.to_string(),
        state: state.into(),
        product: sign_in.product.into(),
        requirement: requirement(sign_in.requirement).into(),
        offers: offers.iter().map(offer).collect(),
        expire_time: Some(timestamp(sign_in.expires_at)),
    }
}

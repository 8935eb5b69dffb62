//! Calls every method that takes a name, with the given names.

use std::collections::BTreeSet;

use tidegate_proto::{self as proto, EvaluationItem, OnBehalf, subject::Who};

use super::furnished::RealmNames;
use crate::{
    actor::Actor,
    arrange::{NEW_PASSWORD, PASSWORD},
    owner::{Device, by_code, by_first_code, by_password, subject},
    rpc::Rpc,
    text,
    transcript::refusal,
};

/// The replies, by method.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Answers(pub Vec<(&'static str, String)>);

impl Answers {
    pub fn assert_same(&self, other: &Self) {
        assert!(!self.0.is_empty());
        for (one, other) in self.0.iter().zip(&other.0) {
            assert_eq!(one, other);
        }
        assert_eq!(self, other);
    }

    pub fn methods(&self) -> BTreeSet<&'static str> {
        self.0.iter().map(|(method, _)| *method).collect()
    }

    pub async fn ask<M: Rpc>(&mut self, actor: &Actor, request: M) {
        let answer = actor.call(request).await;
        let told = answer.map_or_else(|refused| refusal(&refused), |message| text::of(&message));
        self.0.push((M::method(), told));
    }
}

macro_rules! ask {
    ($answers:ident, $actor:ident, $($request:ident { $($field:ident: $value:expr),* $(,)? })+) => {
        $($answers.ask($actor, proto::$request { $($field: $value.into(),)* ..Default::default() }).await;)+
    };
}

/// Calls with names that a caller of another realm may know.
#[expect(clippy::needless_update, reason = "some requests have no more fields than are named")]
pub async fn by_name(answers: &mut Answers, actor: &Actor, own: &RealmNames, names: &RealmNames) {
    let n = names.clone();
    let item =
        |product: &str, account: &str| EvaluationItem { product: product.into(), account: account.into() };
    let wave = Some(crate::manage::draft("all", 1_000_000, &[]));
    let filter = Some(proto::EventFilter { account: n.external_id.clone(), ..Default::default() });
    let on_behalf = |account: &str, product: &str| {
        let on = OnBehalf { account: account.into(), product: product.into(), reason: "asked".into() };
        subject(Who::OnBehalf(on))
    };
    let [accounts, credentials, events, products, rollouts] = n.page_tokens.clone();
    let draft = || Some(crate::manage::draft("all", 1_000_000, &[]));
    let paths = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let only =
        |account: &str| Some(proto::NamedAccounts { accounts: vec![account.to_owned()], customers: vec![] });
    let of_customer = Some(proto::NamedAccounts { accounts: vec![], customers: vec![n.customer.clone()] });
    let mask = prost_types::FieldMask { paths: vec!["title".to_owned()] };
    ask! { answers, actor,
        GetAccountRequest { account: n.account.clone() }
        GetAccountRequest { account: n.external_id.clone() }
        LookupAccountRequest { email: n.email.clone() }
        EvaluateRequest { product: own.product.clone(), account: n.account.clone() }
        EvaluateRequest { product: n.product.clone(), account: own.account.clone() }
        BatchEvaluateRequest { items: vec![item(&own.product, &n.account), item(&own.product, &n.external_id), item(&n.product, &own.account)] }
        EvaluateProspectRequest { product: own.product.clone(), customer: n.customer.clone() }
        EvaluateProspectRequest { product: n.product.clone(), country: "DE" }
        ListEventsRequest { filter: filter }
        GetProductRequest { product: n.product.clone() }
        GetMethodDirectoryRequest { product: n.product.clone() }
        UpdateProductRequest { product: n.product.clone(), etag: "r1", title: "Mine", update_mask: Some(mask) }
        GetRolloutRequest { rollout: n.rollout.clone() }
        AddWaveRequest { rollout: n.rollout.clone(), etag: "r1", wave: wave }
        StartRolloutRequest { rollout: n.rollout.clone(), etag: "r2" }
        SetLadderRequest { rollout: n.rollout.clone(), etag: "r2" }
        AdvanceRolloutRequest { rollout: n.rollout.clone(), etag: "r2" }
        CreateRolloutRequest { key: "grab", title: "Grab", products: vec![n.product.clone()] }
        CreateRolloutRequest { key: "grab", title: "Grab", products: vec![own.product.clone()], allow: only(&n.account) }
        CreateRolloutRequest { key: "grab", title: "Grab", products: vec![own.product.clone()], deny: of_customer }
        UpdateRolloutRequest { rollout: n.rollout.clone(), etag: "r2", title: "Mine", update_mask: paths("title") }
        UpdateWaveRequest { rollout: n.rollout.clone(), etag: "r2", ordinal: 1_u32, wave: draft(), update_mask: paths("title") }
        RemoveWaveRequest { rollout: n.rollout.clone(), etag: "r2", ordinal: 1_u32 }
        PauseRolloutRequest { rollout: n.rollout.clone() }
        ResumeRolloutRequest { rollout: n.rollout.clone(), etag: "r2" }
        RollBackRolloutRequest { rollout: n.rollout.clone() }
        StopRolloutRequest { rollout: n.rollout.clone() }
        ArchiveRolloutRequest { rollout: n.rollout.clone(), etag: "r2" }
        UnarchiveRolloutRequest { rollout: n.rollout.clone(), etag: "r2" }
        ClearStopRequest { rollout: n.rollout.clone(), etag: "r2" }
        RevertRolloutRequest { rollout: n.rollout.clone(), etag: "r2", revision: 1_i64 }
        GetStatsRequest { rollout: n.rollout.clone(), count_reached: true }
        ListReachedRequest { rollout: n.rollout.clone(), product: own.product.clone() }
        ListReachedRequest { rollout: own.rollout.clone(), product: n.product.clone() }
        ListExemptionsRequest { rollout: n.rollout.clone() }
        ListRevisionsRequest { rollout: n.rollout.clone() }
        DiffRevisionsRequest { rollout: n.rollout.clone(), from_revision: 1_i64, to_revision: 2_i64 }
        ExplainRequest { product: own.product.clone(), account: n.account.clone() }
        ExplainRequest { product: own.product.clone(), account: own.account.clone(), rollout: n.rollout.clone(), revision: 1_i64 }
        ListInterestRequest { product: n.product.clone() }
        UpdateAccountRequest { account: n.account.clone(), country: "DE", update_mask: paths("country") }
        UpdateAccountRequest { account: own.account.clone(), customer: n.customer.clone(), update_mask: paths("customer") }
        CreateAccountRequest { external_id: "grabber", customer: n.customer.clone() }
        GetCustomerRequest { customer: n.customer.clone() }
        UpdateCustomerRequest { customer: n.customer.clone(), etag: "r1", title: "Mine", update_mask: paths("title") }
        ListDeliveriesRequest { account: n.account.clone() }
        ListDeliveriesRequest { account: n.external_id.clone() }
        ListCustomersRequest { page_token: n.customer_page_token.clone() }
        CreateCredentialRequest { role: proto::RoleType::Frontend, title: "x", holder: "x", products: vec![n.product.clone()] }
        RotateCredentialRequest { credential: n.credential.clone() }
        RevokeCredentialRequest { credential: n.credential.clone() }
        BeginSignInRequest { product: own.product.clone(), identifier: n.email.clone(), first_factor: by_password(PASSWORD) }
        BeginSignInRequest { product: n.product.clone(), identifier: own.email.clone(), first_factor: by_password(PASSWORD) }
        CreatePasskeyRequestRequest { product: n.product.clone() }
        BeginRecoveryRequest { product: n.product.clone(), identifier: own.email.clone() }
        GetTwoStepStatusRequest { subject: on_behalf(&n.account, &own.product) }
        ListFactorsRequest { subject: on_behalf(&own.account, &n.product) }
        ListAccountsRequest { page_token: accounts }
        ListCredentialsRequest { page_token: credentials }
        ListEventsRequest { page_token: events }
        ListProductsRequest { page_token: products }
        ListRolloutsRequest { page_token: rollouts }
        IssueAccessPassRequest { account: own.account.clone(), product: n.product.clone(), reason: "asked" }
        IssueAccessPassRequest { account: n.account.clone(), product: own.product.clone(), reason: "asked" }
    }
}

/// Calls by support, which end what the account has under way.
pub async fn by_support(answers: &mut Answers, actor: &Actor, own: &RealmNames, names: &RealmNames) {
    let n = names.clone();
    let until = || prost_types::Timestamp { seconds: 1_772_500_000, nanos: 0 };
    ask! { answers, actor,
        ExemptRequest { account: n.account.clone(), rollout: own.rollout.clone(), product: own.product.clone(), until_time: Some(until()), reason: "asked" }
        ExemptRequest { account: own.account.clone(), rollout: n.rollout.clone(), product: own.product.clone(), until_time: Some(until()), reason: "asked" }
        EndExemptionRequest { account: n.account.clone(), rollout: own.rollout.clone(), product: own.product.clone(), reason: "asked" }
        ExtendDeadlineRequest { account: n.account.clone(), rollout: own.rollout.clone(), product: own.product.clone(), days: 1_u32, reason: "asked" }
        ExtendDeadlineRequest { account: own.account.clone(), rollout: own.rollout.clone(), product: n.product.clone(), days: 1_u32, reason: "asked" }
        ResetFactorsRequest { account: n.account.clone(), product: own.product.clone(), reason: "asked" }
        SuspendAccountRequest { account: n.account.clone(), product: own.product.clone(), reason: "asked" }
        LockdownAccountRequest { account: n.external_id.clone(), product: own.product.clone(), reason: "asked" }
        ReactivateAccountRequest { account: n.account.clone(), product: own.product.clone(), reason: "asked" }
        DeleteAccountRequest { account: n.account.clone(), product: own.product.clone(), reason: "asked" }
        UndeleteAccountRequest { account: n.account.clone(), product: own.product.clone(), reason: "asked" }
    }
}

/// Calls with tokens, which only their owner has.
#[expect(clippy::needless_update, reason = "some requests have no more fields than are named")]
pub async fn by_token(answers: &mut Answers, actor: &Actor, names: &RealmNames) {
    let n = names.clone();
    let session = subject(Who::SessionToken(n.session_token.clone()));
    let purpose = proto::ChallengePurpose::Change;
    ask! { answers, actor,
        EnableTwoStepRequest { subject: session.clone() }
        RenameFactorRequest { subject: session.clone(), factor_id: n.factor.clone() }
        RemoveFactorRequest { subject: session.clone(), factor_id: n.factor.clone() }
        GenerateRecoveryCodesRequest { subject: session.clone() }
        DisableTwoStepRequest { subject: session.clone() }
        CreateChallengeRequest { subject: session.clone(), purpose: purpose, factor_id: n.factor.clone() }
        ResendChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone() }
        GetChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone() }
        AnswerChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone(), answer: by_code("000000") }
        CancelChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone() }
    }
    let sign_in = subject(Who::SignInToken(n.sign_in_token.clone()));
    let purpose = proto::ChallengePurpose::SignIn;
    ask! { answers, actor,
        IntrospectRequest { session_token: n.session_token.clone() }
        IssueAssertionRequest { subject: session.clone() }
        RequestEmailVerificationRequest { subject: session.clone() }
        RequestPhoneChangeRequest { subject: session.clone(), phone: "+4915112345678" }
        RequestEmailChangeRequest { subject: session.clone(), email: "other@example.com" }
        ListActivityRequest { subject: session.clone() }
        GetTwoStepStatusRequest { subject: session.clone() }
        RecordShownRequest { subject: session.clone() }
        SkipEnrollmentRequest { subject: session.clone() }
        PostponeEnrollmentRequest { subject: sign_in.clone() }
        ListFactorsRequest { subject: session.clone() }
        BeginEnrollmentRequest { subject: session.clone(), method: proto::Method::Totp }
        GetEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        ContinueEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        CompleteEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone(), answer: by_first_code("000000") }
        ConfirmPhoneChangeRequest { subject: session.clone(), enrollment_id: n.enrollment.clone(), code: "000000" }
        CancelEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        RegisterInterestRequest { subject: session.clone() }
        GetSignInRequest { subject: sign_in.clone() }
        CompleteSignInRequest { subject: sign_in.clone() }
        CreateChallengeRequest { subject: sign_in.clone(), purpose: purpose, factor_id: n.factor.clone() }
        ResendChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        GetChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        AnswerChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone(), answer: by_code("000000") }
        CancelChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        CancelSignInRequest { subject: sign_in }
        RedeemLinkRequest { token: n.enrollment_link.clone() }
        SetPasswordRequest { subject: session.clone(), password: NEW_PASSWORD }
        ChangePasswordRequest { subject: session.clone(), current_password: PASSWORD, new_password: NEW_PASSWORD }
        CompleteRecoveryRequest { product: n.product.clone(), token: n.enrollment_link.clone(), password: NEW_PASSWORD }
        RefreshSessionRequest { refresh_token: n.refresh_token.clone(), client: Some(Device::new("phone-1").client()) }
        ListSessionsRequest { subject: session.clone() }
        ListTrustedDevicesRequest { subject: session.clone() }
        RevokeTrustedDeviceRequest { subject: session.clone(), product: n.product.clone(), device_id: "phone" }
        RevokeAllSessionsRequest { subject: session.clone(), keep_own: true }
        ReportNotMeRequest { token: n.enrollment_link.clone(), product: n.product.clone() }
        RevokeSessionRequest { subject: session }
    }
}

/// Calls by one person with ids of another person's objects.
#[expect(clippy::needless_update, reason = "some requests have no more fields than are named")]
pub async fn by_subject(answers: &mut Answers, actor: &Actor, own: &RealmNames, names: &RealmNames) {
    let n = names.clone();
    let session = subject(Who::SessionToken(own.session_token.clone()));
    let sign_in = subject(Who::SignInToken(own.sign_in_token.clone()));
    let purpose = proto::ChallengePurpose::SignIn;
    ask! { answers, actor,
        GetEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        ContinueEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        CompleteEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone(), answer: by_first_code("000000") }
        ConfirmPhoneChangeRequest { subject: session.clone(), enrollment_id: n.enrollment.clone(), code: "000000" }
        CancelEnrollmentRequest { subject: session.clone(), enrollment_id: n.enrollment.clone() }
        RevokeSessionRequest { subject: session, session_id: n.session.clone() }
        CreateChallengeRequest { subject: sign_in.clone(), purpose: purpose, factor_id: n.factor.clone() }
        ResendChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        GetChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone() }
        AnswerChallengeRequest { subject: sign_in.clone(), challenge_id: n.challenge.clone(), answer: by_code("000000") }
        CancelChallengeRequest { subject: sign_in, challenge_id: n.challenge.clone() }
    }
    let session = subject(Who::SessionToken(own.session_token.clone()));
    let purpose = proto::ChallengePurpose::Change;
    ask! { answers, actor,
        CreateChallengeRequest { subject: session.clone(), purpose: purpose, factor_id: n.factor.clone() }
        ResendChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone() }
        GetChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone() }
        AnswerChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone(), answer: by_code("000000") }
        CancelChallengeRequest { subject: session.clone(), challenge_id: n.change_challenge.clone() }
        GetChallengeRequest { subject: session, challenge_id: n.challenge.clone() }
    }
}

//! Every method that takes one message and returns one. The type of the request names the method.

use http::uri::PathAndQuery;
use prost::{Message, Name};
use tidegate_proto as proto;

pub trait Rpc: Message + Name + Default + 'static {
    type Answer: Message + Name + Default + 'static;

    /// For example `GetAccount`.
    fn method() -> &'static str {
        Self::NAME.strip_suffix("Request").unwrap()
    }
}

macro_rules! rpcs {
    ($($request:ident -> $response:ident,)+) => {
        $(impl Rpc for proto::$request { type Answer = proto::$response; })+
        const CALLABLE: &[&str] = &[$(stringify!($request),)+];
    };
}
rpcs! {
    WhoAmIRequest -> WhoAmIResponse,
    CreateCredentialRequest -> CreateCredentialResponse,
    ListCredentialsRequest -> ListCredentialsResponse,
    RotateCredentialRequest -> RotateCredentialResponse,
    RevokeCredentialRequest -> RevokeCredentialResponse,
    CreateAccountRequest -> CreateAccountResponse,
    GetAccountRequest -> GetAccountResponse,
    LookupAccountRequest -> LookupAccountResponse,
    ListAccountsRequest -> ListAccountsResponse,
    RequestEmailVerificationRequest -> RequestEmailVerificationResponse,
    ConfirmEmailRequest -> ConfirmEmailResponse,
    RequestEmailChangeRequest -> RequestEmailChangeResponse,
    ReportNotMeRequest -> ReportNotMeResponse,
    ListActivityRequest -> ListActivityResponse,
    RequestPhoneChangeRequest -> RequestPhoneChangeResponse,
    ConfirmPhoneChangeRequest -> ConfirmPhoneChangeResponse,
    ListEventsRequest -> ListEventsResponse,
    ListPushesRequest -> ListPushesResponse,
    RespondPushRequest -> RespondPushResponse,
    CreateChallengeRequest -> CreateChallengeResponse,
    ResendChallengeRequest -> ResendChallengeResponse,
    GetChallengeRequest -> GetChallengeResponse,
    ListDeliveriesRequest -> ListDeliveriesResponse,
    AnswerChallengeRequest -> AnswerChallengeResponse,
    CancelChallengeRequest -> CancelChallengeResponse,
    GetTwoStepStatusRequest -> GetTwoStepStatusResponse,
    BeginEnrollmentRequest -> BeginEnrollmentResponse,
    GetEnrollmentRequest -> GetEnrollmentResponse,
    ContinueEnrollmentRequest -> ContinueEnrollmentResponse,
    CompleteEnrollmentRequest -> CompleteEnrollmentResponse,
    CancelEnrollmentRequest -> CancelEnrollmentResponse,
    ListFactorsRequest -> ListFactorsResponse,
    EvaluateRequest -> EvaluateResponse,
    BatchEvaluateRequest -> BatchEvaluateResponse,
    EvaluateProspectRequest -> EvaluateProspectResponse,
    CreateProductRequest -> CreateProductResponse,
    GetProductRequest -> GetProductResponse,
    ListProductsRequest -> ListProductsResponse,
    UpdateProductRequest -> UpdateProductResponse,
    CreateRealmRequest -> CreateRealmResponse,
    GetRealmRequest -> GetRealmResponse,
    ListRealmsRequest -> ListRealmsResponse,
    CreateRolloutRequest -> CreateRolloutResponse,
    GetRolloutRequest -> GetRolloutResponse,
    ListRolloutsRequest -> ListRolloutsResponse,
    AddWaveRequest -> AddWaveResponse,
    StartRolloutRequest -> StartRolloutResponse,
    SetLadderRequest -> SetLadderResponse,
    AdvanceRolloutRequest -> AdvanceRolloutResponse,
    IntrospectRequest -> IntrospectResponse,
    IssueAssertionRequest -> IssueAssertionResponse,
    GetJwksRequest -> GetJwksResponse,
    RefreshSessionRequest -> RefreshSessionResponse,
    RevokeSessionRequest -> RevokeSessionResponse,
    ListSessionsRequest -> ListSessionsResponse,
    RevokeAllSessionsRequest -> RevokeAllSessionsResponse,
    ListTrustedDevicesRequest -> ListTrustedDevicesResponse,
    RevokeTrustedDeviceRequest -> RevokeTrustedDeviceResponse,
    SetPasswordRequest -> SetPasswordResponse,
    ChangePasswordRequest -> ChangePasswordResponse,
    BeginRecoveryRequest -> BeginRecoveryResponse,
    CompleteRecoveryRequest -> CompleteRecoveryResponse,
    CreatePasskeyRequestRequest -> CreatePasskeyRequestResponse,
    BeginSignInRequest -> BeginSignInResponse,
    GetSignInRequest -> GetSignInResponse,
    CompleteSignInRequest -> CompleteSignInResponse,
    CancelSignInRequest -> CancelSignInResponse,
    RedeemLinkRequest -> RedeemLinkResponse,
    GetServerInfoRequest -> GetServerInfoResponse,
    RotateSigningKeyRequest -> RotateSigningKeyResponse,
    UpdateAccountRequest -> UpdateAccountResponse,
    CreateCustomerRequest -> CreateCustomerResponse,
    GetCustomerRequest -> GetCustomerResponse,
    ListCustomersRequest -> ListCustomersResponse,
    UpdateCustomerRequest -> UpdateCustomerResponse,
    ExplainRequest -> ExplainResponse,
    RegisterInterestRequest -> RegisterInterestResponse,
    ListInterestRequest -> ListInterestResponse,
    GetMethodDirectoryRequest -> GetMethodDirectoryResponse,
    UpdateRolloutRequest -> UpdateRolloutResponse,
    UpdateWaveRequest -> UpdateWaveResponse,
    RemoveWaveRequest -> RemoveWaveResponse,
    PauseRolloutRequest -> PauseRolloutResponse,
    ResumeRolloutRequest -> ResumeRolloutResponse,
    RollBackRolloutRequest -> RollBackRolloutResponse,
    StopRolloutRequest -> StopRolloutResponse,
    ArchiveRolloutRequest -> ArchiveRolloutResponse,
    UnarchiveRolloutRequest -> UnarchiveRolloutResponse,
    ClearStopRequest -> ClearStopResponse,
    GetStatsRequest -> GetStatsResponse,
    ListReachedRequest -> ListReachedResponse,
    ListRevisionsRequest -> ListRevisionsResponse,
    DiffRevisionsRequest -> DiffRevisionsResponse,
    RevertRolloutRequest -> RevertRolloutResponse,

    RenameFactorRequest -> RenameFactorResponse,
    RemoveFactorRequest -> RemoveFactorResponse,
    GenerateRecoveryCodesRequest -> GenerateRecoveryCodesResponse,
    EnableTwoStepRequest -> EnableTwoStepResponse,
    DisableTwoStepRequest -> DisableTwoStepResponse,
    VerifyChainRequest -> VerifyChainResponse,
    SuspendAccountRequest -> SuspendAccountResponse,
    ReactivateAccountRequest -> ReactivateAccountResponse,
    LockdownAccountRequest -> LockdownAccountResponse,
    DeleteAccountRequest -> DeleteAccountResponse,
    UndeleteAccountRequest -> UndeleteAccountResponse,
    IssueAccessPassRequest -> IssueAccessPassResponse,
    ResetFactorsRequest -> ResetFactorsResponse,
    RecordShownRequest -> RecordShownResponse,
    SkipEnrollmentRequest -> SkipEnrollmentResponse,
    PostponeEnrollmentRequest -> PostponeEnrollmentResponse,
    ExemptRequest -> ExemptResponse,
    EndExemptionRequest -> EndExemptionResponse,
    ListExemptionsRequest -> ListExemptionsResponse,
    ExtendDeadlineRequest -> ExtendDeadlineResponse,
}

/// A method that answers with a stream.
pub trait Streams: Message + Name + Default + 'static {
    type Answer: Message + Name + Default + 'static;
}
impl Streams for proto::WatchPushesRequest {
    type Answer = proto::WatchPushesResponse;
}
impl Streams for proto::TailEventsRequest {
    type Answer = proto::TailEventsResponse;
}
impl Streams for proto::ExportEventsRequest {
    type Answer = proto::ExportEventsResponse;
}

impl Streams for proto::ExportAccountRequest {
    type Answer = proto::ExportAccountResponse;
}

impl Streams for proto::PreviewRolloutRequest {
    type Answer = proto::PreviewRolloutResponse;
}

impl Streams for proto::WatchRolloutRequest {
    type Answer = proto::WatchRolloutResponse;
}

/// `/tidegate.v1.AccountService/GetAccount` is `GetAccount`.
pub fn method_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

pub fn path_of(method: &str) -> PathAndQuery {
    let rule = proto::RULES.iter().find(|(path, _)| method_of(path) == method);
    PathAndQuery::from_static(rule.unwrap_or_else(|| panic!("no method {method}")).0)
}

/// A new method needs a line above; a new stream needs a function of its own in `actor.rs`.
#[test]
fn every_method_can_be_called() {
    let unary = proto::RULES.iter().map(|(path, _)| *path).filter(|path| !proto::STREAMS.contains(path));
    let missing: Vec<_> =
        unary.filter(|path| !CALLABLE.contains(&format!("{}Request", method_of(path)).as_str())).collect();
    assert_eq!(missing, [""; 0]);
    let streams = [
        "/tidegate.v1.AccountService/ImportAccounts",
        "/tidegate.v1.AccountService/ExportAccount",
        "/tidegate.v1.AuditService/TailEvents",
        "/tidegate.v1.AuditService/ExportEvents",
        "/tidegate.v1.PushService/WatchPushes",
        "/tidegate.v1.RolloutService/WatchRollout",
        "/tidegate.v1.RolloutService/PreviewRollout",
    ];
    assert_eq!(proto::STREAMS, streams);
}

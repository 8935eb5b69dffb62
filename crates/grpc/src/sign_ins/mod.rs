//! `SignInService`.

mod parse;
mod render;

pub(crate) use render::sign_in;

crate::door::handlers! { SignInService in sign_in_service_server {
    act create_passkey_request(CreatePasskeyRequestRequest) -> CreatePasskeyRequestResponse = parse::create_passkey_request, render::passkey_requested;
    act begin_sign_in(BeginSignInRequest) -> BeginSignInResponse = parse::begin, render::begun;
    ask get_sign_in(GetSignInRequest) -> GetSignInResponse = parse::get, render::got;
    act complete_sign_in(CompleteSignInRequest) -> CompleteSignInResponse = parse::complete, render::completed;
    act cancel_sign_in(CancelSignInRequest) -> CancelSignInResponse = parse::cancel, render::cancelled;
    act begin_recovery(BeginRecoveryRequest) -> BeginRecoveryResponse = parse::begin_recovery, render::recovery_begun;
    act complete_recovery(CompleteRecoveryRequest) -> CompleteRecoveryResponse = parse::complete_recovery, render::recovered;
    act redeem_link(RedeemLinkRequest) -> RedeemLinkResponse = parse::redeem_link, render::redeemed;
} }

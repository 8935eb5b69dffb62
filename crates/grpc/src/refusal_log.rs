//! Log lines of refusals that those who operate the server look for: it is too busy, the database is away, callers may not
//! do what they try. What a person does wrong, such as a wrong code, is none of them.
//!
//! The log writes one line a minute for each reason, with the method and the credential of one such call, and says how many
//! more there were. Metrics count all.

use http::Response;
use tidegate_core::CredentialId;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;

use crate::call_counts::KnownPath;

pub(crate) fn write(
    KnownPath(path): KnownPath,
    credential: Option<&CredentialId>,
    code: usize,
    answer: &Response<Body>,
) {
    if !is_logged(code) {
        return;
    }
    let info = Status::from_header_map(answer.headers()).and_then(|status| status.get_details_error_info());
    let class = info.map(|info| info.reason).unwrap_or_default();
    let credential = credential.map(tracing::field::display);
    // A path that is no method is the caller's text, and would be any text.
    tracing::warn!(class, code, path = path.unwrap_or("none"), credential, "calls are refused");
}

fn is_logged(code: usize) -> bool {
    const LOGGED: [Code; 5] = [
        Code::DeadlineExceeded,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::Unauthenticated,
        Code::Unavailable,
    ];
    LOGGED.iter().any(|logged| *logged as usize == code)
}

//! Why a call failed, read from the status and its details.

use std::{collections::BTreeMap, error::Error, fmt, time::Duration};

use tidegate_proto::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The message when the deadline passed in the client. The server may still have carried out the
/// call.
pub(crate) const LATE: &str = "no answer within the deadline; the call may have been carried out";

const DOMAIN: &str = "tidegate.dev";
/// tonic, as client and as server, reports a deadline that passed as CANCELLED with this message.
const TONICS_LATE: &str = "Timeout expired";

/// Why a call did not succeed. `Display` is one line, and one more for each violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub code: Code,
    /// The machine-readable reason; absent when the status is not Tidegate's (the connection failed, a
    /// proxy answered), or the reason is newer than this client.
    pub reason: Option<ErrorReason>,
    /// What happened, for people; not to be parsed.
    pub message: String,
    /// What the reason is about; [`ErrorReason`] lists the keys of each.
    pub metadata: BTreeMap<String, String>,
    /// All violations of the request. If `metadata` has `violation_count`, only the first of that
    /// many.
    pub violations: Vec<Violation>,
    /// How long to wait before a retry. Absent: a retry does not help, or the server did not say when.
    pub retry_after: Option<Duration>,
    /// The incident id to quote to the server's operator.
    pub incident: Option<String>,
}

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for example `waves[0].edge_ppm`.
    pub field: String,
    /// What is wrong with it, for people.
    pub description: String,
    /// What is wrong with it, for programs, for example `TOO_SHORT`. Empty where the contract lists no such words.
    pub code: String,
}

impl Refused {
    /// Reads a status; details that cannot be decoded count as absent.
    pub fn of(status: &Status) -> Self {
        if status.code() == Code::Cancelled && status.message() == TONICS_LATE {
            return Self::of(&Status::deadline_exceeded(LATE));
        }
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let metadata: BTreeMap<_, _> = info.map(|info| info.metadata.clone()).into_iter().flatten().collect();
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        Self {
            code: status.code(),
            reason: info
                .and_then(|info| ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason))),
            message: status.message().to_owned(),
            incident: metadata.get("incident").cloned(),
            metadata,
            violations: violations
                .iter()
                .map(|violation| Violation {
                    field: violation.field.clone(),
                    description: violation.description.clone(),
                    code: violation.reason.clone(),
                })
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }

    /// The reason without its prefix, for example `ACCOUNT_NOT_FOUND`; without a reason the name of
    /// the status, for example `UNAVAILABLE`.
    pub fn name(&self) -> &'static str {
        let Some(reason) = self.reason else { return code_name(self.code) };
        let name = reason.as_str_name();
        name.strip_prefix("ERROR_REASON_").unwrap_or(name)
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self::of(&status)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), plain(&self.message))?;
        let mut more: Vec<_> =
            self.metadata.iter().map(|(key, value)| format!("{}: {}", plain(key), plain(value))).collect();
        more.extend(self.retry_after.map(|span| format!("try again in {span:?}")));
        if !more.is_empty() {
            write!(f, " ({})", more.join("; "))?;
        }
        for Violation { field, description, .. } in &self.violations {
            write!(f, "\n  {}: {}", plain(field), plain(description))?;
        }
        Ok(())
    }
}

impl Error for Refused {}

/// Without control characters: text from the wire must neither move a terminal's cursor nor begin a line.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn refused(code: Code, message: &str, details: ErrorDetails) -> Refused {
        Refused::of(&Status::with_error_details(code, message, details))
    }

    #[test]
    fn violations_are_read_and_printed_one_a_line() {
        let mut details = ErrorDetails::with_error_info("INVALID_REQUEST", DOMAIN, []);
        details.add_bad_request_violation("key", "must begin with a letter");
        details.add_bad_request_violation("waves[0].title", "must be 1 to 200 characters");
        let refused = refused(Code::InvalidArgument, "the request is not valid", details);
        assert_eq!(refused.reason, Some(ErrorReason::InvalidRequest));
        assert_eq!(refused.violations.len(), 2);
        assert_eq!(
            refused.to_string(),
            "INVALID_REQUEST: the request is not valid\n  key: must begin with a letter\n  \
             waves[0].title: must be 1 to 200 characters"
        );
    }

    #[test]
    fn an_incident_and_the_time_to_wait_are_on_the_first_line() {
        let mut details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1_500)));
        details.set_error_info("UNAVAILABLE", DOMAIN, [("incident".to_owned(), "inc_7".to_owned())]);
        let refused = refused(Code::Unavailable, "the database cannot be reached", details);
        assert_eq!(refused.incident.as_deref(), Some("inc_7"));
        assert_eq!(refused.retry_after, Some(Duration::from_millis(1_500)));
        assert_eq!(
            refused.to_string(),
            "UNAVAILABLE: the database cannot be reached (incident: inc_7; try again in 1.5s)"
        );
    }

    #[test]
    fn a_reason_of_another_domain_is_not_ours() {
        let metadata = [("incident".to_owned(), "x".to_owned())];
        let details = ErrorDetails::with_error_info("BUSY", "proxy.example", metadata);
        let refused = refused(Code::Unavailable, "no upstream\nat all", details);
        assert_eq!((refused.reason, refused.incident.as_deref()), (None, None));
        assert_eq!(refused.to_string(), "UNAVAILABLE: no upstream at all");
    }

    #[test]
    fn a_reason_newer_than_this_client_leaves_the_status() {
        let details = ErrorDetails::with_error_info("NOT_INVENTED_YET", DOMAIN, []);
        let refused = refused(Code::Aborted, "later", details);
        assert_eq!((refused.reason, refused.name()), (None, "ABORTED"));
    }

    #[test]
    fn the_deadline_of_the_library_is_a_deadline() {
        let refused = Refused::of(&Status::cancelled("Timeout expired"));
        assert_eq!(refused.code, Code::DeadlineExceeded);
        assert_eq!(Refused::of(&Status::cancelled("by the caller")).code, Code::Cancelled);
    }
}

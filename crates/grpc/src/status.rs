//! Every failure of a call as a gRPC status. This is the only file that makes a `Status`.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use http::Response;
use tidegate_core::{
    LadderFlaw, LadderFlawKind, NamesNothing, Nothing, Ordinal, PasswordFlaw, Permission, PolicyFlaw,
    Refusal, Requirement, RolloutKey, Span, Title, Word as _,
};
use tidegate_proto::ErrorReason as Reason;
use tidegate_service::{App, Error, FailureKind, Fault, StoreError, Unreadable};
use tonic::{Code, Status, body::Body, metadata::MetadataValue};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{
    bound,
    form::{Kind, Violation},
};

const DOMAIN: &str = "tidegate.dev";
/// The metadata key of `ErrorInfo` that is set if `BadRequest` does not list all violations.
const VIOLATION_COUNT: &str = "violation_count";

/// A refusal as it goes over the wire.
struct Answer {
    code: Code,
    reason: Reason,
    metadata: Option<(&'static str, String)>,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
}

impl Answer {
    const fn new(code: Code, reason: Reason) -> Self {
        Self { code, reason, metadata: None, violations: Vec::new(), retry_after: None }
    }
    fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.metadata = Some((key, value.to_string()));
        self
    }
    fn retry(mut self, after: Span) -> Self {
        self.retry_after = Some(after.as_duration());
        self
    }
    fn because(mut self, violations: Vec<Violation>) -> Self {
        self.violations = violations;
        self
    }
    /// Bounded in size: see [`bound`].
    fn status(self, text: impl ToString) -> Status {
        let Self { code, reason, metadata, violations, retry_after } = self;
        let metadata = metadata.map(|(key, value)| (key.to_owned(), bound::value(value)));
        let mut metadata: HashMap<_, _> = metadata.into_iter().collect();
        let mut message = text.to_string();
        let count = violations.len();
        let listed = bound::first(violations);
        if listed.len() < count {
            metadata.insert(VIOLATION_COUNT.to_owned(), count.to_string());
            // Writing to a String cannot fail.
            let _ = write!(message, ": {count} violations, the first {} are listed", listed.len());
        }
        let mut details = ErrorDetails::new();
        details.set_error_info(name(reason), DOMAIN, metadata);
        if !listed.is_empty() {
            let violations = listed.into_iter().map(|wrong| FieldViolation {
                reason: wrong.code.unwrap_or_default().to_owned(),
                ..FieldViolation::new(wrong.field, wrong.what)
            });
            details.set_bad_request(violations.collect::<Vec<_>>());
        }
        if retry_after.is_some() {
            details.set_retry_info(retry_after);
        }
        Status::with_error_details(code, bound::message(message), details)
    }
}

pub(crate) fn of(app: &App, error: Error) -> Status {
    match error {
        Error::Refused(refusal) => {
            count(app, &refusal);
            refused(&refusal)
        }
        Error::Failed(fault) => failed(app, &fault),
    }
}

fn count(app: &App, refusal: &Refusal) {
    app.metrics().refused(answer(refusal).reason.as_str_name().trim_start_matches("ERROR_REASON_"));
    match refusal {
        Refusal::TooManyMessages { .. } => app.metrics().throttled("messages"),
        Refusal::TooManyPasswords { .. } => app.metrics().throttled("password_queue"),
        Refusal::Busy { .. } => app.metrics().throttled("commands"),
        _ => {}
    }
}

pub(crate) fn refused(refusal: &Refusal) -> Status {
    answer(refusal).status(refusal)
}

/// The reason of a refusal, for answers that carry it in their body.
pub(crate) fn reason(refusal: &Refusal) -> Reason {
    answer(refusal).reason
}

#[expect(clippy::too_many_lines, reason = "a line for each refusal")]
fn answer(refusal: &Refusal) -> Answer {
    use Code as C;
    use Reason as R;
    let new = Answer::new;
    let unmet = |reason| Answer::new(C::FailedPrecondition, reason);
    match refusal {
        Refusal::Unauthenticated => new(C::Unauthenticated, R::Unauthenticated),
        Refusal::PermissionDenied { permission } => {
            new(C::PermissionDenied, R::PermissionDenied).with("permission", permission.as_str())
        }
        Refusal::ProductNotPermitted => new(C::PermissionDenied, R::ProductNotPermitted),
        Refusal::RoleNotPermitted => new(C::PermissionDenied, R::RoleNotPermitted),
        Refusal::SubjectNotAccepted { accepted } => unmet(R::SubjectNotAccepted).with("accepted", accepted),
        Refusal::SubjectNotValid => unmet(R::SubjectNotValid),
        Refusal::RealmNotFound => new(C::NotFound, R::RealmNotFound),
        Refusal::CredentialNotFound => new(C::NotFound, R::CredentialNotFound),
        Refusal::CredentialEnded => unmet(R::CredentialEnded),
        Refusal::LastOperator => unmet(R::LastOperator),
        Refusal::AccountNotFound => new(C::NotFound, R::AccountNotFound),
        Refusal::ProductNotFound => new(C::NotFound, R::ProductNotFound),
        Refusal::RolloutNotFound => new(C::NotFound, R::RolloutNotFound),
        Refusal::ChallengeNotFound => new(C::NotFound, R::ChallengeNotFound),
        Refusal::EnrollmentNotFound => new(C::NotFound, R::EnrollmentNotFound),
        Refusal::FactorNotFound => new(C::NotFound, R::FactorNotFound),
        Refusal::KeyTaken => new(C::AlreadyExists, R::KeyTaken),
        Refusal::ExternalIdTaken => new(C::AlreadyExists, R::ExternalIdTaken),
        Refusal::EmailTaken => new(C::AlreadyExists, R::EmailTaken),
        Refusal::RequestIdReused => new(C::AlreadyExists, R::RequestIdReused),
        Refusal::TooManyFactors { limit } => unmet(R::TooManyFactors).with("limit", limit),
        Refusal::FactorNotRemovable { why } => unmet(R::FactorNotRemovable).with("why", why),
        Refusal::SessionRecovers => unmet(R::SessionRecovers),
        Refusal::OutcomeUnreadable => unmet(R::OutcomeUnreadable),
        Refusal::EtagMismatch { current } => new(C::Aborted, R::EtagMismatch).with("current", current),
        Refusal::TimeNotAcceptable { field, must } => {
            new(C::InvalidArgument, R::InvalidRequest).because(vec![Violation::new(*field, *must)])
        }
        Refusal::AnswerMalformed { field, must } => {
            new(C::InvalidArgument, R::InvalidRequest).because(vec![Violation::new(*field, must.clone())])
        }
        Refusal::PageTokenNotValid => new(C::InvalidArgument, R::InvalidRequest)
            .because(vec![Violation::new("page_token", "must be one of this list with this filter")]),
        Refusal::PasswordNotAcceptable { violations } => {
            unmet(R::PasswordNotAcceptable).because(flaws(violations))
        }
        Refusal::AccountNotUsable => unmet(R::AccountNotUsable),
        Refusal::AccountState { state } => unmet(R::AccountState).with("state", state),
        Refusal::ChangesLocked => unmet(R::ChangesLocked),
        Refusal::ConfirmationNotProved => unmet(R::ConfirmationNotProved),
        Refusal::PasswordExists => unmet(R::PasswordExists),
        Refusal::NoPassword => unmet(R::NoPassword),
        Refusal::NoEmail => unmet(R::NoEmail),
        Refusal::EmailAlreadyVerified => unmet(R::EmailAlreadyVerified),
        Refusal::TwoStepNotAvailable => unmet(R::TwoStepNotAvailable),
        Refusal::EmailNotVerified => unmet(R::EmailNotVerified),
        Refusal::AlreadyEnrolled => unmet(R::AlreadyEnrolled),
        Refusal::MethodNotAllowed => unmet(R::MethodNotAllowed),
        Refusal::MethodRequires { method } => unmet(R::MethodRequires).with("method", method.as_str()),
        Refusal::NoProofOfOrigin => unmet(R::NoProofOfOrigin),
        Refusal::EnrollmentState { state } => unmet(R::EnrollmentState).with("state", state),
        Refusal::SignInState { state } => unmet(R::SignInState).with("state", state),
        Refusal::ChallengeState { state } => unmet(R::ChallengeState).with("state", state),
        Refusal::MethodPolicyNotAcceptable { flaws } => {
            unmet(R::MethodPolicyNotAcceptable).because(flaws.iter().copied().map(policy_flaw).collect())
        }
        Refusal::MethodPolicyLocksOut { accounts, sample } => {
            let locked_out = |account| Violation::new("settings", format!("would lock {account} out"));
            let violations = sample.iter().map(locked_out).collect();
            unmet(R::MethodPolicyLocksOut).with("accounts", accounts).because(violations)
        }
        Refusal::MethodPolicyFailsLadder { rules } => {
            let fails = |(rollout, title, demands): &(RolloutKey, Title, Requirement)| {
                let demands = demands.as_str();
                let fails = format!(
                    "must allow a method that meets `{demands}`: `{title}` of `{rollout}` demands it"
                );
                Violation::new("settings.method_policy", fails)
            };
            unmet(R::MethodPolicyFailsLadder).because(rules.iter().map(fails).collect())
        }
        Refusal::NothingToResend => unmet(R::NothingToResend),
        Refusal::TooManyMessages { retry_after } => {
            new(C::ResourceExhausted, R::TooManyMessages).retry(*retry_after)
        }
        Refusal::NoWaveLeft => unmet(R::NoWaveLeft),
        Refusal::RolloutStarted => unmet(R::RolloutStarted),
        Refusal::RolloutNotStarted => unmet(R::RolloutNotStarted),
        Refusal::CustomerNotFound => new(C::NotFound, R::CustomerNotFound),
        Refusal::WaveNotFound => new(C::NotFound, R::WaveNotFound),
        Refusal::RevisionNotFound => new(C::NotFound, R::RevisionNotFound),
        Refusal::NamesNothing { names } => names_nothing(names),
        Refusal::WaveStarted { waves } => {
            let wave = |ordinal: &Ordinal| Violation::new(format!("wave {}", ordinal.0), "is started");
            unmet(R::WaveStarted).because(waves.iter().map(wave).collect())
        }
        Refusal::PlannedInPast { waves } => {
            unmet(R::PlannedInPast).because(planned(waves, "must be planned for a time to come"))
        }
        Refusal::DatesInWrongOrder { waves } => unmet(R::DatesInWrongOrder)
            .because(planned(waves, "is planned for a time before that of an earlier wave")),
        Refusal::EdgeFalls { current } => unmet(R::EdgeFalls).with("current", current.ppm()),
        Refusal::FixedByStart { fields } => {
            let field = |field: &&str| Violation::new(*field, "must stay as it is");
            unmet(R::FixedByStart).because(fields.iter().map(field).collect())
        }
        Refusal::TooManyWaves => unmet(R::TooManyWaves),
        Refusal::LadderNotAcceptable { flaws } => ladder_not_acceptable(flaws),
        Refusal::RolloutOfMethod => unmet(R::RolloutOfMethod),
        Refusal::TwoStepRequired => unmet(R::TwoStepRequired),
        Refusal::NothingToSkip => unmet(R::NothingToSkip),
        Refusal::NoSkipLeft => unmet(R::NoSkipLeft),
        Refusal::SkipTooSoon { until, retry_after } => {
            unmet(R::SkipTooSoon).with("until", until).retry(*retry_after)
        }
        Refusal::LadderNotEnforced => unmet(R::LadderNotEnforced),
        Refusal::PostponementUsed => unmet(R::PostponementUsed),
        Refusal::PostponementNotOffered => unmet(R::PostponementNotOffered),
        Refusal::NoLadderApplies => unmet(R::NoLadderApplies),
        Refusal::ExemptionOfLocked => unmet(R::ExemptionOfLocked),
        Refusal::NotExempt => unmet(R::NotExempt),
        Refusal::ExtensionOfLocked => unmet(R::ExtensionOfLocked),
        Refusal::ExtensionTooLong { days_left } => unmet(R::ExtensionTooLong).with("days_left", days_left),
        Refusal::RolloutPaused => unmet(R::RolloutPaused),
        Refusal::RolloutNotPaused => unmet(R::RolloutNotPaused),
        Refusal::RolloutStopped => unmet(R::RolloutStopped),
        Refusal::RolloutNotStopped => unmet(R::RolloutNotStopped),
        Refusal::SecondPersonNeeded { why } => unmet(R::SecondPersonNeeded).with("why", why),
        Refusal::RolloutArchived => unmet(R::RolloutArchived),
        Refusal::RolloutNotArchived => unmet(R::RolloutNotArchived),
        Refusal::RolloutHasLadder => unmet(R::RolloutHasLadder),
        Refusal::RolloutTooLarge { bytes, most } => {
            unmet(R::RolloutTooLarge).with("bytes", bytes).with("most", most)
        }
        Refusal::RolloutNotEnded { last } => unmet(R::RolloutNotEnded).with("last", last.0),
        Refusal::NothingToRollBack { last } => unmet(R::NothingToRollBack).with("last", last.0),
        Refusal::TooManyPasswords { retry_after } => {
            new(C::ResourceExhausted, R::TooManyPasswords).retry(*retry_after)
        }
        Refusal::Busy { retry_after } => new(C::Unavailable, R::Busy).retry(*retry_after),
        Refusal::NoFactor => unmet(R::NoFactor),
        Refusal::FactorUnavailable => unmet(R::FactorUnavailable),
        Refusal::FactorPaused { why, retry_after } => paused(why, *retry_after),
        Refusal::DeviceNotValid => unmet(R::DeviceNotValid),
        Refusal::NoPhone => unmet(R::NoPhone),
        Refusal::PhoneNotAccepted { why } => unmet(R::PhoneNotAccepted).with("why", why),
        Refusal::FreshProofNeeded { level } => unmet(R::FreshProofNeeded).with("level", level.as_str()),
        Refusal::ResumeTokenNotValid => unmet(R::ResumeTokenNotValid),
        Refusal::ResumeTokenTooOld { oldest } => unmet(R::ResumeTokenTooOld).with("oldest", oldest),
    }
}

fn paused(why: &'static str, retry_after: Option<Span>) -> Answer {
    let paused = Answer::new(Code::FailedPrecondition, Reason::FactorPaused).with("why", why);
    match retry_after {
        Some(retry_after) => paused.retry(retry_after),
        None => paused,
    }
}

fn policy_flaw(flaw: PolicyFlaw) -> Violation {
    match flaw {
        PolicyFlaw::NoSecondStep => {
            Violation::new("settings.allowed_methods", "must name a method that can be a second step")
        }
        PolicyFlaw::NeverBindable(method) => Violation::new(
            "settings.method_policy.rules",
            format!("{} requires what can never be active", method.as_str()),
        ),
        PolicyFlaw::NoPhishingResistant => Violation::new(
            "settings.method_policy.phishing_resistant_only",
            "needs an allowed method that is phishing-resistant",
        ),
        PolicyFlaw::NoRelyingParty => {
            Violation::new("settings.relying_party", "must be given where WEBAUTHN is allowed")
        }
        PolicyFlaw::UnreadableRoot(place) => Violation::new(
            format!("settings.relying_party.models[{place}].root_pem"),
            "must be one X.509 certificate",
        ),
        PolicyFlaw::Declared(category) => Violation::new(
            "settings.directory.declared_methods",
            format!(
                "must not declare {}: whether the product has it follows from the policy",
                category.as_str()
            ),
        ),
    }
}

fn flaws(flaws: &[PasswordFlaw]) -> Vec<Violation> {
    let what = |flaw: &PasswordFlaw| match flaw {
        PasswordFlaw::TooShort { least } => format!("must have at least {least} Unicode characters"),
        PasswordFlaw::TooLong { most } => {
            format!("must have at most {most} Unicode characters, and 1024 bytes")
        }
        PasswordFlaw::Common => "must not be one of the first that an attacker tries: a common password, a \
                                 repetition or a row of keys"
            .to_owned(),
        PasswordFlaw::OwnWords => {
            "must not be put together from the address or the name of the account or of what it signs in to"
                .to_owned()
        }
        PasswordFlaw::Weak => "must be harder to guess: add words that do not belong together".to_owned(),
        PasswordFlaw::Breached => "must not be a password that another service lost to attackers".to_owned(),
    };
    let violation =
        |flaw: &PasswordFlaw| Violation { code: Some(flaw.code()), ..Violation::new("password", what(flaw)) };
    flaws.iter().map(violation).collect()
}

/// The reason is that of the first name. Each name is a violation of its field.
fn names_nothing(names: &[NamesNothing]) -> Answer {
    let answer = match names.first().map(|first| first.what) {
        Some(Nothing::Account) => Answer::new(Code::NotFound, Reason::AccountNotFound),
        Some(Nothing::Customer) => Answer::new(Code::NotFound, Reason::CustomerNotFound),
        Some(Nothing::Product) | None => Answer::new(Code::NotFound, Reason::ProductNotFound),
    };
    let violation = |wrong: &NamesNothing| {
        let what = match wrong.what {
            Nothing::Product => "names no product",
            Nothing::Account => "names no account",
            Nothing::Customer => "names no customer",
        };
        let name = wrong.name.as_ref().map(|name| format!(": {name:?}")).unwrap_or_default();
        Violation::new(wrong.field.clone(), format!("{what}{name}"))
    };
    answer.because(names.iter().map(violation).collect())
}

/// If all flaws are of one kind, the refusal has the reason of that kind.
fn ladder_not_acceptable(flaws: &[LadderFlaw]) -> Answer {
    let kind = flaws.first().map(|flaw| flaw.what).filter(|kind| flaws.iter().all(|flaw| flaw.what == *kind));
    let answer = match kind {
        Some(LadderFlawKind::InPast) => Answer::new(Code::FailedPrecondition, Reason::PlannedInPast),
        Some(LadderFlawKind::OutOfOrder | LadderFlawKind::CapTooEarly) => {
            Answer::new(Code::FailedPrecondition, Reason::DatesInWrongOrder)
        }
        Some(LadderFlawKind::PostponesLocked) => {
            Answer::new(Code::FailedPrecondition, Reason::PostponesLocked)
        }
        Some(LadderFlawKind::LocksOut) => Answer::new(Code::FailedPrecondition, Reason::LadderLocksOut),
        Some(LadderFlawKind::NeverAsked) => Answer::new(Code::FailedPrecondition, Reason::RuleNeverAsked),
        None => Answer::new(Code::FailedPrecondition, Reason::LadderNotAcceptable),
    };
    let violation = |flaw: &LadderFlaw| {
        Violation::new(
            flaw.field.clone(),
            match flaw.what {
                LadderFlawKind::InPast => "must not be in the past",
                LadderFlawKind::CapTooEarly => "must not be before the date from which two-step is required",
                LadderFlawKind::OutOfOrder => "must be later and stricter than what comes before it",
                LadderFlawKind::PostponesLocked => {
                    "must not be given: only what is REQUIRED, and not locked, can be put off"
                }
                LadderFlawKind::LocksOut => "demands what no method that the product allows can meet",
                LadderFlawKind::NeverAsked => "is never asked: an earlier rule is for every account",
            },
        )
    };
    answer.because(flaws.iter().map(violation).collect())
}

fn planned(waves: &[Ordinal], what: &str) -> Vec<Violation> {
    waves.iter().map(|wave| Violation::new(format!("wave {}", wave.0), what)).collect()
}

/// If all violations are of one kind, the refusal has the reason of that kind.
pub(crate) fn invalid(violations: Vec<Violation>) -> Status {
    let first = violations.first().and_then(|first| first.kind);
    let answer = match first.filter(|first| violations.iter().all(|wrong| wrong.kind == Some(*first))) {
        Some(Kind::Edge) => Answer::new(Code::InvalidArgument, Reason::EdgeOutOfRange),
        Some(Kind::Tiny) => Answer::new(Code::InvalidArgument, Reason::EdgeTiny),
        Some(Kind::Attribute) => Answer::new(Code::InvalidArgument, Reason::UnknownAttribute),
        Some(Kind::Zone) => Answer::new(Code::InvalidArgument, Reason::UnknownZone),
        Some(Kind::Gap) => Answer::new(Code::InvalidArgument, Reason::LocalTimeInGap),
        Some(Kind::Overlap) => Answer::new(Code::InvalidArgument, Reason::LocalTimeInOverlap),
        None => Answer::new(Code::InvalidArgument, Reason::InvalidRequest),
    };
    let answer = answer.because(violations);
    answer.status("the request is not well-formed")
}

/// A header or the message of a request breaks the rules of gRPC.
pub(crate) fn malformed(field: &str, must: &str) -> Status {
    invalid(vec![Violation::new(field, must)])
}

/// The bytes cannot be decoded as the request of the method.
pub(crate) fn no_message_of_the_contract() -> Status {
    malformed("message", "must be a message of the contract")
}

/// Adds the reason to a refusal that tonic makes itself: for a message that cannot be decoded or is
/// too large, and for an unknown method of another package.
pub(crate) fn with_reason(answer: Response<Body>) -> Response<Body> {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    // A successful answer has its status in the trailers, and none here.
    let Some(code) = header("grpc-status").filter(|_| header("grpc-status-details-bin").is_none()) else {
        return answer;
    };
    let status = match (code, header("grpc-message")) {
        ("13", Some(text)) if text.contains("decod") => no_message_of_the_contract(),
        ("11", Some(text)) if text.contains("too%20large") || text.contains("too large") => {
            malformed("message", "must be smaller")
        }
        ("12", _) => no_such_method(),
        _ => return answer,
    };
    status.into_http()
}

/// Lists the accepted encodings, as gRPC's compression.md demands.
pub(crate) fn encoding_not_supported(encoding: &str) -> Status {
    let answer = Answer::new(Code::Unimplemented, Reason::EncodingNotSupported).with("encoding", encoding);
    let mut status =
        answer.status("messages are read without compression only: grpc-encoding must be identity");
    status.metadata_mut().insert("grpc-accept-encoding", MetadataValue::from_static("identity"));
    status
}

pub(crate) fn no_such_method() -> Status {
    Answer::new(Code::Unimplemented, Reason::NoSuchMethod).status("there is no such method")
}

pub(crate) fn deadline_exceeded() -> Status {
    let answer = Answer::new(Code::DeadlineExceeded, Reason::DeadlineExceeded);
    answer.status("the call took longer than its deadline, and may have been carried out")
}

/// A stream has reached its longest duration.
pub(crate) fn stream_ended() -> Status {
    let answer = Answer::new(Code::Unavailable, Reason::StreamEnded).retry(Span::ZERO);
    answer.status("the stream has gone on for as long as one may")
}

/// A handler panicked. The panic hook has logged it; the caller gets only the incident id.
pub(crate) fn panicked(app: &App) -> Status {
    let incident = app.incident(FailureKind("handler panicked", ""));
    tracing::error!(%incident, "a handler panicked");
    Answer::new(Code::Internal, Reason::Internal).with("incident", incident).status(FAILED)
}

/// The contract and the use case name different permissions. The test of the role matrix finds this
/// first.
pub(crate) fn contradiction(app: &App, declared: Permission, needed: Permission) -> Status {
    let incident = app.incident(FailureKind("permissions differ", needed.as_str()));
    tracing::error!(%incident, ?declared, ?needed, "the method table and the use case disagree");
    Answer::new(Code::Internal, Reason::Internal).with("incident", incident).status(FAILED)
}

const FAILED: &str = "the call could not be carried out";

/// The text of the error goes to the log. The caller gets only the incident id.
fn failed(app: &App, fault: &Fault) -> Status {
    let incident = app.incident_of(fault);
    let (code, reason, retry) = match fault {
        Fault::Closing => (Code::Unavailable, Reason::Closing, true),
        Fault::Store(
            StoreError::Unavailable(_)
            | StoreError::Unconfirmed { .. }
            | StoreError::Undone { .. }
            | StoreError::NewerDocument { .. },
        )
        // A new password that cannot be looked up is not accepted.
        | Fault::NotJudged(_)
        // Another replica, or this one in a moment, has the key.
        | Fault::Sealed(Unreadable::UnknownKey(_))
        | Fault::Raced => (Code::Unavailable, Reason::Unavailable, true),
        Fault::Store(StoreError::Inconsistent { .. })
        | Fault::Dangling(_)
        | Fault::Sealed(_)
        | Fault::Unusable(_)
        | Fault::Forged => (Code::DataLoss, Reason::DataDamaged, false),
        _ => (Code::Internal, Reason::Internal, false),
    };
    // Only `Display` of each error in the chain: it quotes nothing of the rows that a database may
    // report.
    let links = std::iter::successors(Some(fault as &dyn std::error::Error), |link| link.source());
    let error = links.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    // An orderly shutdown refuses a call or two, which is no error.
    if matches!(fault, Fault::Closing) {
        tracing::info!(%incident, error, "a call came too late");
    } else {
        tracing::error!(%incident, reason = name(reason), error, "a call failed");
    }
    let answer = Answer::new(code, reason).with("incident", incident);
    let answer = if retry { answer.retry(Span::seconds(1)) } else { answer };
    answer.status(FAILED)
}

pub(crate) fn name(reason: Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

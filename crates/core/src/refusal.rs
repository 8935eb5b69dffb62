//! Why a use case refuses. There is one variant for each reason in `error_reason.proto`, and `grpc`
//! renders them in one file. A malformed request is not among them: only the gRPC layer can see
//! one.

use crate::{
    AccountId, Edge, Level, Method, MethodCategory, Ordinal, Permission, Requirement, Revision, RolloutKey,
    Sequence, Span, Timestamp, Title,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the caller is not known")]
    Unauthenticated,
    #[error("the caller may not do this")]
    PermissionDenied { permission: Permission },
    #[error("the caller's credential does not name this product")]
    ProductNotPermitted,
    #[error("the caller may not issue credentials of this role")]
    RoleNotPermitted,
    #[error("this call cannot be made for such a subject")]
    SubjectNotAccepted { accepted: &'static str },
    #[error("the subject's token is not valid, or not any more")]
    SubjectNotValid,

    #[error("there is no such realm")]
    RealmNotFound,
    #[error("there is no such credential")]
    CredentialNotFound,
    #[error("the credential was revoked or has expired")]
    CredentialEnded,
    #[error("no operator's credential would be left that does not end soon; make another one first")]
    LastOperator,
    #[error("there is no such account")]
    AccountNotFound,
    #[error("there is no such product")]
    ProductNotFound,
    #[error("there is no such rollout")]
    RolloutNotFound,
    #[error("there is no such challenge")]
    ChallengeNotFound,
    #[error("there is no such enrollment")]
    EnrollmentNotFound,
    #[error("there is no such factor")]
    FactorNotFound,

    #[error("the key is taken")]
    KeyTaken,
    #[error("the external id is taken")]
    ExternalIdTaken,
    #[error("the address is another account's")]
    EmailTaken,
    #[error("this request id was used with another body")]
    RequestIdReused,
    #[error("the request was carried out by another version of the server; read what it changed")]
    OutcomeUnreadable,
    #[error("it was changed meanwhile; read it again")]
    EtagMismatch { current: Revision },

    #[error("the password is not acceptable")]
    PasswordNotAcceptable { violations: Vec<PasswordFlaw> },
    #[error("the account has as many factors of this method as it may have")]
    TooManyFactors { limit: usize },
    #[error("the factor cannot be removed")]
    FactorNotRemovable { why: &'static str },
    #[error("the session was made by a recovery code, and may only re-bind factors and sign out")]
    SessionRecovers,
    #[error("the account is not usable")]
    AccountNotUsable,
    #[error("the account is not in a state for this")]
    AccountState { state: &'static str },
    #[error("changes are locked until the owner proves that the account is theirs")]
    ChangesLocked,
    #[error("confirming needs a session of the account, or a new password")]
    ConfirmationNotProved,
    #[error("the account has a password")]
    PasswordExists,
    #[error("the account has no password")]
    NoPassword,
    #[error("the account has no address to verify")]
    NoEmail,
    #[error("the address is verified already")]
    EmailAlreadyVerified,
    #[error("two-step has not reached this account here")]
    TwoStepNotAvailable,
    #[error("the account's address is not verified")]
    EmailNotVerified,
    #[error("the account has a factor of this method")]
    AlreadyEnrolled,
    #[error("the method is not allowed at this product")]
    MethodNotAllowed,
    #[error("another method must be active first")]
    MethodRequires { method: Method },
    #[error(
        "a first factor needs a proof that the owner started this; the account has none: recover it first"
    )]
    NoProofOfOrigin,
    #[error("the enrollment is not in a state for this")]
    EnrollmentState { state: &'static str },
    #[error("the sign-in is not in a state for this")]
    SignInState { state: &'static str },
    #[error("the challenge is not in a state for this")]
    ChallengeState { state: &'static str },
    #[error("the method policy is not acceptable")]
    MethodPolicyNotAcceptable { flaws: Vec<PolicyFlaw> },
    #[error("accounts would have no second factor left that counts here")]
    MethodPolicyLocksOut { accounts: u64, sample: Vec<AccountId> },
    #[error("no method that the policy allows could meet what a ladder demands")]
    MethodPolicyFailsLadder { rules: Vec<(RolloutKey, Title, Requirement)> },
    #[error("no code is sent for a challenge of this method")]
    NothingToResend,
    #[error("too many messages were sent there; try again later")]
    TooManyMessages { retry_after: Span },
    #[error("the rollout has no wave left to start")]
    NoWaveLeft,
    #[error("the rollout has started")]
    RolloutStarted,
    #[error("the rollout has not started")]
    RolloutNotStarted,

    #[error("there is no such customer")]
    CustomerNotFound,
    #[error("the rollout has no such wave")]
    WaveNotFound,
    #[error("the rollout has no such revision")]
    RevisionNotFound,
    #[error("something that is named does not exist")]
    NamesNothing { names: Vec<NamesNothing> },
    #[error("a wave that was started stays as it is; only a roll back takes it back")]
    WaveStarted { waves: Vec<Ordinal> },
    #[error("the edge of a started wave falls only by a roll back")]
    EdgeFalls { current: Edge },
    #[error("what decides who is reached stays as it was when the rollout started")]
    FixedByStart { fields: Vec<&'static str> },
    #[error("a wave cannot be planned to start in the past")]
    PlannedInPast { waves: Vec<Ordinal> },
    #[error("waves start in their order, and so must the times for which they are planned")]
    DatesInWrongOrder { waves: Vec<Ordinal> },
    #[error("the rollout has as many waves as it may")]
    TooManyWaves,
    #[error("the ladder is not acceptable")]
    LadderNotAcceptable { flaws: Vec<LadderFlaw> },
    #[error("the rollout is one of a method, which has no ladder")]
    RolloutOfMethod,
    #[error("two-step is required of this account here")]
    TwoStepRequired,
    #[error("nothing is asked of the account here that could be skipped")]
    NothingToSkip,
    #[error("no skip is left")]
    NoSkipLeft,
    #[error("the last skip is not over yet")]
    SkipTooSoon { until: Timestamp, retry_after: Span },
    #[error("no ladder is enforced for the account here")]
    LadderNotEnforced,
    #[error("the set-up was put off once already")]
    PostponementUsed,
    #[error("the set-up cannot be put off here, or not any more")]
    PostponementNotOffered,
    #[error("the rollout's ladder has come to no rung for the account here")]
    NoLadderApplies,
    #[error("nobody is exempted from a locked rung")]
    ExemptionOfLocked,
    #[error("the account is not exempted here")]
    NotExempt,
    #[error("the deadline of a locked rung is not extended")]
    ExtensionOfLocked,
    #[error("all extensions of an account together are at most 90 days")]
    ExtensionTooLong { days_left: i64 },
    #[error("the rollout is paused")]
    RolloutPaused,
    #[error("the rollout is not paused")]
    RolloutNotPaused,
    #[error("the rollout is stopped")]
    RolloutStopped,
    #[error("the rollout is not stopped")]
    RolloutNotStopped,
    #[error("a stop is cleared by two persons")]
    SecondPersonNeeded { why: &'static str },
    #[error("no wave after the given one has started")]
    NothingToRollBack { last: Ordinal },
    #[error("the rollout is archived")]
    RolloutArchived,
    #[error("the rollout is not archived")]
    RolloutNotArchived,
    #[error("a wave of the rollout is started")]
    RolloutNotEnded { last: Ordinal },
    #[error("the rollout has a ladder, which demands two-step without any wave: remove it first")]
    RolloutHasLadder,
    #[error("the rollout is too large: {bytes} bytes as JSON, and at most {most}")]
    RolloutTooLarge { bytes: usize, most: usize },

    #[error("a time in the request is not acceptable now")]
    TimeNotAcceptable { field: &'static str, must: &'static str },
    #[error("the answer does not have the form that the method asks for")]
    AnswerMalformed { field: &'static str, must: String },
    #[error("the page token is not one of this list with this filter")]
    PageTokenNotValid,
    #[error("too many at once; try again later")]
    Busy { retry_after: Span },
    #[error("too many passwords at once; try again later")]
    TooManyPasswords { retry_after: Span },

    #[error("the account has no second factor that may be used here")]
    NoFactor,
    #[error("the factor cannot be used now; another one of the account can")]
    FactorUnavailable,
    /// Its owner denied, or its device cannot be notified.
    #[error("the factor is paused")]
    FactorPaused { why: &'static str, retry_after: Option<Span> },
    /// Unknown factor, no device, wrong signature or time: all the same.
    #[error("the device is not valid")]
    DeviceNotValid,
    #[error("the account has no phone number")]
    NoPhone,
    #[error("no text messages are sent to this number")]
    PhoneNotAccepted { why: &'static str },
    #[error("this needs a proof that is not older than five minutes")]
    FreshProofNeeded { level: Level },
    #[error("the resume token is not one of this record and method")]
    ResumeTokenNotValid,
    #[error("what follows the resume token is not kept any more")]
    ResumeTokenTooOld { oldest: Sequence },
}

/// What is wrong with a ladder, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LadderFlaw {
    /// The field, as `rules[0].phases[1]`.
    pub field: String,
    pub what: LadderFlawKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LadderFlawKind {
    /// A date that is not part of the ladder as it stands lies in the past.
    InPast,
    /// A later phase begins no later than the one before, or is no stricter.
    OutOfOrder,
    /// The grace ends before anything is demanded.
    CapTooEarly,
    /// A locked rung cannot be put off.
    PostponesLocked,
    /// No method that a product allows meets what is demanded there, so that no account could sign in.
    LocksOut,
    /// An earlier rule is for every account, so that this one is never asked.
    NeverAsked,
}

/// A field of a request that names something the realm lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesNothing {
    pub field: String,
    pub what: Nothing,
    /// The name itself, where the field is a set, because a set does not keep the caller's order.
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    Product,
    Account,
    Customer,
}

/// What is wrong with a method policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyFlaw {
    /// Nothing can be a second step.
    NoSecondStep,
    /// What the method requires can never be active.
    NeverBindable(Method),
    /// Only phishing-resistant methods are offered, and none is allowed.
    NoPhishingResistant,
    /// Security keys are allowed, and no relying party is named.
    NoRelyingParty,
    /// The certificate of a model of keys cannot be read; its place.
    UnreadableRoot(usize),
    /// The product declares a category of methods for its directory entry that the policy decides.
    Declared(MethodCategory),
}

/// What is wrong with a new password. Each flaw has a code on the wire, which never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordFlaw {
    TooShort {
        least: usize,
    },
    TooLong {
        most: usize,
    },
    /// It is among the first passwords that an attacker tries, against any account.
    Common,
    /// It is put together from words of the account, which an attacker knows.
    OwnWords,
    /// It is put together from too few words, names, dates, rows of keys or repetitions.
    Weak,
    /// It was published with the data that another service lost.
    Breached,
}

impl PasswordFlaw {
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "TOO_SHORT",
            Self::TooLong { .. } => "TOO_LONG",
            Self::Common => "COMMON",
            Self::OwnWords => "OWN_WORDS",
            Self::Weak => "WEAK",
            Self::Breached => "BREACHED",
        }
    }
}

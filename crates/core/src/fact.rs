//! What happened, as the event log keeps it.

use serde::{Deserialize, Serialize};

use crate::{
    Answered, ChainDigest, ChallengeId, Channel, Country, CredentialId, CustomerKey, DeliveryId,
    DeliveryProblem, Denial, EnrollmentId, FactorId, MessagePurpose, Method, Ordinal, ProductKey, Proof,
    Purpose, RealmKey, RecoveryId, Requirement, Revision, Role, RolloutKey, Sequence, SessionEnd, SessionId,
    SignInId, SigningKeyId, Timestamp, Title,
};

/// What happened. In the log, `kind` is the variant's name and `data` its fields. Variants and
/// fields are only ever added, each new field with a default, because old rows are read for years.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Fact {
    RealmCreated {
        realm: RealmKey,
    },
    CredentialCreated {
        credential: CredentialId,
        role: Role,
        products: Option<Vec<ProductKey>>,
        /// Why the program itself made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Title>,
    },
    /// A new secret took the place of the old one, which is accepted for `overlap` seconds more.
    CredentialRotated {
        credential: CredentialId,
        overlap: i64,
    },
    CredentialRevoked {
        credential: CredentialId,
    },
    ProductCreated {
        product: ProductKey,
    },
    ProductUpdated {
        product: ProductKey,
        revision: Revision,
    },
    AccountCreated {
        imported: bool,
    },
    AccountUpdated {
        fields: Vec<String>,
    },
    CustomerCreated {
        customer: CustomerKey,
    },
    CustomerUpdated {
        customer: CustomerKey,
        revision: Revision,
    },
    InterestRegistered {},
    EmailVerificationRequested {
        delivery: DeliveryId,
    },
    EmailVerified {},
    /// A link was mailed to the address that the account shall have.
    EmailChangeRequested {
        delivery: DeliveryId,
    },
    EmailChanged {},
    /// The former address took the change back.
    EmailChangeUndone {},
    /// The address was not verified, and another account has verified it.
    EmailLost {},
    /// "This wasn't me" was said, by the link of a notice or in a session.
    NotMeReported {},
    /// The owner has proved that the account is theirs.
    ChangesUnlocked {},
    AccountSuspended {
        reason: Title,
    },
    AccountReactivated {
        reason: Title,
    },
    AccountLockedDown {
        reason: Title,
    },
    AccountDeleted {
        reason: Title,
    },
    AccountUndeleted {
        reason: Title,
    },
    AccountPurged {},
    AccountExported {
        reason: Title,
    },
    FactorsReset {
        reason: Title,
        count: u64,
    },
    AccessPassIssued {
        reason: Title,
        delivery: DeliveryId,
    },
    /// The owner was asked to use the second step once more.
    CheckUpAdvised {},
    CheckUpPassed {},
    PasswordSet {},
    PasswordChanged {},
    /// A session tried to change the password, and gave a wrong current one.
    PasswordChangeDenied {
        why: Denial,
        /// Of how many calls: see `Fact::counted`. Absent: of one.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        count: u64,
    },
    /// A reset of the password was asked for. The identifier may belong to no account.
    RecoveryBegun {
        recovery: RecoveryId,
        /// Of how many calls: see `Fact::counted`. Absent: of one.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        count: u64,
    },
    PasswordResetRequested {
        delivery: DeliveryId,
    },
    PasswordReset {},
    /// The password is right, but the second step was wrong too often. It counts no more until it is reset.
    NewPasswordDemanded {},
    SignInBegun {
        sign_in: SignInId,
        requirement: Requirement,
        trusted: bool,
    },
    SignInDenied {
        why: Denial,
        /// Of how many calls: see `Fact::counted`. Absent: of one.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        count: u64,
    },
    SignInCompleted {
        sign_in: SignInId,
        session: SessionId,
        proofs: Vec<Proof>,
        trusted: bool,
    },
    SignInHeldBack {
        sign_in: SignInId,
        requirement: Requirement,
    },
    SignInCancelled {
        sign_in: SignInId,
    },
    DeviceTrusted {
        until: Timestamp,
    },
    DeviceTrustEnded {},
    /// The owner took a device from those that the account knows.
    DeviceForgotten {},
    ChallengeCreated {
        challenge: ChallengeId,
        factor: Option<FactorId>,
        purpose: Purpose,
        superseded: u64,
    },
    ChallengeAnswered {
        challenge: ChallengeId,
        factor: Option<FactorId>,
        outcome: Answered,
        /// Of how many calls: see `Fact::counted`. Absent: of one.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        count: u64,
    },
    /// A new code was sent: `challenge` takes the place of `earlier`.
    ChallengeResent {
        challenge: ChallengeId,
        earlier: ChallengeId,
        factor: Option<FactorId>,
    },
    ChallengeCancelled {
        challenge: ChallengeId,
    },
    /// The person denied a prompt on the device. `reported`: the person said that the sign-in is not theirs.
    PushDenied {
        challenge: ChallengeId,
        factor: FactorId,
        reported: bool,
    },
    /// The factor is asked nothing until then; `None`: until it is bound again.
    FactorPaused {
        factor: FactorId,
        until: Option<Timestamp>,
    },
    /// The push service does not know the device any more.
    DeviceUnreachable {
        factor: FactorId,
    },
    /// The device called: it can be asked again, or has another address.
    DeviceReached {
        factor: FactorId,
    },
    EnrollmentBegun {
        enrollment: EnrollmentId,
        method: Method,
        confirmed: bool,
    },
    EnrollmentConfirmed {
        enrollment: EnrollmentId,
    },
    EnrollmentContinued {
        enrollment: EnrollmentId,
    },
    EnrollmentAnswered {
        enrollment: EnrollmentId,
        outcome: Answered,
    },
    EnrollmentCancelled {
        enrollment: EnrollmentId,
    },
    FactorActivated {
        factor: FactorId,
        method: Method,
    },
    /// A code was sent to the new number of the factor.
    PhoneChangeRequested {
        enrollment: EnrollmentId,
        factor: FactorId,
    },
    PhoneChanged {
        factor: FactorId,
    },
    /// What text messages to a country may cost in an hour is spent to this share, in per cent. `blocked`: none is sent until
    /// the hour is over.
    SmsCostReached {
        country: Country,
        percent: i64,
        blocked: bool,
    },
    FactorRenamed {
        factor: FactorId,
    },
    FactorRemoved {
        factor: FactorId,
        method: Method,
    },
    /// The factor's stored material cannot be read. The factor is unavailable, and never taken for
    /// absent (INV-45).
    FactorUnreadable {
        factor: FactorId,
        method: Method,
        /// Of how many calls: see `Fact::counted`. Absent: of one.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        count: u64,
    },
    /// The factor showed that it was copied. It is closed until it is bound again.
    FactorCopied {
        factor: FactorId,
        method: Method,
    },
    TwoStepSwitchedOn {},
    TwoStepShown {
        rollout: RolloutKey,
    },
    TwoStepActive {
        rollout: RolloutKey,
    },
    SessionEnded {
        session: SessionId,
        why: SessionEnd,
    },
    /// Its tokens were replaced by new ones.
    SessionRefreshed {
        session: SessionId,
    },
    RolloutCreated {
        rollout: RolloutKey,
        revision: Revision,
    },
    WaveAdded {
        rollout: RolloutKey,
        revision: Revision,
        wave: Ordinal,
    },
    WaveStarted {
        rollout: RolloutKey,
        revision: Revision,
        wave: Ordinal,
    },
    WaveUpdated {
        rollout: RolloutKey,
        revision: Revision,
        wave: Ordinal,
    },
    WaveRemoved {
        rollout: RolloutKey,
        revision: Revision,
        wave: Ordinal,
    },
    RolloutUpdated {
        rollout: RolloutKey,
        revision: Revision,
    },
    /// The ladder of a rollout is enforced for the account here.
    TwoStepRequired {
        rollout: RolloutKey,
        since: Timestamp,
    },
    /// The account was told that two-step will be required here.
    TwoStepTold {
        rollout: RolloutKey,
    },
    /// The owner skipped the set-up. `counted`: one skip fewer is left.
    EnrollmentSkipped {
        rollout: RolloutKey,
        until: Timestamp,
        counted: bool,
    },
    /// The owner put the set-up off, once, after the deadline.
    EnrollmentPostponed {
        rollout: RolloutKey,
        until: Timestamp,
    },
    /// A mail told the owner of the deadline. `day`: which reminder, as the day of the grace.
    EnrollmentReminded {
        rollout: RolloutKey,
        day: u32,
    },
    /// Support exempted the account from a ladder.
    AccountExempted {
        rollout: RolloutKey,
        until: Timestamp,
        reason: Title,
    },
    ExemptionEnded {
        rollout: RolloutKey,
        reason: Title,
    },
    /// Support extended the account's deadline by so many days.
    DeadlineExtended {
        rollout: RolloutKey,
        days: u32,
        reason: Title,
    },
    LadderSet {
        rollout: RolloutKey,
        revision: Revision,
    },
    RolloutReverted {
        rollout: RolloutKey,
        revision: Revision,
        to: Revision,
    },
    RolloutPaused {
        rollout: RolloutKey,
        revision: Revision,
    },
    RolloutResumed {
        rollout: RolloutKey,
        revision: Revision,
    },
    RolloutRolledBack {
        rollout: RolloutKey,
        revision: Revision,
        to: Ordinal,
        /// Where; empty: at every product.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        products: Vec<ProductKey>,
    },
    RolloutArchived {
        rollout: RolloutKey,
        revision: Revision,
    },
    RolloutUnarchived {
        rollout: RolloutKey,
        revision: Revision,
    },
    RolloutStopped {
        rollout: RolloutKey,
        revision: Revision,
    },
    StopClearAsked {
        rollout: RolloutKey,
        revision: Revision,
    },
    StopCleared {
        rollout: RolloutKey,
        revision: Revision,
    },
    SeenOnBehalf {
        reason: Title,
    },
    /// A caller other than the owner's app read the account. `by_address`: it was found by its address.
    AccountRead {
        by_address: bool,
    },
    /// A caller other than an app read a page of accounts. `country`: the filter.
    AccountsListed {
        country: Option<Country>,
        count: u64,
    },
    /// A mail server, push service or gateway has taken the message.
    Delivered {
        delivery: DeliveryId,
        channel: Channel,
        purpose: MessagePurpose,
    },
    DeliveryFailed {
        delivery: DeliveryId,
        channel: Channel,
        purpose: MessagePurpose,
        why: DeliveryProblem,
    },
    /// A receipt says whether the phone got the message that the gateway had taken.
    DeliveryReported {
        delivery: DeliveryId,
        channel: Channel,
        purpose: MessagePurpose,
        delivered: bool,
    },

    /// `dropped`: the earlier keys were dropped at once.
    SigningKeyCreated {
        key: SigningKeyId,
        signs_at: Timestamp,
        dropped: bool,
    },
    TwoStepSwitchedOff {},
    /// The clock had been ahead, until `until`. What it had left in the future was brought down to now.
    ClockForgotten {
        until: Timestamp,
        accounts: u64,
    },
    /// Another master key seals what is new. Who did it, and why, is known where the file of keys says it.
    MasterKeyRotated {
        key: String,
        former: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Title>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Title>,
    },
    /// Every stored value is sealed with the active master key.
    MasterKeyRewrapped {
        key: String,
    },
    /// `digests`: its digest key was kept, for the values that cannot be digested again.
    MasterKeyDropped {
        key: String,
        digests: bool,
        by: Title,
        reason: Title,
    },
    /// The database was restored from a copy, and what had been issued before was voided.
    DatabaseRestored {
        timeline: i64,
        by: Title,
        reason: Title,
    },
    EventsCut {
        first: Sequence,
        last: Sequence,
        digest: ChainDigest,
    },
}

const fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_one(count: &u64) -> bool {
    *count == 1
}

impl Fact {
    /// The same fact for so many calls. Refusals that repeat within a minute share an event; the first of them has its own.
    #[must_use]
    pub fn counted(mut self, calls: u64) -> Self {
        if let Self::SignInDenied { count, .. }
        | Self::RecoveryBegun { count, .. }
        | Self::PasswordChangeDenied { count, .. }
        | Self::ChallengeAnswered { count, .. }
        | Self::FactorUnreadable { count, .. } = &mut self
        {
            *count = calls;
        }
        self
    }

    /// How many calls the fact is of.
    pub const fn count(&self) -> u64 {
        match self {
            Self::SignInDenied { count, .. }
            | Self::RecoveryBegun { count, .. }
            | Self::PasswordChangeDenied { count, .. }
            | Self::ChallengeAnswered { count, .. }
            | Self::FactorUnreadable { count, .. } => *count,
            _ => 1,
        }
    }
}

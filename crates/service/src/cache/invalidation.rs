//! Which cached entries an event invalidates.

use tidegate_core::{AccountId, CredentialId, Fact, FactorId, RealmId, RecordedFact, SessionId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Invalidation {
    Nothing,
    Credential(CredentialId),
    /// The products and rollouts of a realm.
    Realm(RealmId),
    /// The standing of one account.
    Account(RealmId, AccountId),
    /// The standings of all accounts, where the affected ones are not known.
    AllAccounts,
    Session(SessionId),
    /// What waits on the device of a factor.
    Device(FactorId),
    Everything,
}

impl Invalidation {
    /// For an event that was read back. An event of a newer version may concern anything, so it invalidates everything.
    pub(crate) fn of_recorded(realm: RealmId, account: Option<AccountId>, fact: &RecordedFact) -> Self {
        match fact {
            RecordedFact::Known(fact) => Self::of(realm, account, fact),
            RecordedFact::Newer { .. } => Self::Everything,
        }
    }

    #[expect(clippy::too_many_lines, reason = "a line for each fact")]
    pub(crate) fn of(realm: RealmId, account: Option<AccountId>, fact: &Fact) -> Self {
        let standing = || account.map_or(Self::Nothing, |account| Self::Account(realm, account));
        match fact {
            Fact::CredentialRevoked { credential } | Fact::CredentialRotated { credential, .. } => {
                Self::Credential(*credential)
            }
            Fact::ProductCreated { .. }
            | Fact::ProductUpdated { .. }
            | Fact::RolloutCreated { .. }
            | Fact::RolloutUpdated { .. }
            | Fact::LadderSet { .. }
            | Fact::RolloutReverted { .. }
            | Fact::RolloutPaused { .. }
            | Fact::RolloutResumed { .. }
            | Fact::RolloutRolledBack { .. }
            | Fact::RolloutArchived { .. }
            | Fact::RolloutUnarchived { .. }
            | Fact::RolloutStopped { .. }
            | Fact::StopClearAsked { .. }
            | Fact::StopCleared { .. }
            | Fact::WaveAdded { .. }
            | Fact::WaveStarted { .. }
            | Fact::WaveUpdated { .. }
            | Fact::WaveRemoved { .. } => Self::Realm(realm),
            Fact::AccountCreated { .. }
            | Fact::AccountUpdated { .. }
            | Fact::EmailVerified {}
            | Fact::EmailChanged {}
            | Fact::EmailChangeUndone {}
            | Fact::EmailLost {}
            | Fact::AccountSuspended { .. }
            | Fact::AccountReactivated { .. }
            | Fact::AccountLockedDown { .. }
            | Fact::AccountDeleted { .. }
            | Fact::AccountUndeleted { .. }
            | Fact::AccountPurged {}
            | Fact::FactorsReset { .. }
            | Fact::FactorActivated { .. }
            | Fact::FactorRemoved { .. }
            | Fact::TwoStepSwitchedOn {}
            | Fact::TwoStepSwitchedOff {}
            | Fact::TwoStepShown { .. }
            | Fact::TwoStepActive { .. }
            | Fact::TwoStepRequired { .. }
            | Fact::TwoStepTold { .. }
            | Fact::EnrollmentSkipped { .. }
            | Fact::EnrollmentPostponed { .. }
            | Fact::AccountExempted { .. }
            | Fact::ExemptionEnded { .. }
            | Fact::DeadlineExtended { .. }
            // It takes a postponement back.
            | Fact::NotMeReported {}
            | Fact::InterestRegistered {} => standing(),
            Fact::ChallengeCreated { factor: Some(factor), .. }
            | Fact::ChallengeResent { factor: Some(factor), .. }
            | Fact::ChallengeAnswered { factor: Some(factor), .. } => Self::Device(*factor),
            Fact::SessionEnded { session, .. } | Fact::SessionRefreshed { session } => {
                Self::Session(*session)
            }
            Fact::CustomerUpdated { .. } => Self::AllAccounts,
            Fact::ClockForgotten { .. } | Fact::DatabaseRestored { .. } => Self::Everything,
            Fact::RealmCreated { .. }
            | Fact::CredentialCreated { .. }
            | Fact::CustomerCreated { .. }
            | Fact::EmailVerificationRequested { .. }
            | Fact::EmailChangeRequested { .. }
            | Fact::EnrollmentReminded { .. }
            | Fact::ChangesUnlocked {}
            | Fact::AccountExported { .. }
            | Fact::AccessPassIssued { .. }
            | Fact::CheckUpAdvised {}
            | Fact::CheckUpPassed {}
            | Fact::PasswordSet {}
            | Fact::PasswordChanged {}
            | Fact::PasswordChangeDenied { .. }
            | Fact::RecoveryBegun { .. }
            | Fact::PasswordResetRequested { .. }
            | Fact::PasswordReset {}
            | Fact::NewPasswordDemanded {}
            | Fact::SignInBegun { .. }
            | Fact::SignInDenied { .. }
            | Fact::SignInCompleted { .. }
            | Fact::SignInHeldBack { .. }
            | Fact::SignInCancelled { .. }
            | Fact::DeviceTrusted { .. }
            | Fact::DeviceTrustEnded {}
            | Fact::DeviceForgotten {}
            | Fact::ChallengeCreated { .. }
            | Fact::ChallengeResent { .. }
            | Fact::ChallengeAnswered { .. }
            | Fact::ChallengeCancelled { .. }
            | Fact::PushDenied { .. }
            | Fact::FactorPaused { .. }
            | Fact::DeviceUnreachable { .. }
            | Fact::DeviceReached { .. }
            | Fact::EnrollmentBegun { .. }
            | Fact::EnrollmentConfirmed { .. }
            | Fact::EnrollmentContinued { .. }
            | Fact::EnrollmentAnswered { .. }
            | Fact::EnrollmentCancelled { .. }
            | Fact::PhoneChangeRequested { .. }
            | Fact::PhoneChanged { .. }
            | Fact::SmsCostReached { .. }
            | Fact::FactorRenamed { .. }
            | Fact::FactorUnreadable { .. }
            | Fact::FactorCopied { .. }
            | Fact::SeenOnBehalf { .. }
            | Fact::AccountRead { .. }
            | Fact::AccountsListed { .. }
            | Fact::Delivered { .. }
            | Fact::DeliveryFailed { .. }
            | Fact::DeliveryReported { .. }
            | Fact::SigningKeyCreated { .. }
            | Fact::MasterKeyRotated { .. }
            | Fact::MasterKeyRewrapped { .. }
            | Fact::MasterKeyDropped { .. }
            | Fact::EventsCut { .. } => Self::Nothing,
        }
    }
}

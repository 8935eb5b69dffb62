//! One attempt to get a session, and the session that it ends in.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, DeviceId, Factor, FactorId, Level, Method, ProductKey, Proof, Purpose, Requirement, Sealed,
    SeriesId, SessionId, SignInId, Span, Timestamp, Title, TokenDigest, words,
};

words! {
    SignInState "sign-in state" {
        /// The network is new and must be confirmed first.
        PendingNetwork = "pending_network",
        PendingChallenge = "pending_challenge",
        /// More is required than any factor of the account can prove, so a factor must be enrolled
        /// first.
        PendingEnrollment = "pending_enrollment",
        Ready = "ready",
        Completed = "completed",
        Cancelled = "cancelled",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    pub id: SignInId,
    pub account: AccountId,
    pub product: ProductKey,
    pub state: SignInState,
    /// What was required at the last decision. Completing the sign-in decides again.
    pub requirement: Requirement,
    pub proofs: Vec<Proof>,
    /// The device's trust, which stands in for the second step as long as it lives.
    pub trusted_by: Option<SeriesId>,
    pub device: Option<DeviceId>,
    /// The account's when it began. Once the account's has risen, the sign-in counts no more.
    #[serde(default)]
    pub epoch: i64,
    /// The password is right, but would not be accepted as a new one.
    #[serde(default)]
    pub weak_password: bool,
    /// Since when the account knows the device whose token was presented.
    #[serde(default)]
    pub device_since: Option<Timestamp>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// One way to take the second step of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub factor: FactorId,
    pub method: Method,
    #[serde(default)]
    pub label: Option<Title>,
    #[serde(default)]
    pub hint: Option<String>,
}

/// What the app is told to show after a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    Nothing,
    /// Two-step has reached the account and is off.
    TwoStepAvailable,
    /// A recovery code was used: re-bind a factor, then sign in with it.
    RebindFactors,
    /// The second step was set up some weeks ago, and was not used since: have it used once more.
    CheckUp,
    /// A ladder nudges the owner to switch two-step on.
    TwoStepNudge,
    /// A ladder requires two-step from a date on, or after some more skips.
    TwoStepRequired,
    /// A ladder requires two-step, which is on: it cannot be switched off any more. Told once.
    TwoStepStaysOn,
    /// A rollout advises to add a better method than those that the account has.
    AddMethod,
}

words! {
    /// Why a session ended before its time.
    SessionEnd "session end" {
        Revoked = "revoked",
        Replaced = "replaced",
        /// A factor that it rests on was removed.
        FactorRemoved = "factor_removed",
        /// The owner signed out everywhere.
        SignedOut = "signed_out",
        PasswordChanged = "password_changed",
        /// A new password was set by a mailed link.
        PasswordReset = "password_reset",
        /// Proofs in the session failed too often in a row.
        ProofsFailed = "proofs_failed",
        /// A copy of the device's token was used.
        TokenCopied = "token_copied",
        /// A copy of its refresh token was used.
        RefreshCopied = "refresh_copied",
        /// Somebody said "this wasn't me".
        NotMe = "not_me",
        Suspended = "suspended",
        LockedDown = "locked_down",
        AccountDeleted = "account_deleted",
        /// Support removed all factors.
        FactorsReset = "factors_reset",
        /// The database was restored from a copy.
        Restored = "restored",
    }
}

/// The result of a complete sign-in at one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub account: AccountId,
    pub product: ProductKey,
    pub device: Option<DeviceId>,
    /// The proofs of the sign-in that made the session. Its level follows from them and its age
    /// alone.
    pub proofs: Vec<Proof>,
    /// Later proofs, the newest of each purpose and factor. They never raise the level (INV-26).
    #[serde(default)]
    pub later_proofs: Vec<LaterProof>,
    pub trusted: bool,
    /// The requirement that the session met when it was made.
    pub met: Requirement,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub idle: Span,
    pub expires_at: Timestamp,
    pub end: Option<SessionEnd>,
    /// Where it was made from: IP address and user agent, sealed with the account's own key.
    #[serde(skip)]
    pub client: Option<Sealed>,
    /// `None`: it has no refresh token, or none that is worth anything.
    #[serde(default)]
    pub refresh: Option<Refresh>,
    /// By when it must be authenticated again, as it was first told. It does not become later while more is required than
    /// the session met (INV-16).
    #[serde(default)]
    pub reauth_by: Option<Timestamp>,
}

/// How long a session's refresh tokens are worth something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    pub until: Timestamp,
    /// The account's epoch when the session was made. In another one its refresh tokens are worth nothing (INV-25).
    pub epoch: i64,
}

/// A proof that was accepted in a session, and its purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaterProof {
    pub purpose: Purpose,
    pub proof: Proof,
}

impl Session {
    /// Whether it rests on the factor: on a proof by it, or on trust, which rests on all factors.
    pub fn rests_on(&self, factor: FactorId, method: Method) -> bool {
        let later = self.later_proofs.iter().map(|later| &later.proof);
        self.trusted || self.proofs.iter().chain(later).any(|proof| proof.is_by(factor, method))
    }

    /// Without the proofs of factors that were removed meanwhile.
    #[must_use]
    pub fn with_live(mut self, factors: &[Factor]) -> Self {
        self.proofs.retain(|proof| proof.is_live(factors));
        self.later_proofs.retain(|later| later.proof.is_live(factors));
        self
    }

    /// Whether its level rests on restricted methods alone (SP 800-63B-4 §3.2.9).
    pub fn is_restricted(&self) -> bool {
        let mut steps = self.proofs.iter().filter(|proof| proof.method.is_second_step()).peekable();
        steps.peek().is_some() && steps.all(|proof| proof.method.is_restricted())
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        self.end.is_none() && now < self.expires_at && now < self.last_used_at.plus(self.idle)
    }

    /// Whether a refresh token can bring it back, also when it went idle, in the account's epoch.
    pub fn is_refreshable(&self, epoch: i64, now: Timestamp) -> bool {
        self.end.is_none()
            && self.refresh.is_some_and(|refresh| now < refresh.until && refresh.epoch == epoch)
    }
}

/// A live session as a product sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introspected {
    pub session: Session,
    pub level: Level,
    /// The session fails from this instant on, because the requirement rose above what it met.
    pub reauth_by: Option<Timestamp>,
}

/// A series of tokens that are replaced at each use, as it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    pub token: TokenDigest,
    /// The token before.
    pub previous: Option<TokenDigest>,
    /// When the token before was first replaced, or when the series began.
    pub rotated_at: Timestamp,
}

impl Rotation {
    pub const fn begin(token: TokenDigest, now: Timestamp) -> Self {
        Self { token, previous: None, rotated_at: now }
    }
}

/// A device from which the account completed a sign-in.
#[derive(Debug, Clone)]
pub struct KnownDevice {
    pub device: DeviceId,
    /// The series of tokens. A new one begins each time trust begins. A sign-in that relied on an
    /// earlier series gets no trust from this one.
    pub series: SeriesId,
    pub token: TokenDigest,
    /// The token before. It stays valid until its successor is first used, at most a minute.
    pub previous: Option<TokenDigest>,
    pub rotated_at: Timestamp,
    pub trusted_until: Option<Timestamp>,
    /// The account's when the token was made. Trust of an earlier epoch stands in for nothing.
    pub epoch: i64,
    /// Where it last signed in from: IP address and user agent, sealed with the account's own key.
    pub client: Option<Sealed>,
    pub created_at: Timestamp,
}

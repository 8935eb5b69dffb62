//! One enrolled means of proof, and the count of its wrong guesses.

use crate::{AccountId, FactorId, KeyedDigest, ProductKey, Sealed, Timestamp, Title, words};

words! {
    /// The kind of a factor.
    Method "method" {
        Password = "password",
        Totp = "totp",
        RecoveryCodes = "recovery_codes",
        /// A code that is mailed to the verified address.
        EmailCode = "email_code",
        /// A security key or passkey (WebAuthn).
        WebAuthn = "webauthn",
        /// A prompt on an enrolled device, which the device's key answers.
        Push = "push",
        /// A code that an enrolled device shows.
        DeviceCode = "device_code",
        /// A code that is sent to a phone by SMS.
        SmsCode = "sms_code",
    }
}

impl Method {
    /// Whether it can be the second of two steps. A password is the first step, and recovery codes
    /// only re-bind.
    pub const fn is_second_step(self) -> bool {
        !matches!(self, Self::Password | Self::RecoveryCodes)
    }

    /// Whether the secret can be taken in the telephone network (a restricted authenticator, SP 800-63B-4 §3.2.9).
    pub const fn is_restricted(self) -> bool {
        matches!(self, Self::SmsCode)
    }
}

/// A set of methods, which takes no memory of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MethodSet(u16);

impl MethodSet {
    pub const EMPTY: Self = Self(0);

    pub const fn contains(self, method: Method) -> bool {
        self.0 & 1 << method as u16 != 0
    }

    #[must_use]
    pub fn with(self, others: impl IntoIterator<Item = Method>) -> Self {
        Self(others.into_iter().fold(self.0, |set, method| set | 1 << method as u16))
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        Self::EMPTY.with(methods)
    }
}

/// A number that rises with every proof of the factor that is accepted, so that no proof is
/// accepted twice: a time step or a signature counter. It stays zero for methods without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub i64);

/// An active factor. A pending one is an enrollment, which is a type of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub id: FactorId,
    pub account: AccountId,
    pub method: Method,
    /// What the owner calls it.
    pub label: Option<Title>,
    /// Where codes go, masked for the owner: an address or a phone number.
    pub hint: Option<String>,
    /// What an answer is verified with. Only `factors` understands it, after `keyring` opened it.
    pub material: Option<Sealed>,
    pub mark: Mark,
    /// The identifier by which an answer of a device or a security key names its factor. It is
    /// unique in the realm.
    pub lookup: Option<Vec<u8>>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// `None`: it is not known, as for an imported factor.
    pub origin: Option<FactorOrigin>,
}

/// Where a factor was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorOrigin {
    pub product: ProductKey,
    /// What the caller said of the owner's client, sealed with the account's own key. `None`: nothing.
    pub client: Option<Sealed>,
}

impl Factor {
    /// A factor with an owner and a method, and no material yet.
    pub const fn new(id: FactorId, account: AccountId, method: Method, now: Timestamp) -> Self {
        Self {
            id,
            account,
            method,
            label: None,
            hint: None,
            material: None,
            mark: Mark(0),
            lookup: None,
            created_at: now,
            last_used_at: None,
            origin: None,
        }
    }
}

/// One recovery code as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct RecoveryCode {
    /// It names the code within its set, and is never given to another one.
    pub number: i64,
    pub digest: KeyedDigest,
    /// Until when an access pass counts; `None`: a code of the owner's own set, which does not expire.
    pub expires_at: Option<Timestamp>,
}

/// The attempts charged to one counter. Only `factors::budget` decides how it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Increases with every change; compare-and-set compares it. Zero: not stored yet.
    pub revision: i64,
    pub hour_began: Timestamp,
    pub in_hour: i64,
    pub day_began: Timestamp,
    pub in_day: i64,
    /// Charges since the last success. Only a success resets it (INV-9).
    pub in_row: i64,
    /// How often a success reset the charges.
    pub successes: i64,
    pub last_at: Timestamp,
}

impl Budget {
    pub const fn fresh(now: Timestamp) -> Self {
        Self {
            revision: 0,
            hour_began: now,
            in_hour: 0,
            day_began: now,
            in_day: 0,
            in_row: 0,
            successes: 0,
            last_at: now,
        }
    }
}

//! The methods: one table of their rules, one trait that each implements in a file of its own, and the only
//! `match` over them besides that of the method directory.
//!
//! An approval is one transaction of at most three compare-and-sets, the same for every method: the challenge goes
//! from open to approved, the factor's mark rises, and a single-use row is consumed.
//! Charging, budgets, sign-ins, sessions, events and request ids know no method.
//!
//! ```text
//!   begin ──► enrollment: pending material, and what the person needs        (setup)
//!   bind  ──► the first right answer makes it a factor's material
//!   pose  ──► challenge: what is asked, what it is verified against, and what is sent       (prompt)
//!   read  ──► an answer of the method's form, or no charge at all
//!   verify ─► right, used before, or wrong
//! ```

use serde::{Serialize, de::DeserializeOwned};
use tidegate_core::{
    AccountId, Answer, AnswerForm, Authenticator, ChallengeId, Channel, Email, Enrollee, Entropy, Level,
    Mark, Method, ProductKey, Prompt, Purpose, Recipient, RelyingParty, Secret, Setup, Span, Timestamp,
};

use crate::{
    budget::Limits,
    device_code::DeviceCode,
    email_code::EmailCode,
    push::Push,
    recovery_codes::RecoveryCodes,
    sends::{self, Windows},
    sms_code::SmsCode,
    totp::Totp,
    webauthn::WebAuthn,
};

/// The rules of every factor of a method.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The level of a session that a first factor and this one made. `None`: the method adds
    /// nothing to a session.
    pub worth: Option<Level>,
    /// Whether owners enroll it. Passwords, recovery codes and the verified address are set in other ways.
    pub enrollable: bool,
    /// Whether an account may have more than one.
    pub several: bool,
    /// How many wrong answers a challenge or an enrollment takes; the hard limit is 10.
    pub max_tries: i64,
    /// Live challenges of one account; the hard limit is 5. A new one beyond that supersedes the oldest, so that an attacker
    /// who knows the password cannot keep the owner out.
    pub max_live: i64,
    /// How long a challenge waits for its answer; the hard limit is 10 minutes.
    pub challenge_ttl: Span,
    /// The guesses that one factor allows, across all endpoints.
    pub limits: Limits,
    /// How its codes reach the person. `None`: nothing is sent.
    pub sends: Option<Channel>,
    /// How often something is sent to one destination.
    pub windows: Windows,
    /// What is enrolled must be said when the enrollment begins.
    pub about: Enrolled,
    /// Whether the product must name a relying party.
    pub needs_relying_party: bool,
}

/// The rules that most methods share (SP 800-63B-4 §3.2.2).
pub(crate) const SECOND_FACTOR: Rules = Rules {
    worth: Some(Level::Aal2),
    enrollable: true,
    several: false,
    max_tries: 5,
    max_live: 3,
    challenge_ttl: Span::minutes(5),
    limits: Limits::SECOND_FACTOR,
    sends: None,
    windows: sends::WINDOWS,
    about: Enrolled::Nothing,
    needs_relying_party: false,
};

/// A password is no factor row: `keyring` verifies it, and its guesses are counted per account.
const PASSWORD: Rules =
    Rules { worth: Some(Level::Aal1), enrollable: false, limits: Limits::PASSWORD, ..SECOND_FACTOR };

/// What the request to enroll a factor must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    Nothing,
    /// The key of the device.
    Device,
    /// The number of the phone.
    Phone,
}

/// The names that the person is shown in a setup.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The account as its owner knows it.
    pub account: &'a str,
    /// The product's title.
    pub product: &'a str,
    pub authenticator: Authenticator,
    /// For whom a security key would sign.
    pub party: Option<&'a RelyingParty>,
    /// What is enrolled, as the request said.
    pub enrollee: Option<&'a Enrollee>,
    /// What security keys know the account by.
    pub user: [u8; 16],
    /// The lookups of the account's factors of this method: none of them is registered twice.
    pub registered: &'a [Vec<u8>],
    pub now: Timestamp,
}

/// Opened material. Its bytes are opaque to everything but this module.
pub type Opened = Secret<Vec<u8>>;

/// The material lacks what its method needs, or the method does not support the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the material of a factor cannot be used")]
pub struct Unusable;

/// An answer that does not have the method's form. It is no guess, and is not charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// A code must have so many decimal digits.
    Digits(usize),
    /// A recovery code must have 24 letters and digits.
    RecoveryCode,
    /// It must be the JSON of a public key credential.
    Credential,
    /// The credential does not name its account (`userHandle`).
    UserHandle,
    /// The number of a decision must have so many digits.
    Number(usize),
    /// A decision approves and denies at once, or denies with a number.
    Contradiction,
    /// The enrolled key did not sign what is decided.
    Signature,
    /// The method takes answers of another form.
    Form(AnswerForm),
}

/// A factor that was proved for the first time.
#[derive(Debug, Clone)]
pub struct Bound {
    pub material: Opened,
    /// The mark of the proof that activated the factor, so that the same code is worth nothing for
    /// a sign-in.
    pub mark: Mark,
    /// What an answer names the factor by.
    pub lookup: Option<Vec<u8>>,
}

/// The same, in the method's own form.
pub(crate) struct FirstProof<M> {
    pub(crate) material: M,
    pub(crate) mark: Mark,
    pub(crate) lookup: Option<Vec<u8>>,
}

/// Where a method reaches the person: only what is stored and verified (INV-30).
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    pub email: Option<&'a Email>,
    /// For whom security keys sign at the product.
    pub party: Option<&'a RelyingParty>,
}

/// What a challenge is about, as a device shows it.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    pub challenge: ChallengeId,
    pub account: AccountId,
    pub product: &'a ProductKey,
    pub purpose: Purpose,
    /// What the caller said of where the sign-in comes from.
    pub context: &'a str,
    /// What the owner calls the factor; may be empty.
    pub label: &'a str,
    pub expires_at: Timestamp,
}

/// What is to be sent by the method's channel.
pub struct Outgoing {
    pub to: Recipient,
    /// `None`: it only says that something waits.
    pub code: Option<Secret<String>>,
}

/// A challenge before it is stored.
pub struct Posed {
    pub material: Option<Opened>,
    pub prompt: Prompt,
    pub outgoing: Option<Outgoing>,
}

/// The same, in the method's own form.
pub(crate) struct Asked<P> {
    pub(crate) posed: Option<P>,
    pub(crate) prompt: Prompt,
    pub(crate) outgoing: Option<Outgoing>,
}

/// Nothing is sent: the person has the code, or reads it in an app.
impl<P> Asked<P> {
    pub(crate) const NOTHING: Self = Self { posed: None, prompt: Prompt::Nothing, outgoing: None };
}

/// The result of evaluating an answer, after it was charged.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The answer is right, but its changes still have to be compared and set.
    Right(Consumes),
    /// The answer is right, but was accepted before (replay).
    Used,
    Wrong,
    /// The answer shows that the factor was copied.
    Copied,
    /// The person denied it.
    Denied {
        /// The person says that the sign-in is not theirs.
        reported: bool,
    },
}

/// What an approval takes from the factor.
#[derive(Debug, Clone, Default)]
pub struct Consumes {
    /// The factor's mark rises to it.
    pub mark: Option<Mark>,
    /// The material that replaces the factor's.
    pub material: Option<Opened>,
    /// The code whose single-use row is consumed. Without such a row the answer is wrong.
    pub code: Option<Secret<String>>,
}

pub(crate) trait Kind {
    const RULES: Rules;
    /// What a factor's answers are verified with. An enrollment stores the same.
    type Material: Serialize + DeserializeOwned;
    /// What an answer to one challenge is verified against.
    type Posed: Serialize + DeserializeOwned;

    fn begin(
        about: About<'_>,
        entropy: &dyn Entropy,
    ) -> Result<(Self::Material, Setup<Secret<String>>), Unusable>;

    /// What is sent when the enrollment begins, and until when its code is valid.
    fn first_message(_: &Self::Material) -> Option<(Outgoing, Timestamp)> {
        None
    }

    /// Whether what the first answer is verified with is no longer valid.
    fn is_late(_: &Self::Material, _: Timestamp) -> bool {
        false
    }

    /// Where codes go, masked.
    fn hint(_: &Self::Material) -> Option<String> {
        None
    }

    /// The answer in the form that is verified.
    fn read(
        material: &Self::Material,
        posed: Option<&Self::Posed>,
        answer: &Answer,
    ) -> Result<Secret<String>, Malformed>;

    /// `None`: the answer is wrong.
    fn bind(
        pending: Self::Material,
        answer: &Secret<String>,
        now: Timestamp,
    ) -> Result<Option<FirstProof<Self::Material>>, Unusable>;

    /// Whether the factor can be asked where the person is.
    fn is_usable_at(_: &Self::Material, _: Reach<'_>) -> bool {
        true
    }

    fn pose(
        material: &Self::Material,
        reach: Reach<'_>,
        occasion: &Occasion<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Asked<Self::Posed>, Unusable>;

    /// Whether the person is still reached where the challenge was sent to.
    fn is_for(_: &Self::Posed, _: Reach<'_>) -> bool {
        true
    }

    fn verify(
        material: &Self::Material,
        posed: Option<&Self::Posed>,
        mark: Mark,
        answer: &Secret<String>,
        now: Timestamp,
    ) -> Result<Verdict, Unusable>;

    fn write(material: &Self::Material) -> Result<Opened, Unusable> {
        serde_json::to_vec(material).map(Secret::new).map_err(|_| Unusable)
    }

    fn open(material: &Opened) -> Result<Self::Material, Unusable> {
        serde_json::from_slice(material.expose()).map_err(|_| Unusable)
    }
}

/// Runs one expression with `$kind` as the type that implements the method.
macro_rules! dispatch {
    ($method:expr, $kind:ident => $run:expr) => {
        match $method {
            Method::Totp => {
                type $kind = Totp;
                $run
            }
            Method::RecoveryCodes => {
                type $kind = RecoveryCodes;
                $run
            }
            Method::EmailCode => {
                type $kind = EmailCode;
                $run
            }
            Method::WebAuthn => {
                type $kind = WebAuthn;
                $run
            }
            Method::Push => {
                type $kind = Push;
                $run
            }
            Method::DeviceCode => {
                type $kind = DeviceCode;
                $run
            }
            Method::SmsCode => {
                type $kind = SmsCode;
                $run
            }
            Method::Password => Err(Unusable.into()),
        }
    };
}

pub const fn rules(method: Method) -> &'static Rules {
    match method {
        Method::Password => &PASSWORD,
        Method::Totp => &Totp::RULES,
        Method::RecoveryCodes => &RecoveryCodes::RULES,
        Method::EmailCode => &EmailCode::RULES,
        Method::WebAuthn => &WebAuthn::RULES,
        Method::Push => &Push::RULES,
        Method::DeviceCode => &DeviceCode::RULES,
        Method::SmsCode => &SmsCode::RULES,
    }
}

/// The material of a new factor, and what the person needs to set it up.
pub fn begin(
    method: Method,
    about: About<'_>,
    entropy: &dyn Entropy,
) -> Result<(Opened, Setup<Secret<String>>), Unusable> {
    dispatch!(method, K => {
        let (material, setup) = K::begin(about, entropy)?;
        Ok((K::write(&material)?, setup))
    })
}

/// What is sent when the enrollment begins, and until when its code is valid.
pub fn first_message(method: Method, pending: &Opened) -> Result<Option<(Outgoing, Timestamp)>, Unusable> {
    dispatch!(method, K => Ok(K::first_message(&K::open(pending)?)))
}

/// Whether what the first answer is verified with is no longer valid: the enrollment goes on with a new code.
pub fn is_late(method: Method, pending: &Opened, now: Timestamp) -> Result<bool, Unusable> {
    dispatch!(method, K => Ok(K::is_late(&K::open(pending)?, now)))
}

/// Where the factor's codes go, masked for its owner. `None`: the material does not say.
pub fn hint(method: Method, material: &Opened) -> Result<Option<String>, Unusable> {
    dispatch!(method, K => Ok(K::hint(&K::open(material)?)))
}

/// Why an answer is not evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    Malformed(Malformed),
    Unusable,
}

impl From<Unusable> for Unread {
    fn from(_: Unusable) -> Self {
        Self::Unusable
    }
}

impl From<Malformed> for Unread {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Whether the material contains what its method needs.
pub fn is_usable(method: Method, material: &Opened) -> bool {
    let open = || -> Result<(), Unusable> { dispatch!(method, K => K::open(material).map(drop)) };
    open().is_ok()
}

/// The mark that makes every code worthless that is right now, or will be in the next moment. It is for a database that was
/// restored from a copy, which does not know which codes were used since. `None`: answers of the method are to a challenge, so
/// none can be used again.
pub fn floor(method: Method, material: &Opened, now: Timestamp) -> Result<Option<Mark>, Unusable> {
    match method {
        Method::Totp => Totp::open(material).map(|material| Some(material.floor(now))),
        _ => Ok(None),
    }
}

/// Whether the factor can be asked where the person is.
pub fn is_usable_at(method: Method, material: &Opened, reach: Reach<'_>) -> bool {
    let usable = || -> Result<bool, Unusable> {
        dispatch!(method, K => Ok(K::is_usable_at(&K::open(material)?, reach)))
    };
    usable().unwrap_or(false)
}

/// The answer in the form that is verified. Must be called before the guess is charged. `posed`: what the challenge asked;
/// `None` in an enrollment.
pub fn read(
    method: Method,
    material: &Opened,
    posed: Option<&Opened>,
    answer: &Answer,
) -> Result<Secret<String>, Unread> {
    dispatch!(method, K => Ok(K::read(&K::open(material)?, opened::<K>(posed)?.as_ref(), answer)?))
}

/// What a challenge posed, in the method's own form.
fn opened<K: Kind>(posed: Option<&Opened>) -> Result<Option<K::Posed>, Unusable> {
    posed.map(|posed| serde_json::from_slice(posed.expose()).map_err(|_| Unusable)).transpose()
}

/// The factor that a right first answer makes. `None`: the answer is wrong.
pub fn bind(
    method: Method,
    pending: &Opened,
    answer: &Secret<String>,
    now: Timestamp,
) -> Result<Option<Bound>, Unusable> {
    dispatch!(method, K => {
        let bound = K::bind(K::open(pending)?, answer, now)?;
        let write = |FirstProof { material, mark, lookup }| Ok(Bound { material: K::write(&material)?, mark, lookup });
        bound.map(write).transpose()
    })
}

/// Asks for one proof.
pub fn pose(
    method: Method,
    material: &Opened,
    reach: Reach<'_>,
    occasion: &Occasion<'_>,
    entropy: &dyn Entropy,
) -> Result<Posed, Unusable> {
    dispatch!(method, K => {
        let Asked { posed, prompt, outgoing } = K::pose(&K::open(material)?, reach, occasion, entropy)?;
        let material = posed.map(|posed| serde_json::to_vec(&posed).map(Secret::new)).transpose();
        Ok(Posed { material: material.map_err(|_| Unusable)?, prompt, outgoing })
    })
}

/// Whether the person is still reached where the challenge was sent to.
pub fn is_for(method: Method, posed: &Opened, reach: Reach<'_>) -> Result<bool, Unusable> {
    dispatch!(method, K => {
        serde_json::from_slice(posed.expose()).map(|posed| K::is_for(&posed, reach)).map_err(|_| Unusable)
    })
}

/// Evaluates an answer. Pure: the caller compares and sets what the answer consumes.
pub fn verify(
    method: Method,
    (material, mark): (&Opened, Mark),
    posed: Option<&Opened>,
    answer: &Secret<String>,
    now: Timestamp,
) -> Result<Verdict, Unusable> {
    dispatch!(method, K => {
        let posed = opened::<K>(posed)?;
        K::verify(&K::open(material)?, posed.as_ref(), mark, answer, now)
    })
}

//! Something people sign in to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    DirectoryEntry, LinkUrl, Malformed, Method, PasswordLength, ProductKey, RelyingParty, Revision, Span,
    Timestamp, Title, words,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub key: ProductKey,
    pub title: Title,
    pub settings: ProductSettings,
    pub revision: Revision,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What the realm's admins decide about a product, stored as one document. A setting that is added
/// later has a default. A program that does not know a setting refuses the document (INV-44).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductSettings {
    /// The page that mailed links open.
    pub link_url: LinkUrl,
    pub methods: MethodPolicy,
    /// How long a device that passed a second step may skip it; zero means never.
    pub trusted_device: Span,
    /// A session ends when it was not used for this long.
    pub session_idle: Span,
    /// A session ends this long after it began, whatever happens.
    pub session_absolute: Span,
    /// For how long after the sign-in a session can be refreshed; zero means never. Left out while it is zero, so that older
    /// programs read the document.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub refresh_ttl: Span,
    /// For whom security keys sign. Left out where the product takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relying_party: Option<RelyingParty>,
    /// What new authenticator apps are set up with. Left out while it is the default.
    #[serde(default, skip_serializing_if = "Authenticator::is_default")]
    pub authenticator: Authenticator,
    /// How messages look. Left out while it is the default, so that older programs read the document.
    #[serde(default, skip_serializing_if = "MessageStyle::is_default")]
    pub messages: MessageStyle,
    /// The shortest password that may be chosen. Left out while it is the default.
    #[serde(default, skip_serializing_if = "PasswordLength::is_default")]
    pub min_password_length: PasswordLength,
    /// How long after the second step was set up its owner is asked to use it once more; zero: never. Left out while it is the
    /// default.
    #[serde(default = "check_up_after", skip_serializing_if = "is_check_up_after")]
    pub check_up_after: Span,
    /// How long sessions last at most after more is required than they met; zero: they fail at once. Left out while it is the
    /// default.
    #[serde(default = "reauth_within", skip_serializing_if = "is_reauth_within")]
    pub reauth_within: Span,
    /// What it says of itself in the method directory. Left out where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryEntry>,
}

impl ProductSettings {
    /// The defaults.
    pub fn new(link_url: LinkUrl, methods: MethodPolicy) -> Self {
        Self {
            link_url,
            methods,
            trusted_device: Span::days(30),
            session_idle: Span::hours(1),
            session_absolute: Span::hours(24),
            refresh_ttl: Span::ZERO,
            relying_party: None,
            authenticator: Authenticator::default(),
            messages: MessageStyle::default(),
            min_password_length: PasswordLength::default(),
            check_up_after: check_up_after(),
            reauth_within: reauth_within(),
            directory: None,
        }
    }
}

const fn check_up_after() -> Span {
    Span::days(28)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_check_up_after(span: &Span) -> bool {
    *span == check_up_after()
}

const fn reauth_within() -> Span {
    Span::days(7)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_reauth_within(span: &Span) -> bool {
    *span == reauth_within()
}

/// What the codes of an authenticator app are computed with (RFC 6238). Many apps know only the defaults, and some ignore
/// what they do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authenticator {
    #[serde(default)]
    pub hash: OtpHash,
    /// 6 or 8.
    pub digits: u8,
    /// Seconds: 30 or 60.
    pub period: u32,
}

words! {
    /// The hash function of the HMAC (RFC 6238 §1.2).
    #[derive(Default)]
    OtpHash "hash function" {
        #[default]
        Sha1 = "sha1",
        Sha256 = "sha256",
        Sha512 = "sha512",
    }
}

impl Default for Authenticator {
    fn default() -> Self {
        Self { hash: OtpHash::Sha1, digits: 6, period: 30 }
    }
}

impl Authenticator {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How the messages of a product look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageStyle {
    /// The language where the call that sends a message names none.
    #[serde(default)]
    pub language: Language,
    #[serde(default)]
    pub color: Color,
}

impl MessageStyle {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

words! {
    /// A language in which messages are written (BCP 47).
    #[derive(Default)]
    Language "language" {
        #[default]
        En = "en",
        De = "de",
    }
}

/// A colour of 24 bits, as red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color([u8; 3]);

impl Default for Color {
    /// A dark blue.
    fn default() -> Self {
        Self([0x1f, 0x3a, 0x5f])
    }
}

impl Color {
    /// Whether white text on it is easier to read than black text: the contrast of WCAG 2.2 with either.
    pub fn takes_white(self) -> bool {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
        1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Color {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed("be a colour such as #1f3a5f");
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(FORM)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(FORM);
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| FORM)?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl TryFrom<String> for Color {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

/// Which methods may be enrolled and used at a product. `factors::policy` alone evaluates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodPolicy {
    /// What owners may enroll, the preferred method first.
    pub rules: Vec<MethodRule>,
    /// How many usable second factors an owner must keep while a second step is required (INV-21).
    #[serde(default = "one")]
    pub minimum: u32,
    /// Offers only phishing-resistant methods.
    #[serde(default)]
    pub phishing_resistant_only: bool,
    /// Every enrollment is confirmed by a mailed link, that of a second or later factor too.
    #[serde(default)]
    pub confirm_by_link: bool,
    /// A verified address is itself a second factor.
    #[serde(default)]
    pub email_is_factor: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodRule {
    pub method: Method,
    /// Before a factor of this method is bound, the account must have an active factor of each of these.
    #[serde(default)]
    pub requires: Vec<Method>,
    #[serde(default = "always")]
    pub removable: Removable,
}

words! {
    /// When the owner may remove a factor of a method.
    Removable "removability" {
        Always = "always",
        Never = "never",
    }
}

const fn one() -> u32 {
    1
}

const fn always() -> Removable {
    Removable::Always
}

impl MethodPolicy {
    /// These methods, without further rules.
    pub fn allowing(methods: impl IntoIterator<Item = Method>) -> Self {
        let rule = |method| MethodRule { method, requires: Vec::new(), removable: Removable::Always };
        Self {
            rules: methods.into_iter().map(rule).collect(),
            minimum: 1,
            phishing_resistant_only: false,
            confirm_by_link: false,
            email_is_factor: false,
        }
    }

    pub fn rule(&self, method: Method) -> Option<&MethodRule> {
        self.rules.iter().find(|rule| rule.method == method)
    }

    /// The rule of a method, or a plain one.
    pub fn rule_of(&self, method: Method) -> MethodRule {
        let plain = || MethodRule { method, requires: Vec::new(), removable: Removable::Always };
        self.rule(method).cloned().unwrap_or_else(plain)
    }

    /// The methods that owners may enroll, the preferred one first.
    pub fn allowed(&self) -> impl Iterator<Item = Method> + '_ {
        self.rules.iter().map(|rule| rule.method).filter(|method| *method != Method::EmailCode)
    }

    /// The methods that count here, the preferred one first: the allowed ones, and last the verified address, where it
    /// is itself a factor.
    pub fn methods(&self) -> impl Iterator<Item = Method> + '_ {
        self.allowed().chain(self.email_is_factor.then_some(Method::EmailCode))
    }
}

//! Something people sign in to.

use serde::{Deserialize, Serialize};

use crate::{LinkUrl, Method, ProductKey, Revision, Span, Timestamp, Title, words};

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
}

/// Which methods may be enrolled and used at a product. `factors::policy` alone evaluates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodPolicy {
    /// The allowed methods, the preferred one first; at least one of them is a second step.
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

    /// The allowed methods, the preferred one first.
    pub fn methods(&self) -> impl Iterator<Item = Method> + '_ {
        self.rules.iter().map(|rule| rule.method)
    }
}

//! What a product says of itself for the public directory of sites with two-factor authentication (2factorauth). The methods
//! that Tidegate offers are not stated here: they follow from the product's method policy.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Country, LinkUrl, LinkUrlError, Malformed, Timestamp, Title,
    link_url::{MAX_BYTES, is_path_or_query},
    relying_party::is_domain,
    words,
};

words! {
    /// A category of methods, in the order and spelling of the directory.
    MethodCategory "method category" {
        Sms = "sms",
        Call = "call",
        Email = "email",
        Totp = "totp",
        /// Hardware keys and passkeys (U2F, WebAuthn).
        U2f = "u2f",
        CustomSoftware = "custom-software",
        CustomHardware = "custom-hardware",
    }
}

impl MethodCategory {
    /// Whether an entry may name what the category stands for.
    pub const fn has_names(self) -> bool {
        matches!(self, Self::CustomSoftware | Self::CustomHardware)
    }
}

/// A product's part of its entry, stored in its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryEntry {
    pub domain: Domain,
    /// Where the product explains two-step to its users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation: Option<PageUrl>,
    /// Where the product explains what to do after the loss of a factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<PageUrl>,
    /// When an admin last compared the entry with the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    /// Who is to be named as the source. `None`: the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Title>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub site_categories: Vec<SiteCategory>,
    /// The only countries where the product is available. Not given together with `excluded_regions`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Country>,
    /// The countries where it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_regions: Vec<Country>,
    /// Methods that the product offers without Tidegate; no category twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<DeclaredMethod>,
}

impl DirectoryEntry {
    /// An entry that says no more than it must.
    pub const fn new(domain: Domain) -> Self {
        Self {
            domain,
            documentation: None,
            recovery: None,
            verified_at: None,
            attribution: None,
            site_categories: Vec::new(),
            regions: Vec::new(),
            excluded_regions: Vec::new(),
            declared: Vec::new(),
        }
    }

    /// The site's categories. The directory demands one.
    pub fn categories(&self) -> Vec<SiteCategory> {
        if self.site_categories.is_empty() {
            vec![SiteCategory(DEVICES.to_owned())]
        } else {
            self.site_categories.clone()
        }
    }
}

/// A method that the product offers without Tidegate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredMethod {
    pub category: MethodCategory,
    /// What it is called. Only custom software and hardware has names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Title>,
}

/// The directory's category of device clouds.
const DEVICES: &str = "iot";

macro_rules! checked_texts {
    ($($(#[$doc:meta])* $name:ident = $check:ident or $error:ty;)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, $error> {
                $check(&text)?;
                Ok(Self(text))
            }
        }
        impl FromStr for $name {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                Self::try_from(text.to_owned())
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

checked_texts! {
    /// The domain of a public site: in lower case, with a dot, an internationalised one as A-labels.
    Domain = domain or Malformed;
    /// A public page: like [`LinkUrl`], but always https, and it may have a fragment.
    PageUrl = page or LinkUrlError;
    /// What kind of site the directory files an entry under, such as `iot`.
    SiteCategory = site_category or Malformed;
}

fn domain(text: &str) -> Result<(), Malformed> {
    // RFC 1123 §2.1: letters, digits and inner hyphens.
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_public = text.len() <= 253 && text.contains('.') && text.split('.').all(is_label);
    if is_public && is_domain(text) { Ok(()) } else { Err(Malformed("be a domain such as kasa.example")) }
}

fn page(text: &str) -> Result<(), LinkUrlError> {
    if !text.starts_with("https://") {
        return Err(LinkUrlError::NotHttps);
    }
    if text.len() > MAX_BYTES {
        return Err(LinkUrlError::NoUrl);
    }
    let (page, fragment) = text.split_once('#').unwrap_or((text, ""));
    page.parse::<LinkUrl>()?;
    if is_path_or_query(fragment) { Ok(()) } else { Err(LinkUrlError::Character) }
}

fn site_category(text: &str) -> Result<(), Malformed> {
    let is_word = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase());
    if is_word { Ok(()) } else { Err(Malformed("be 1 to 32 bytes of a-z")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_site_has_a_domain() {
        for text in ["kasa.example", "login.kasa.example", "xn--bcher-kva.example", "a-1.example"] {
            assert!(text.parse::<Domain>().is_ok(), "{text}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for text in [
            "",
            "localhost",
            "Kasa.example",
            "kasa.example.",
            "kasa.example:8443",
            "https://kasa.example",
            "kasa.example/x",
            "kasa_1.example",
            "-a.example",
            "a..example",
            "bücher.example",
            "192.0.2.1",
            &long,
        ] {
            assert!(text.parse::<Domain>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_is_public_and_may_have_a_fragment() {
        for text in ["https://kasa.example/", "https://kasa.example/help?lang=de#two-step"] {
            assert!(text.parse::<PageUrl>().is_ok(), "{text}");
        }
        for (text, why) in [
            ("", LinkUrlError::NotHttps),
            ("http://localhost/help", LinkUrlError::NotHttps),
            ("javascript:alert(1)", LinkUrlError::NotHttps),
            ("https://u:p@kasa.example/", LinkUrlError::User),
            ("https://kasa.example/#a b", LinkUrlError::Character),
            ("https://kasa.example/#a#b", LinkUrlError::Character),
        ] {
            assert_eq!(text.parse::<PageUrl>(), Err(why), "{text}");
        }
        let long = format!("https://kasa.example/#{}", "x".repeat(500));
        assert_eq!(long.parse::<PageUrl>(), Err(LinkUrlError::NoUrl));
        assert!("https://kasa.example".parse::<PageUrl>().is_err(), "not in its normal form");
    }

    #[test]
    fn what_is_not_said_is_not_stored() {
        let entry = DirectoryEntry::new("kasa.example".parse().unwrap());
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(json, r#"{"domain":"kasa.example"}"#);
        assert_eq!(serde_json::from_str::<DirectoryEntry>(&json).unwrap(), entry);
        assert!(serde_json::from_str::<DirectoryEntry>(r#"{"domain":"kasa.example","more":1}"#).is_err());
        assert_eq!(entry.categories(), ["iot".parse().unwrap()]);
    }
}

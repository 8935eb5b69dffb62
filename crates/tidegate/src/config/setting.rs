//! What a setting is, and the macro that generates the types and the list of settings from one table.

use std::{fmt, ops::RangeInclusive};

use figment::value::Value;

use super::{print::quoted, settings::SETTINGS};

pub struct Setting {
    pub section: &'static str,
    /// The section's description, one line.
    pub about: &'static str,
    /// With its section: `grpc.listen`.
    pub key: &'static str,
    /// One line.
    pub help: &'static str,
    pub default: fn() -> Value,
    pub rule: Rule,
    pub shown: Shown,
    /// Whether the setting's type can be read from the value.
    pub reads: fn(&Value) -> bool,
}

/// What is allowed beyond what the type of the setting already refuses.
pub enum Rule {
    Text,
    /// Text that may be empty.
    Optional,
    Address,
    Database,
    Choice(&'static [&'static str]),
    Whole(RangeInclusive<i64>),
    Boolean,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Whole,
    Redacted,
}

impl Setting {
    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The key without its section.
    pub fn name(&self) -> &'static str {
        self.key.rsplit_once('.').map_or(self.key, |(_, name)| name)
    }

    /// Reads text as the type of the default, so that digits stay text where text is wanted.
    pub fn value_of(&self, text: &str) -> Value {
        let typed = match (self.default)() {
            Value::Num(..) => text.parse::<i64>().ok().map(Value::from),
            Value::Bool(..) => text.parse::<bool>().ok().map(Value::from),
            _ => None,
        };
        typed.unwrap_or_else(|| text.into())
    }

    pub fn accepts(&self, value: &Value) -> bool {
        let within = match &self.rule {
            Rule::Text => value.as_str() != Some(""),
            Rule::Whole(range) => value
                .to_i128()
                .and_then(|number| i64::try_from(number).ok())
                .is_some_and(|number| range.contains(&number)),
            Rule::Optional | Rule::Address | Rule::Database | Rule::Choice(_) | Rule::Boolean => true,
        };
        within && (self.reads)(value)
    }
}

/// Fits after "must be".
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text that is not empty"),
            Self::Optional => f.write_str("text"),
            Self::Address => f.write_str("an address and port such as 127.0.0.1:50051"),
            Self::Database => f.write_str("text that begins with sqlite:, postgres:// or postgresql://"),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
                write!(f, "one of {}", words.join(", "))
            }
            Self::Whole(range) => write!(f, "a whole number from {} to {}", range.start(), range.end()),
            Self::Boolean => f.write_str("true or false"),
        }
    }
}

/// The table's grammar is `key: Type = default, rule, shown;` after a line of help.
macro_rules! settings {
    ($(#[doc = $about:literal] $section:ident: $Section:ident {
        $(#[doc = $help:literal] $key:ident: $kind:ty = $default:literal, $rule:expr, $shown:expr;)+
    })+) => {
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        pub struct Config {
            $(#[doc = $about] pub $section: $Section,)+
        }

        $(
            #[doc = $about]
            #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
            pub struct $Section {
                $(#[doc = $help] pub $key: $kind,)+
            }
        )+

        pub(super) static SETTINGS: &[Setting] = &[$($(
            Setting {
                section: stringify!($section),
                about: $about.trim_ascii(),
                key: concat!(stringify!($section), ".", stringify!($key)),
                help: $help.trim_ascii(),
                default: || $default.into(),
                rule: $rule,
                shown: $shown,
                reads: |value| value.deserialize::<$kind>().is_ok(),
            },
        )+)+];
    };
}
pub(super) use settings;

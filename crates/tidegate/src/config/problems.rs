//! What can be wrong with a configuration, one line each. No problem contains a value that may be secret.

use std::{collections::BTreeSet, fmt};

use figment::value::Value;

use super::{
    print::toml,
    setting::{Setting, Shown},
    settings::SETTINGS,
};

/// Everything that was wrong, one problem on each line.
pub struct Problems(pub(super) Vec<Problem>);

/// Names are stored as they were given, and shortened by `safe` when they are printed.
pub enum Problem {
    Unreadable {
        file: String,
        reason: String,
    },
    Malformed {
        file: String,
        line: usize,
        reason: String,
    },
    UnknownSection {
        name: String,
        origin: String,
    },
    UnknownKey {
        key: String,
        origin: String,
    },
    Wrong {
        key: String,
        origin: String,
        is: String,
        must: String,
    },
    NoEquals {
        text: String,
    },
    /// A value follows its rule, but its type refuses it: a bug.
    Inconsistent {
        key: String,
    },
}

impl Problem {
    pub fn wrong(setting: &Setting, value: &Value, origin: &str) -> Self {
        Self::Wrong {
            key: setting.key.to_owned(),
            origin: origin.to_owned(),
            is: found(value, setting.shown),
            must: setting.rule.to_string(),
        }
    }

    /// The value is not shown, because it may be a secret whose key is incomplete.
    pub fn not_a_section(section: &str, value: &Value, origin: &str) -> Self {
        let settings = SETTINGS.iter().filter(|setting| setting.section == section);
        let names: Vec<_> = settings.map(Setting::name).collect();
        Self::Wrong {
            key: section.to_owned(),
            origin: origin.to_owned(),
            is: found(value, Shown::Redacted),
            must: format!("a section of {}", names.join(", ")),
        }
    }
}

impl std::error::Error for Problems {}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, reason } => write!(f, "failed to read {file}: {reason}"),
            Self::Malformed { file, line, reason } => {
                write!(f, "malformed TOML in {file}, line {line}: {reason}")
            }
            Self::UnknownSection { name, origin } => {
                let hint = hint(name, sections(name), |section| format!("\"{section}\""));
                write!(f, "unknown section \"{}\" from {origin}; {hint}", safe(name))
            }
            Self::UnknownKey { key, origin } => {
                let hint = hint(key, keys(key), |key| format!("\"{key}\""));
                write!(f, "unknown key \"{}\" from {origin}; {hint}", safe(key))
            }
            Self::Wrong { key, origin, is, must } => {
                write!(f, "wrong value for \"{key}\" from {origin}: is {is}, must be {must}")
            }
            Self::NoEquals { text } => {
                // An address with a password may follow the key.
                let key = text.split([':', ' ']).next().unwrap_or_default();
                let hint = hint(key, keys(key), |key| format!("--set {key}=VALUE"));
                write!(f, "no \"=\" in --set \"{}\"; {hint}", safe(text))
            }
            Self::Inconsistent { key } => write!(f, "failed to read \"{key}\" though it follows its rule"),
        }
    }
}

/// A name up to the first character that no name has: where a name is expected, an address with a password may stand.
pub fn safe(name: &str) -> String {
    let odd = |letter: char| !(letter.is_alphanumeric() || "_-.".contains(letter));
    match name.split_once(odd) {
        Some((before, _)) => format!("{before}…"),
        None => name.to_owned(),
    }
}

/// What was found. Of a redacted value only the type is shown: a malformed one cannot be redacted in part.
fn found(value: &Value, shown: Shown) -> String {
    let what = match value {
        Value::String(..) => "text",
        Value::Num(..) => "the number",
        Value::Bool(..) => "the boolean",
        Value::Dict(_, dict) if dict.contains_key("$__toml_private_datetime") => return "a date".into(),
        Value::Dict(..) => return "a table".into(),
        _ => return "a list".into(),
    };
    match shown {
        Shown::Whole => format!("{what} {}", toml(value)),
        Shown::Redacted => what.replace("the ", "a "),
    }
}

/// What to try instead, after the problem: the most similar names, if they are near enough to be what was meant.
fn hint(given: &str, known: impl Iterator<Item = (&'static str, usize)>, form: fn(&str) -> String) -> String {
    /// More would be no hint.
    const MAX_NAMES: usize = 4;
    let known: Vec<_> = known.collect();
    let nearest = known.iter().map(|(_, distance)| *distance).min().unwrap_or(usize::MAX);
    let mut names = known.iter().filter(|(_, distance)| *distance == nearest).map(|(name, _)| form(name));
    // One letter in three may be wrong.
    let is_near = nearest.saturating_mul(3) <= given.chars().count();
    let is_hint = is_near && names.clone().count() <= MAX_NAMES;
    match (names.next(), names.collect::<Vec<_>>().join(" or ")) {
        (Some(name), others) if is_hint && others.is_empty() => format!("did you mean {name}?"),
        (Some(name), others) if is_hint => format!("did you mean {name} or {others}?"),
        _ => "`tidegate config print --defaults` prints all".to_owned(),
    }
}

/// A key without its section is near to the key that ends in it.
fn keys(given: &str) -> impl Iterator<Item = (&'static str, usize)> {
    SETTINGS.iter().map(move |setting| {
        let whole = strsim::osa_distance(given, setting.key);
        (setting.key, whole.min(strsim::osa_distance(given, setting.name())))
    })
}

fn sections(given: &str) -> impl Iterator<Item = (&'static str, usize)> {
    let sections: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.section).collect();
    sections.into_iter().map(move |section| (section, strsim::osa_distance(given, section)))
}

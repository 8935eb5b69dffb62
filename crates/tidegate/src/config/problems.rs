//! What can be wrong with a configuration, one line each. No problem contains a value that may be secret.

use std::fmt;

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
                let nearest = nearest_section(name);
                write!(f, "unknown section \"{}\" from {origin}; did you mean \"{nearest}\"?", safe(name))
            }
            Self::UnknownKey { key, origin } => {
                let nearest = nearest_key(key);
                write!(f, "unknown key \"{}\" from {origin}; did you mean \"{nearest}\"?", safe(key))
            }
            Self::Wrong { key, origin, is, must } => {
                write!(f, "wrong value for \"{key}\" from {origin}: is {is}, must be {must}")
            }
            Self::NoEquals { text } => {
                let nearest = nearest_key(text);
                write!(f, "no \"=\" in --set \"{}\"; did you mean --set {nearest}=VALUE?", safe(text))
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

/// The most similar key. A key without its section is near to the key that ends in it.
fn nearest_key(key: &str) -> &'static str {
    let distance = |setting: &&Setting| {
        strsim::osa_distance(key, setting.key).min(strsim::osa_distance(key, setting.name()))
    };
    SETTINGS.iter().min_by_key(distance).map_or("", |setting| setting.key)
}

fn nearest_section(name: &str) -> &'static str {
    let distance = |setting: &&Setting| strsim::osa_distance(name, setting.section);
    SETTINGS.iter().min_by_key(distance).map_or("", |setting| setting.section)
}

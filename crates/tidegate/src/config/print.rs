//! The configuration as people read it. What is printed is TOML and holds no secret.

use std::fmt::Write as _;

use figment::value::Value;

use super::{
    Entry, Loaded,
    database_url::redacted,
    setting::{Rule, Setting, Shown},
    settings::SETTINGS,
};

impl Loaded {
    /// One line for each setting, with its origin as a comment.
    pub fn render(&self) -> String {
        let line = |entry: &Entry| format!("{} = {}", entry.key, entry.value);
        let width = self.entries.iter().map(|entry| line(entry).chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for entry in &self.entries {
            let _ = writeln!(text, "{:width$}  # {}", line(entry), entry.origin);
        }
        text
    }
}

/// Every setting with its help, what is allowed, and its default. Used as a file, it changes nothing.
pub fn reference() -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in SETTINGS {
        if section != setting.section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = setting.section;
            let _ = writeln!(text, "{gap}# {}\n[{section}]", setting.about);
        }
        let _ = writeln!(text, "# {}", setting.help);
        if !matches!(setting.rule, Rule::Text) {
            let _ = writeln!(text, "# Must be {}.", setting.rule);
        }
        let _ = writeln!(text, "{} = {}", setting.name(), toml(&(setting.default)()));
    }
    text
}

/// A value that its setting accepts, as TOML.
pub fn shown(setting: &Setting, value: &Value) -> String {
    match (setting.shown, value) {
        (Shown::Redacted, Value::String(_, text)) => quoted(&redacted(text)),
        _ => toml(value),
    }
}

/// Settings are text, numbers or booleans. A list or a table is no setting, and gives an empty text.
pub fn toml(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Bool(_, truth) => truth.to_string(),
        Value::Num(..) => match value.to_i128() {
            Some(number) => number.to_string(),
            None => value.to_f64().map(|number| format!("{number:?}")).unwrap_or_default(),
        },
        _ => String::new(),
    }
}

/// A basic string of TOML, which is one line whatever it contains.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

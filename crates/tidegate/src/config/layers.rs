//! Merges the sources, the stronger over the weaker. Problems are collected; none ends the work.

use std::path::Path;

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format as _, Toml},
    util::nest,
    value::{Dict, Map, Value},
};

use super::{
    Entry, Loaded, PREFIX, Problems,
    print::shown,
    problems::{Problem, safe},
    setting::Setting,
    settings::SETTINGS,
};

pub struct Layers {
    figment: Figment,
    problems: Vec<Problem>,
}

/// One value under a known key. It is a figment provider of its own, so that figment reports where it came from.
struct Given<'a> {
    key: &'a str,
    value: Value,
    origin: &'a str,
}

impl Provider for Given<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_owned())
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        let dict = nest(self.key, self.value.clone()).into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}

impl Layers {
    pub fn defaults() -> Self {
        let given =
            |setting: &Setting| Given { key: setting.key, value: (setting.default)(), origin: "default" };
        let figment = SETTINGS.iter().map(given).fold(Figment::new(), Figment::merge);
        Self { figment, problems: Vec::new() }
    }

    pub fn file(&mut self, path: &Path) {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.document(&file, &text),
            Err(error) => self.problems.push(Problem::Unreadable { file, reason: error.to_string() }),
        }
    }

    pub fn document(&mut self, file: &str, text: &str) {
        let document: Dict = match Toml::from_str(text) {
            Ok(document) => document,
            Err(error) => {
                // The error's own text quotes the line, which may contain a password.
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let reason = error.message().replace('\n', ", ");
                return self.problems.push(Problem::Malformed { file: file.to_owned(), line, reason });
            }
        };
        for (name, value) in document {
            match value {
                Value::Dict(_, keys) if is_section(&name) => {
                    for (key, value) in keys {
                        self.place(&format!("{name}.{key}"), value, file);
                    }
                }
                Value::Dict(..) => {
                    self.problems.push(Problem::UnknownSection { name, origin: file.to_owned() });
                }
                value => self.place(&name, value, file),
            }
        }
    }

    pub fn variable(&mut self, name: &str, text: &str) {
        if let Some(path) = name.strip_prefix(PREFIX) {
            let key = path.to_ascii_lowercase().replace("__", ".");
            self.place_text(&key, text, &format!("environment variable {}", safe(name)));
        }
    }

    pub fn flag(&mut self, pair: &str) {
        match pair.split_once('=') {
            Some((key, text)) => self.place_text(key, text, &format!("--set {}", safe(key))),
            None => self.problems.push(Problem::NoEquals { text: pair.to_owned() }),
        }
    }

    fn place_text(&mut self, key: &str, text: &str, origin: &str) {
        let value = Setting::find(key).map_or_else(|| text.into(), |setting| setting.value_of(text));
        self.place(key, value, origin);
    }

    fn place(&mut self, key: &str, value: Value, origin: &str) {
        if Setting::find(key).is_some() {
            self.figment = std::mem::take(&mut self.figment).merge(Given { key, value, origin });
        } else if is_section(key) {
            self.problems.push(Problem::not_a_section(key, &value, origin));
        } else {
            self.problems.push(Problem::UnknownKey { key: key.to_owned(), origin: origin.to_owned() });
        }
    }

    pub fn settle(mut self) -> Result<Loaded, Problems> {
        let mut entries = Vec::new();
        for setting in SETTINGS {
            let value = self.figment.find_value(setting.key).unwrap_or_else(|_| (setting.default)());
            let origin = self.figment.find_metadata(setting.key).map_or("default", |found| &found.name);
            if setting.accepts(&value) {
                let value = shown(setting, &value);
                entries.push(Entry { key: setting.key.to_owned(), value, origin: origin.to_owned() });
            } else {
                self.problems.push(Problem::wrong(setting, &value, origin));
            }
        }
        if !self.problems.is_empty() {
            return Err(Problems(self.problems));
        }
        match self.figment.extract() {
            Ok(config) => Ok(Loaded { config, entries }),
            // Each value was read by its own type above, so this is a bug, not the operator's mistake.
            Err(error) => Err(Problems(vec![Problem::Inconsistent { key: error.path.join(".") }])),
        }
    }
}

fn is_section(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.section == name)
}
